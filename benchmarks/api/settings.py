"""Settings that trained methods share, and types of settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

Positive = Annotated[int, Meta(ge=1, le=10**9)]
Steps = Annotated[int, Meta(ge=0, le=10**9)]
Rate = Annotated[float, Meta(gt=0, le=1e12)]  # learning rate
Weight = Annotated[float, Meta(ge=0, le=1e9)]  # weight of a loss
Reduction = Literal["mean", "sum", "norm"]  # reduction of errors to a loss: benchmarks.training.losses


@dataclass(frozen=True)
class TrainingSettings:
    """Schedule, batches and numerics of one training stage.

    Attributes:
        steps: number of optimisation steps; 0 leaves the networks as they were initialised.
        batch_size: patches per batch.
        patch_size: side of a patch in LR pixels; HR patches are scale times larger.
        learning_rate: learning rate of Adam.
        halve_every: number of steps after which the learning rate halves.
        beta1: decay of Adam's first moment.
        beta2: decay of Adam's second moment.
        ema_decay: decay of the moving average of the weights that are evaluated; 0 for the last weights.
        precision: precision of forward passes.
        recompute: whether residual blocks are computed again in the backward pass: the same numbers in less memory.
    """

    steps: Steps
    batch_size: Positive
    patch_size: Annotated[int, Meta(ge=8, le=10**9)]
    learning_rate: Rate
    halve_every: Positive
    beta1: Annotated[float, Meta(ge=0, lt=1)]
    beta2: Annotated[float, Meta(ge=0, lt=1)]
    ema_decay: Annotated[float, Meta(ge=0, lt=1)]
    precision: Literal["float32", "bfloat16"]
    recompute: bool = False


@dataclass(frozen=True)
class PlainSettings:
    """Settings of a stage that has no choices but its schedule."""

    training: TrainingSettings
