"""Contrast of scored windows: where the HR window is flat, a score measures noise and not detail."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from benchmarks.api.image import Image, Pair
from benchmarks.scoring.alignment import WINDOW
from benchmarks.scoring.metrics import luma

BLOCK = 6  # pixels a side; the scorer's window has 10 x 10 blocks
FLAT = 3.0  # of 255: below it, blocks vary less than the sensor noise of all degradations here


def local_contrast(window: Image) -> float:
    """Median over blocks of ``BLOCK`` x ``BLOCK`` pixels of the standard deviation of luma, on the 0-255 scale.

    Args:
        window: ``(H, W, 3)`` uint8 RGB.
    """
    height, width = (side // BLOCK for side in window.shape[:2])
    plane = luma(window[: height * BLOCK, : width * BLOCK])
    return float(np.median(plane.reshape(height, BLOCK, width, BLOCK).std(axis=(1, 3))))


def without_contrast(pairs: Iterable[Pair]) -> list[str]:
    """Names of the images whose central window, the one that the NTIRE 2018 scorer compares, is flat."""
    return [pair.name for pair in pairs if local_contrast(_centre(pair.hr)) < FLAT]


def _centre(image: Image) -> Image:
    """The central ``WINDOW`` x ``WINDOW`` pixels, or as many as there are."""
    top, left = (max(0, (side - WINDOW) // 2) for side in image.shape[:2])
    return image[top : top + WINDOW, left : left + WINDOW]
