"""Settings of noise injection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from benchmarks.api.settings import Positive, TrainingSettings

Level = Annotated[float, Meta(ge=0, le=255)]


@dataclass(frozen=True)
class NoiseInjectionSettings:
    """Noise pool, blur and schedule; SR starts from the stage ``edsr``.

    Attributes:
        training: the schedule; a noise patch has the size of a LR patch.
        stride: LR pixels between windows of X that may become noise patches.
        quantile: share of these windows that become noise patches, those with the least variance in grey.
        darkest: least mean of each channel of such a window (0-255 scale): clipping halves the noise of darker ones.
        brightest: greatest mean of each channel.
        fitted_blur: whether clean LR images are made of blurred HR images. The blur is a Gaussian, as wide as the spectra of X
            and Y say.
    """

    training: TrainingSettings
    stride: Positive
    quantile: Annotated[float, Meta(gt=0, le=1)]
    darkest: Level
    brightest: Level
    fitted_blur: bool

    def __post_init__(self) -> None:
        if self.darkest >= self.brightest:
            raise ValueError(f"darkest is {self.darkest:g}: it must be below brightest, {self.brightest:g}")
