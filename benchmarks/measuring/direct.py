"""Direct loops: slow, obvious forms of searches that the harness computes fast, for tests and speed figures."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.api.image import Image
from benchmarks.scoring.alignment import REACH, WINDOW, Shift, ssim_at_shifts, window_moments
from benchmarks.scoring.metrics import Array
from benchmarks.scoring.protocols.ntire2018 import BORDER, SCALE


def _cut(sr: Image, hr: Image) -> tuple[Array, Array, int, int]:
    """Steps 1 and 2 of the challenge's scorer.

    Returns:
        The SR image without its border, the central window of the HR image, and the window's top and left; images in [0, 1].
    """
    height, width = (side // SCALE * SCALE for side in hr.shape[:2])
    result, truth = (image[BORDER : height - BORDER, BORDER : width - BORDER] / 255.0 for image in (sr, hr))
    top, left = (truth.shape[0] - WINDOW) // 2, (truth.shape[1] - WINDOW) // 2
    return result, truth[top : top + WINDOW, left : left + WINDOW], top, left


def ntire2018_psnr(sr: Image, hr: Image, *, rescale: bool = True) -> tuple[float, Shift]:
    """PSNR of the challenge's scorer, from all 6,561 windows in turn.

    Args:
        sr: ``(H, W, 3)`` uint8 RGB.
        hr: ``(H, W, 3)`` uint8 RGB.
        rescale: match the mean of each window to the HR window's.

    Returns:
        PSNR in dB, and its shift.
    """
    result, target, top, left = _cut(sr, hr)
    best, at = -math.inf, (0, 0)
    for dy in range(-REACH, REACH + 1):
        for dx in range(-REACH, REACH + 1):
            window = result[top + dy : top + dy + WINDOW, left + dx : left + dx + WINDOW]
            if rescale and window.any():
                window = window * (target.mean() / window.mean())
            error = float(np.mean((window - target) ** 2))
            value = math.inf if error == 0 else -10 * math.log10(error)
            if value > best:
                best, at = value, (dy, dx)
    return best, at


def ntire2018_ssim(sr: Image, hr: Image) -> tuple[float, Shift]:
    """SSIM of the challenge's scorer and its shift, from all 1,681 windows at even shifts in turn, by scikit-image."""
    from skimage.metrics import structural_similarity

    result, target, top, left = _cut(sr, hr)
    best, at = -math.inf, (0, 0)
    for dy in range(-REACH, REACH + 1, 2):
        for dx in range(-REACH, REACH + 1, 2):
            window = result[top + dy : top + dy + WINDOW, left + dx : left + dx + WINDOW]
            value = float(
                structural_similarity(  # type: ignore[no-untyped-call]
                    target, window, data_range=1.0, gaussian_weights=True, use_sample_covariance=False, channel_axis=2
                )
            )
            if value > best:
                best, at = value, (dy, dx)
    return best, at


def ssim_at_every_shift(area: Image, target: Image) -> Shift:
    """Shift of the best SSIM, from the maps of all 1,681 windows at once: what the search saves by estimates.

    Args:
        area: ``(140, 140, 3)`` uint8 RGB, the part of the SR image that windows are cut from.
        target: ``(60, 60, 3)`` uint8 RGB, the window of the HR image.
    """
    steps = REACH + 1
    row, column = divmod(int(np.argmax(ssim_at_shifts(*window_moments(area, target), np.arange(steps**2)))), steps)
    return 2 * row - REACH, 2 * column - REACH
