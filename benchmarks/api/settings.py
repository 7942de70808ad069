"""Settings that trained methods share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

Positive = Annotated[int, Meta(ge=1, le=10**9)]
Steps = Annotated[int, Meta(ge=0, le=10**9)]
Rate = Annotated[float, Meta(gt=0, le=1e12)]  # of learning
Weight = Annotated[float, Meta(ge=0, le=1e9)]  # of a loss
Reduction = Literal["mean", "sum", "norm"]  # of a loss: benchmarks.training.losses


@dataclass(frozen=True)
class TrainingSettings:
    """Schedule, batches and numerics of one training stage.

    Attributes:
        steps: optimisation steps; 0 leaves the networks as they were initialised.
        batch_size: patches per batch.
        patch_size: side of a patch in LR pixels; HR patches are scale times larger.
        learning_rate: of Adam.
        halve_every: steps after which the learning rate halves.
        beta1: of Adam.
        beta2: of Adam.
        ema_decay: of the moving average of the weights that are evaluated; 0 is off.
        precision: of the forward passes.
        recompute: compute residual blocks again in the backward pass: the same numbers in less memory.
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
