"""Stripes, as of a sensor whose rows have different offsets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from msgspec import Meta

from benchmarks.api.image import FloatImage
from benchmarks.degradations.operator import Degradation, random_stream


@dataclass(frozen=True)
class Stripes(Degradation):
    """Adds an offset to each row, of standard deviation ``sigma`` (0-255 scale); downscales nothing."""

    name: ClassVar[str] = "stripes"

    sigma: Annotated[float, Meta(ge=0, le=255)] = 4.0
    seed: Annotated[int, Meta(ge=0)] = 0

    def apply(self, image: FloatImage, scale: int, stream: str) -> FloatImage:
        """``(H, W, 3)`` -> the same shape; the same stripes for the same stream and seed."""
        striped: FloatImage = image + random_stream(stream, self.seed).normal(scale=self.sigma, size=(len(image), 1, 1))
        return striped
