"""Settings that every trained method shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

Positive = Annotated[int, Meta(ge=1, le=10**9)]
Steps = Annotated[int, Meta(ge=0, le=10**9)]
Rate = Annotated[float, Meta(gt=0, le=1e12)]  # of learning
Weight = Annotated[float, Meta(ge=0, le=1e9)]  # of a loss


@dataclass(frozen=True)
class TrainingSettings:
    """Schedule, batches and numerics of one training stage."""

    steps: Steps  # 0: the networks stay as they were initialised
    batch_size: Positive
    patch_size: Annotated[int, Meta(ge=8, le=10**9)]  # LR pixels; HR patches are scale times larger
    learning_rate: Rate
    halve_every: Positive  # the learning rate halves after this many steps
    beta1: Annotated[float, Meta(ge=0, lt=1)]
    beta2: Annotated[float, Meta(ge=0, lt=1)]
    ema_decay: Annotated[float, Meta(ge=0, lt=1)]  # moving average of the weights that are evaluated; 0 is off
    precision: Literal["float32", "bfloat16"]  # of the forward passes
    recompute: bool = False  # residual blocks again in the backward pass: the same numbers in less memory. Old results lack it


@dataclass(frozen=True)
class PlainSettings:
    """Of a stage that has no choices but its schedule."""

    training: TrainingSettings
