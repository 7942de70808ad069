"""Base class of training stages, and helpers to write their steps."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from benchmarks.api.entries import Split
from benchmarks.api.image import Image, Pair
from benchmarks.api.method import TrainedStage
from benchmarks.api.settings import TrainingSettings
from benchmarks.core.device import device
from benchmarks.core.errors import UsageError
from benchmarks.data.pixels.images import DatasetImages
from benchmarks.data.pixels.sampler import PatchSampler
from benchmarks.training import distributed


class StageImages:
    """The training images that a stage may see: those of the splits in ``reads`` of its entry, never validation or test images.

    Args:
        images: of the data set.
        stage: name of the stage, for errors.
        reads: splits that the stage's entry declares.
    """

    def __init__(self, images: DatasetImages, stage: str, reads: Collection[Split]) -> None:
        self.scale = images.scale
        self._images, self._stage, self._reads = images, stage, reads

    def x(self) -> list[Image]:
        """Domain X: degraded LR images ``(h, w, 3)`` uint8 RGB. Raises UsageError unless the entry reads ``x``."""
        return self._declared("x").x()

    def z(self) -> list[Image]:
        """Domain Z: HR images ``(H, W, 3)`` uint8 RGB. Raises UsageError unless the entry reads ``z``."""
        return self._declared("z").z()

    def y(self) -> list[Image]:
        """Domain Y: the bicubic downscale of every image of Z, in order. Raises UsageError unless the entry reads ``z``."""
        return self._declared("z").y()

    def pairs(self) -> list[Pair]:
        """Degraded LR images and HR images, for supervised methods. Raises UsageError unless the entry reads ``pairs``."""
        return self._declared("pairs").pairs("pairs")

    def _declared(self, split: Split) -> DatasetImages:
        if split not in self._reads:
            reads = f"stage '{self._stage}' reads the split '{split}', which its entry does not declare"
            raise UsageError(f'{reads}: add "{split}" to reads')
        return self._images


@dataclass
class Context:
    """Inputs of a stage.

    Attributes:
        data: training images that the stage may see.
        generator: random state of the samplers.
        needs: trained stages that the stage starts from, by name.
    """

    data: StageImages
    generator: torch.Generator
    needs: Mapping[str, TrainedStage]

    @property
    def scale(self) -> int:
        """HR pixels per LR pixel."""
        return self.data.scale

    def sampler(self, training: TrainingSettings, images: Sequence[Image], paired: Sequence[Image] | None = None) -> PatchSampler:
        """Sampler of random patches in the sizes of the schedule, with the random state of the stage.

        Args:
            training: the schedule.
            images: ``(H, W, 3)`` uint8 RGB each.
            paired: the same images ``scale`` times larger, cut at the same places; None for unpaired training.
        """
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
    """A training stage of a method: networks, optimisers and a step.

    Attributes:
        networks: all networks with weights, by name; all are saved.
        optimizers: optimisers by name.
        learning_rates: base learning rate of each optimiser; the loop halves it by the schedule.
        averaged: names of the networks whose moving average is saved in place of the last weights.
        average_from: number of steps before averaging starts.
        discriminators: names of discriminator losses among the losses of a step; the loop checks that they still learn.
        guessing_loss: loss of a discriminator that cannot tell real from fake; 0.5 for least squares with targets 1 and 0.
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
        """Do an optimisation step.

        Args:
            index: number of steps done before.

        Returns:
            Loss terms by name, detached scalars.
        """

    @abstractmethod
    def probe(self) -> tuple[Tensor, Tensor]:
        """Input ``(N, 3, h, w)`` and output ``(N, 3, H, W)`` of the main network in the last step, for the check for collapse."""

    def mixed_precision(self) -> AbstractContextManager[Any]:
        """Context of forward passes: autocast to bfloat16 if the settings ask for it and the device has it."""
        return torch.autocast(device().type, dtype=torch.bfloat16, enabled=effective_precision(self.training) == "bfloat16")

    def adam(self, *networks: str, learning_rate: float) -> Optimizer:
        """Adam over the named networks with the stage's betas; eps 1e-8 as in the paper."""
        parameters = [parameter for name in networks for parameter in self.networks[name].parameters()]
        return torch.optim.Adam(parameters, learning_rate, (self.training.beta1, self.training.beta2), eps=1e-8, fused=True)


def make_stage(
    cls: Callable[[Any, Context], Stage], settings: Any, data: StageImages, needs: Mapping[str, TrainedStage], seed: int
) -> tuple[Stage, torch.Generator]:
    """Make a stage with fresh networks.

    Args:
        cls: class of the stage.
        settings: instance of the stage's settings dataclass.
        data: training images that the stage may see.
        needs: trained stages that the stage starts from, by name.
        seed: seed of weights and batches.

    Returns:
        The stage, and the random state of its samplers.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    return cls(settings, Context(data, generator, needs)), generator


def effective_precision(training: TrainingSettings) -> str:
    """Precision of forward passes. bfloat16 is used on devices that have it; on others it would be slower than float32."""
    if device().type == "cuda":  # noqa: SIM108 - the devices have lines of their own
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_bfloat16 = _cpu_has_bfloat16()
    return "bfloat16" if training.precision == "bfloat16" and has_bfloat16 else "float32"


def _cpu_has_bfloat16() -> bool:
    """True if the processor has bfloat16 instructions, and PyTorch and oneDNN are not limited to kernels without them.

    ``ATEN_CPU_CAPABILITY`` limits PyTorch's kernels, ``ONEDNN_MAX_CPU_ISA`` those of oneDNN. A limited library emulates bfloat16,
    several times slower than float32.
    """
    onednn_limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "ALL").upper()
    unlimited = onednn_limit in ("ALL", "DEFAULT") or any(name in onednn_limit for name in ("BF16", "FP16", "AMX", "AVX10"))
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return unlimited and supported and torch.backends.cpu.get_cpu_capability().startswith("AVX512")


def descend(optimizer: Optimizer, loss: Tensor) -> None:
    """Step an optimiser down the gradient of ``loss``."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def total(terms: Mapping[str, Tensor]) -> Tensor:
    """Sum of weighted loss terms."""
    return torch.stack(list(terms.values())).sum()


def detached(terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Loss terms without their graphs, for the history."""
    return {name: term.detach() for name, term in terms.items()}


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Keep gradients from a network's weights, inside the block; they still pass through the network."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
