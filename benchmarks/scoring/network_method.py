"""Methods that consist of a single network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.api.contract import check_input
from benchmarks.api.method import Descriptor
from benchmarks.scoring.receptive_field import receptive_field


class NetworkMethod:
    """Base class of methods that consist of a single network. Subclasses add ``from_stages``.

    Args:
        network: ``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``, RGB in [0, 1].
        scale: HR pixels per LR pixel.
    """

    def __init__(self, network: nn.Module, scale: int) -> None:
        self.network = network.eval()
        self.scale = scale

    @property
    def descriptor(self) -> Descriptor:
        """Scale and receptive field, the sum over the network's layers."""
        return Descriptor(self.scale, receptive_field(self.network))

    @torch.inference_mode()
    def __call__(self, lr: Tensor) -> Tensor:
        """Enlarge ``(N, 3, h, w)`` in [0, 1] to ``(N, 3, scale * h, scale * w)``, not clipped."""
        check_input(lr)
        sr: Tensor = self.network(lr)
        return sr
