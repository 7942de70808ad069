"""Settings of the rival methods, without torch. Profiles fill them in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from benchmarks.settings import Positive, TrainingSettings


@dataclass(frozen=True)
class EDSRSettings:
    """Size and schedule (published: 32 blocks x 256 channels, res_scale 0.1, or 16 x 64, res_scale 1)."""

    training: TrainingSettings
    channels: Positive
    blocks: Positive
    res_scale: Annotated[float, Meta(gt=0)]
    global_skip: bool  # deviation for small budgets: add the bicubic upscale, start with a zero last layer


@dataclass(frozen=True)
class FSRCNNSettings:
    """FSRCNN(features, shrunk, mappings) and its schedule (published: 56, 12, 4)."""

    training: TrainingSettings
    features: Positive
    shrunk: Positive
    mappings: Positive
