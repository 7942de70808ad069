"""Training steps written plainly, to compare ours with: the same mathematics, and nothing done to be fast.

float32, contiguous memory, for each loss term forward passes of its own, no activation used twice, no weights kept from
gradients that are thrown away, Adam as a loop over parameters, losses read one by one. What is the same by definition stays
the same: the order of updates, one pass of a discriminator over reals and fakes together where BatchNorm must see both
(``cincgan.inner.judge``), the random numbers drawn.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.optim import Adam

from benchmarks.device import device
from benchmarks.training import Stage


class Textbook(ABC):
    """The loop around the plain step of one kind of stage.

    Args:
        stage: a fresh one, whose networks, samplers and settings are used from here on; its own step is not.
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
        """Do one optimisation step and return its loss terms."""

    def advance(self, index: int) -> dict[str, float]:
        """One step with its learning rates and moving averages. Returns its losses."""
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
        """One step of the named optimisers down the gradient of ``loss``."""
        for name in optimizers:
            self.optimizers[name].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for name in optimizers:
            self.optimizers[name].step()

    def _adam(self, name: str) -> Adam:
        training = self.stage.training
        parameters = [each for group in self.stage.optimizers[name].param_groups for each in group["params"]]
        rate, betas = self.stage.learning_rates[name], (training.beta1, training.beta2)
        return Adam(parameters, rate, betas, eps=1e-8, foreach=False, fused=False)


@torch.no_grad()
def _average(average: nn.Module, network: nn.Module, decay: float) -> None:
    for mean, weight in zip(average.parameters(), network.parameters(), strict=True):
        mean.mul_(decay).add_(weight, alpha=1 - decay)


def total(terms: Mapping[str, Tensor]) -> Tensor:
    """The sum of loss terms."""
    return torch.stack(list(terms.values())).sum()
