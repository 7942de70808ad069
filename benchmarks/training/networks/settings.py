"""Settings of networks that several methods share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from benchmarks.api.settings import Positive, TrainingSettings


@dataclass(frozen=True)
class EDSRSettings:
    """Size and schedule of EDSR (published: 32 blocks x 256 channels, res_scale 0.1, or 16 x 64, res_scale 1).

    Attributes:
        training: the schedule.
        channels: channels of all convolutions.
        blocks: number of residual blocks.
        res_scale: factor of each residual.
        global_skip: add the bicubic upscale, and start with a zero last layer: a deviation for small budgets.
    """

    training: TrainingSettings
    channels: Positive
    blocks: Positive
    res_scale: Annotated[float, Meta(gt=0, le=1e3)]
    global_skip: bool
