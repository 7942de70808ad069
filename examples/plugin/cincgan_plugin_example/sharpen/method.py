"""Bicubic enlargement with unsharp masking as a method."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional

from benchmarks.api.method import Descriptor, TrainedStage

AMOUNT = 0.5  # weight of the detail that is added
RADIUS = 2  # LR pixels that the enlargement and the local mean reach


class Sharpened:
    """Enlarges an image by bicubic interpolation and adds its difference to a local mean, once more by half."""

    def __init__(self, scale: int) -> None:
        self.scale = scale

    @property
    def descriptor(self) -> Descriptor:
        """Interpolation reaches two LR pixels, and the local mean less than one."""
        return Descriptor(self.scale, receptive_field=2 * (RADIUS + 1) + 1)

    def __call__(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` in [0, 1] -> ``(N, 3, scale * h, scale * w)``."""
        enlarged = functional.interpolate(lr, scale_factor=self.scale, mode="bicubic", align_corners=False)
        padded = functional.pad(enlarged, (1, 1, 1, 1), mode="replicate")
        return enlarged + AMOUNT * (enlarged - functional.avg_pool2d(padded, 3, stride=1))

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> Sharpened:
        """Nothing is trained."""
        return cls(scale)
