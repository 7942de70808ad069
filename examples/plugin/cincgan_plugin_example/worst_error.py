"""The largest error of a pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.api.entries import MetricEntry
from benchmarks.api.image import Image

WORST_ERROR = MetricEntry(
    "worst-error", "worst error", higher_is_better=False, digits=0, target="cincgan_plugin_example.worst_error:WorstError"
)


class WorstError:
    """Largest absolute difference of two images on the 0-255 scale."""

    def score_batch(self, sr: Sequence[Image], hr: Sequence[Image]) -> list[float]:
        """Score of each pair of ``(H, W, 3)`` uint8 RGB images."""
        return [float(np.abs(result.astype(int) - truth).max()) for result, truth in zip(sr, hr, strict=True)]
