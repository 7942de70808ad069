"""Settings of blind-synthetic training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.api.settings import Positive, TrainingSettings


@dataclass(frozen=True)
class BlindSyntheticSettings:
    """Degradation model and schedule; SR starts from the stage ``edsr``.

    Attributes:
        training: the schedule.
        degradation: the model that makes LR patches, with its published ranges.
        jpeg: whether the model compresses images; of no effect on ``first-order``, which has no JPEG.
        pool: number of pairs that are made in the first step; batches are drawn from them.
    """

    training: TrainingSettings
    degradation: Literal["first-order", "real-esrgan", "bsrgan"]
    jpeg: bool
    pool: Positive
