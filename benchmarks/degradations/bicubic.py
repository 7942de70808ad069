"""Bicubic downscaling, the clean degradation of super-resolution benchmarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from benchmarks.api.image import FloatImage
from benchmarks.degradations.imresize import imresize
from benchmarks.degradations.operator import Degradation


@dataclass(frozen=True)
class Bicubic(Degradation):
    """MATLAB's bicubic downscaling with antialiasing. Y, the clean LR images, is made of Z by this operator."""

    name: ClassVar[str] = "bicubic"
    random: ClassVar[bool] = False

    def apply(self, image: FloatImage, scale: int, stream: str) -> FloatImage:
        """``(H, W, 3)`` -> ``(H / scale, W / scale, 3)``."""
        return imresize(image, 1 / scale)
