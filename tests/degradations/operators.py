"""Operators that tests join to pipelines: one that blurs and draws nothing, one that adds noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from benchmarks.api.image import FloatImage
from benchmarks.degradations.operator import Degradation, random_stream


@dataclass(frozen=True)
class RowBlur(Degradation):
    """The mean of neighbouring rows, cyclic."""

    name: ClassVar[str] = "row-blur"
    random: ClassVar[bool] = False

    rows: int = 2

    def apply(self, image: FloatImage, scale: int, stream: str) -> FloatImage:
        return np.mean([np.roll(image, row, axis=0) for row in range(self.rows)], axis=0)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Noise(Degradation):
    """White noise."""

    name: ClassVar[str] = "noise"

    sigma: float = 20.0
    seed: int = 0

    def apply(self, image: FloatImage, scale: int, stream: str) -> FloatImage:
        return image + self.sigma * random_stream(stream, self.seed).normal(size=image.shape)
