"""Comparison of a SR image with nothing: the place of a protocol where there is no ground truth."""

from __future__ import annotations

import math

from benchmarks.api.image import Image
from benchmarks.results.record import NO_REFERENCE
from benchmarks.scoring.protocol import Protocol, Score


def _compare(sr: Image, hr: Image) -> Score:
    """No score against a ground truth."""
    return Score(math.nan, lambda: math.nan)


def _view(sr: Image, hr: Image, score: Score) -> tuple[Image, Image]:
    """The SR image twice: no-reference metrics do not look at the second."""
    return sr, sr


WITHOUT_TRUTH = Protocol(NO_REFERENCE, "no ground truth: metrics of SR images alone, whole image", 1, 1, _compare, _view)
