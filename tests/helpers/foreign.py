"""Methods and metrics of one's own, which keep or break their contract."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from benchmarks.api.image import Image
from benchmarks.api.method import Descriptor


class Own:
    """A method that computes a function."""

    def __init__(self, enlarge: Callable[[Tensor], Any], scale: int = 4, multiple: int = 1, receptive_field: Any = 1) -> None:
        self.enlarge, self.descriptor = enlarge, Descriptor(scale, receptive_field, multiple)

    def __call__(self, lr: Tensor) -> Any:
        return self.enlarge(lr)


class OwnMetric:
    """A metric that returns what a function of the number of images returns."""

    def __init__(self, score: Callable[[int], Any]) -> None:
        self.score = score

    def score_batch(self, sr: Sequence[Image], hr: Sequence[Image]) -> Any:
        return self.score(len(sr))


def nearest(lr: Tensor, scale: int = 4) -> Tensor:
    """Every pixel ``scale`` times along both axes."""
    return lr.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
