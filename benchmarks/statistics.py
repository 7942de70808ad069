"""Means with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean and its 95 % interval, in the unit of the values."""

    mean: float
    low: float
    high: float


def bootstrap_mean(values: Sequence[float]) -> Estimate:
    """Mean and percentile-bootstrap interval over images; seeded, so the same values give the same interval.

    An infinite value (PSNR of identical images) makes all three infinite.
    """
    data = np.asarray(values, dtype=np.float64)
    if not np.isfinite(data).all():
        return Estimate(*[float(data.mean())] * 3)
    indices = np.random.default_rng(0).integers(len(data), size=(RESAMPLES, len(data)))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(data[indices].mean(axis=1), [tail, 1 - tail])
    return Estimate(float(data.mean()), float(low), float(high))
