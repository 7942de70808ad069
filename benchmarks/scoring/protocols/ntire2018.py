"""Scorer of the NTIRE 2018 challenge: central window, best shift, mean matched."""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np

from benchmarks.api.image import Image
from benchmarks.scoring.alignment import REACH, SMALLEST_SEARCH, WINDOW, best_window_psnr, best_window_ssim
from benchmarks.scoring.comparisons import shaved
from benchmarks.scoring.protocol import Protocol, Score

SCALE = 4
BORDER = 10  # pixels that the challenge's scorer shaves: 6 + scale
SMALLEST = SMALLEST_SEARCH + 2 * BORDER


def windows(sr: Image, hr: Image) -> tuple[Image, Image]:
    """Steps 1 and 2 of the scorer: shave borders and cut windows.

    Args:
        sr: ``(H, W, 3)`` uint8 RGB.
        hr: ``(H, W, 3)`` uint8 RGB.

    Returns:
        The part of the SR image that windows are cut from, ``(140, 140, 3)``, and the HR image's central window, ``(60, 60, 3)``.
    """
    height, width = (side // SCALE * SCALE for side in hr.shape[:2])
    result, truth = (shaved(image[:height, :width], BORDER) for image in (sr, hr))
    top, left = ((side - WINDOW) // 2 for side in truth.shape[:2])
    area = result[top - REACH : top + WINDOW + REACH, left - REACH : left + WINDOW + REACH]
    return area, truth[top : top + WINDOW, left : left + WINDOW]


def compare_windows(sr: Image, hr: Image, rescale: bool) -> Score:
    """PSNR at its best shift, and SSIM at its own best shift.

    Args:
        sr: ``(H, W, 3)`` uint8 RGB.
        hr: ``(H, W, 3)`` uint8 RGB.
        rescale: match the mean of each window to the HR window's before PSNR.
    """
    area, target = windows(sr, hr)
    value, shift = best_window_psnr(area, target, rescale=rescale)
    return Score(value, partial(_window_ssim, area.tobytes(), target.tobytes()), shift)


@lru_cache(maxsize=64)  # entries of 70 kB: the search, most of the scorer's time, is the same with and without the rescale
def _window_ssim(area: bytes, target: bytes) -> float:
    planes = (
        np.frombuffer(pixels, np.uint8).reshape(side, side, 3) for pixels, side in ((area, SMALLEST_SEARCH), (target, WINDOW))
    )
    return best_window_ssim(*planes)[0]


NTIRE2018 = Protocol(
    name="ntire2018",
    title="NTIRE 2018 scorer: central 60x60 window, best of 6,561 shifts, mean matched",
    version=1,
    smallest=SMALLEST,
    compare=partial(compare_windows, rescale=True),
    view=None,
)
