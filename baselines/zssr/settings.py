"""Settings of ZSSR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from benchmarks.api.settings import Positive, Rate, Steps, Weight


@dataclass(frozen=True)
class ZSSRSettings:
    """Network and schedule, of each of the two factors: half the scale, then the scale.

    Attributes:
        layers: 3x3 convolutions.
        channels: between them.
        steps: optimisation steps at most.
        patch_size: side, at most, of a crop of the image that stands for a HR image, in its pixels.
        noise: standard deviation of white noise on its downscale, in [0, 1].
        learning_rate: learning rate of Adam at the start. It falls to a tenth where the reconstruction error no longer falls.
        check_every: steps from one reconstruction error to the next.
        window: steps over which the slope of the error is fitted, and between two falls of the rate at least; three or more times
            ``check_every``.
    """

    layers: Annotated[int, Meta(ge=2, le=1000)]
    channels: Positive
    steps: Steps
    patch_size: Annotated[int, Meta(ge=16, le=10**9)]
    noise: Weight
    learning_rate: Rate
    check_every: Positive
    window: Positive

    def __post_init__(self) -> None:
        if self.window < 3 * self.check_every:
            raise ValueError(f"window {self.window}: needs {3 * self.check_every} or more, three times check_every")
