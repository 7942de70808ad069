"""Bicubic interpolation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from benchmarks.api.contract import check_input
from benchmarks.api.method import Descriptor, TrainedStage
from benchmarks.degradations.imresize import imresize

if TYPE_CHECKING:
    from torch import Tensor


class Bicubic:
    """Bicubic interpolation to ``scale`` times the size, as MATLAB's ``imresize``."""

    def __init__(self, scale: int) -> None:
        self.scale = scale

    @property
    def descriptor(self) -> Descriptor:
        """Scale and receptive field, two LR pixels each way."""
        return Descriptor(self.scale, receptive_field=5)

    def __call__(self, lr: Tensor) -> Tensor:
        """Enlarge ``(N, 3, h, w)`` in [0, 1] to ``(N, 3, scale * h, scale * w)``, not clipped."""
        import torch

        check_input(lr)
        images = [imresize(image.permute(1, 2, 0).cpu().double().numpy(), self.scale) for image in lr]
        return torch.stack([torch.from_numpy(image).permute(2, 0, 1) for image in images]).float()

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> Bicubic:
        """Build the method; there are no trained stages."""
        return cls(scale)
