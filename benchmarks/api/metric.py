"""The interface of a metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from benchmarks.api.image import Image


class Metric(Protocol):
    """A similarity of a SR image to its HR image, beside PSNR and SSIM; made once, then used for many images."""

    def score_batch(self, sr: Sequence[Image], hr: Sequence[Image]) -> list[float]:
        """Scores of several pairs.

        Args:
            sr: results, ``(H, W, 3)`` uint8 RGB, all of one size.
            hr: ground truths, as many and of the same size.

        Returns:
            One number per pair.

        Raises:
            UsageError: the metric does not suit an image.
        """
        ...
