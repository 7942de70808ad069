"""The base class of training stages, and what a step is written with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from benchmarks.api.image import Image
from benchmarks.api.method import TrainedStage
from benchmarks.api.settings import TrainingSettings
from benchmarks.core.device import device
from benchmarks.data.pixels.images import DatasetImages
from benchmarks.data.pixels.sampler import PatchSampler
from benchmarks.training import distributed


@dataclass
class Context:
    """What a stage starts from.

    Attributes:
        data: images of the data set.
        generator: the random state that samplers draw from.
        needs: trained stages that the stage starts from, by name.
    """

    data: DatasetImages
    generator: torch.Generator
    needs: Mapping[str, TrainedStage]

    @property
    def scale(self) -> int:
        """HR pixels per LR pixel."""
        return self.data.scale

    def sampler(self, training: TrainingSettings, images: Sequence[Image], paired: Sequence[Image] | None = None) -> PatchSampler:
        """A sampler of batches of patches as the schedule asks for, drawn from the stage's random state."""
        return PatchSampler(
            images,
            patch_size=training.patch_size,
            batch_size=training.batch_size,
            generator=self.generator,
            paired=paired,
            share=distributed.own_share(training.batch_size),
            device=device(),
        )


class Stage(ABC):
    """A training stage of a method: networks, optimisers, and one step.

    Attributes:
        networks: all networks with weights, by name; all are saved.
        optimizers: by name, each with its base learning rate in ``learning_rates``.
        averaged: networks whose moving average is saved in place of the last weights.
        average_from: steps done before averaging starts.
        discriminators: names of discriminator losses in what ``step`` returns; watched for being stuck.
        guessing_loss: the loss of a discriminator that cannot tell; 0.5 for least squares with targets 1 and 0.
    """

    networks: dict[str, nn.Module]
    optimizers: dict[str, Optimizer]
    learning_rates: dict[str, float]
    averaged: tuple[str, ...]
    average_from: int = 0
    discriminators: tuple[str, ...] = ()
    guessing_loss: float = 0.5

    def __init__(self, training: TrainingSettings) -> None:
        self.training = training

    @abstractmethod
    def step(self, index: int) -> dict[str, Tensor]:
        """Do one optimisation step and return its loss terms, detached scalars."""

    @abstractmethod
    def probe(self) -> tuple[Tensor, Tensor]:
        """The last step's input and the output of the stage's main network, for the check for constant output."""

    def mixed_precision(self) -> AbstractContextManager[Any]:
        """The context of forward passes: bfloat16 autocast where asked for and in hardware, or nothing."""
        return torch.autocast(device().type, dtype=torch.bfloat16, enabled=effective_precision(self.training) == "bfloat16")

    def adam(self, *networks: str, learning_rate: float) -> Optimizer:
        """Adam over the named networks with the stage's betas; eps 1e-8 as in the paper."""
        parameters = [parameter for name in networks for parameter in self.networks[name].parameters()]
        return torch.optim.Adam(parameters, learning_rate, (self.training.beta1, self.training.beta2), eps=1e-8, fused=True)


def make_stage(
    cls: Callable[[Any, Context], Stage], settings: Any, data: DatasetImages, needs: Mapping[str, TrainedStage], seed: int
) -> tuple[Stage, torch.Generator]:
    """A stage with fresh networks, and the random state that its samplers draw from; both follow from the seed."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    return cls(settings, Context(data, generator, needs)), generator


def effective_precision(training: TrainingSettings) -> str:
    """Precision of the forward passes: bfloat16 only where the device has it, for elsewhere it is slower than float32."""
    if device().type == "cuda":
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_bfloat16 = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return "bfloat16" if training.precision == "bfloat16" and has_bfloat16 else "float32"


def descend(optimizer: Optimizer, loss: Tensor) -> None:
    """One optimiser step down the gradient of ``loss``."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def total(terms: Mapping[str, Tensor]) -> Tensor:
    """The sum of weighted loss terms."""
    return torch.stack(list(terms.values())).sum()


def detached(terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Loss terms for the history, cut from their graphs."""
    return {name: term.detach() for name, term in terms.items()}


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Gradients pass through the network, and its own weights get none."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
