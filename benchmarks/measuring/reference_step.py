"""Reference steps: the mathematics of a stage's training step written plainly, without any acceleration.

A reference step has float32, contiguous memory, a forward pass for each loss term, gradients of all weights even where they are
thrown away, Adam as a loop over parameters, and losses that are read one by one. Some things are part of a step's definition and
stay the same: the order of updates, the random numbers, and the single pass of a discriminator over real and fake images where
BatchNorm must see both (``training.least_squares_gan``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import Adam

from benchmarks.api.settings import Reduction
from benchmarks.core.device import device
from benchmarks.training.distributed import noise_like
from benchmarks.training.losses import least_squares_discriminator_loss, least_squares_generator_loss
from benchmarks.training.pair_source import SourcedPairStage
from benchmarks.training.pairs import PairStage
from benchmarks.training.stage import Stage


class ReferenceStep(ABC):
    """Base class of reference steps, with learning rates and moving averages. Subclasses write the step.

    Args:
        stage: a fresh stage. Its networks, samplers and settings are used; its own step is not.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.networks = {
            name: network.to(device()).to(memory_format=torch.contiguous_format).train()
            for name, network in stage.networks.items()
        }
        self.optimizers = {name: self._adam(name) for name in stage.optimizers}
        decay = stage.training.ema_decay
        self.averages = {name: deepcopy(self.networks[name]) for name in stage.averaged if decay}

    @abstractmethod
    def step(self, index: int) -> dict[str, Tensor]:
        """Do an optimisation step.

        Args:
            index: number of steps done before.

        Returns:
            Loss terms by name, scalars in the order of the stage's own step.
        """

    def advance(self, index: int) -> dict[str, float]:
        """Do a step with its learning rates and moving averages. Returns the losses of the step."""
        training = self.stage.training
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = self.stage.learning_rates[name] * 0.5 ** (index // training.halve_every)
        losses = {name: loss.item() for name, loss in self.step(index).items()}
        if index >= self.stage.average_from:
            for name, average in self.averages.items():
                _average(average, self.networks[name], training.ema_decay)
        return losses

    def descend(self, loss: Tensor, *optimizers: str) -> None:
        """Step the named optimisers down the gradient of ``loss``."""
        for name in optimizers:
            self.optimizers[name].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for name in optimizers:
            self.optimizers[name].step()

    def _adam(self, name: str) -> Adam:
        training = self.stage.training
        parameters = [parameter for group in self.stage.optimizers[name].param_groups for parameter in group["params"]]
        rate, betas = self.stage.learning_rates[name], (training.beta1, training.beta2)
        return Adam(parameters, rate, betas, eps=1e-8, foreach=False, fused=False)


class PairReferenceStep(ReferenceStep):
    """Reference of ``PairStage``: SR on a pixel loss."""

    stage: PairStage

    def draw_pairs(self) -> tuple[Tensor, Tensor]:
        """The next batch of the sampler."""
        return self.stage.sampler.draw_pairs()

    def pixel_step(self) -> dict[str, Tensor]:
        """Update SR on the pixel loss of a batch."""
        lr, hr = self.draw_pairs()
        terms = self.stage.loss(self.networks["sr"](lr.contiguous()), hr.contiguous())
        self.descend(total(terms), "sr")
        return terms

    def step(self, index: int) -> dict[str, Tensor]:
        """Do the step of ``PairStage``."""
        return self.pixel_step()


class SourcedPairReferenceStep(PairReferenceStep):
    """Reference of ``SourcedPairStage``: SR on a pixel loss of pairs that a source makes."""

    stage: SourcedPairStage

    def draw_pairs(self) -> tuple[Tensor, Tensor]:
        """The next batch of the source."""
        return self.stage.draw_pairs()


class AdversarialReferenceStep(ReferenceStep):
    """Base class of references with least-squares discriminators.

    Convolutions with a forward pass of their own, made to be faster, get that of ``nn.Conv2d``.
    """

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        for module in (module for network in self.networks.values() for module in network.modules()):
            if isinstance(module, nn.Conv2d):
                module.forward = partial(nn.Conv2d.forward, module)  # type: ignore[method-assign]

    def discriminator_scores(self, name: str, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Patch scores of real and fake images ``(N, 3, H, W)``, from a single pass over both."""
        discriminator = self.networks[name]
        images = torch.cat([real, fake])
        if instance_noise := getattr(discriminator, "instance_noise", 0.0):
            images = images + instance_noise * noise_like(images, parts=2).contiguous()
        scores: Tensor = discriminator(images)
        return scores[: len(real)], scores[len(real) :]

    def update_discriminator(self, name: str, real: Tensor, fake: Tensor) -> Tensor:
        """Update the discriminator ``name`` by a step. Returns its loss."""
        loss = least_squares_discriminator_loss(*self.discriminator_scores(name, real, fake.detach()))
        self.descend(loss, name)
        return loss

    def adversarial_loss(self, name: str, real: Tensor, fake: Tensor, reduction: Reduction) -> Tensor:
        """Adversarial loss of a generator under the discriminator ``name``."""
        return least_squares_generator_loss(self.discriminator_scores(name, real, fake)[1], reduction)


@torch.no_grad()
def _average(average: nn.Module, network: nn.Module, decay: float) -> None:
    for mean, weight in zip(average.parameters(), network.parameters(), strict=True):
        mean.mul_(decay).add_(weight, alpha=1 - decay)


def total(terms: Mapping[str, Tensor]) -> Tensor:
    """Sum of loss terms, independent of ``benchmarks.training.stage``: the reference step checks that module."""
    return torch.stack(list(terms.values())).sum()
