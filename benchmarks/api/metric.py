"""Interface of metrics beside PSNR and SSIM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from benchmarks.api.image import Image


class Metric(Protocol):
    """Similarity or distance of a SR image to its HR image. An instance is made once and used for many images."""

    def score_batch(self, sr: Sequence[Image], hr: Sequence[Image]) -> list[float]:
        """Score pairs of images.

        Args:
            sr: SR images ``(H, W, 3)`` uint8 RGB, all of the same size.
            hr: HR images of that size, as many.

        Returns:
            A number for each pair.

        Raises:
            UsageError: the metric does not suit an image.
        """
        ...
