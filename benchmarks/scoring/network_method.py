"""Methods that are one network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.api.method import Descriptor
from benchmarks.scoring.receptive_field import receptive_field


class NetworkMethod:
    """A method that is one network: ``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``, RGB in [0, 1]."""

    def __init__(self, network: nn.Module, scale: int) -> None:
        self.network = network.eval()
        self.scale = scale

    @property
    def descriptor(self) -> Descriptor:
        """The receptive field is that of the network's layers added up."""
        return Descriptor(self.scale, receptive_field(self.network))

    @torch.inference_mode()
    def __call__(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` in [0, 1] -> ``(N, 3, scale * h, scale * w)``, not clipped."""
        sr: Tensor = self.network(lr)
        return sr
