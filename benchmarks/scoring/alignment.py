"""Search for the integer shift at which a SR image fits its HR image best, over all shifts at once.

A shift ``(dy, dx)`` compares pixel ``(y + dy, x + dx)`` of the SR image with pixel ``(y, x)`` of the HR image. A loop over all
shifts costs seconds and half a gigabyte an image. The squared errors at all shifts follow from sums of squares (integral images)
and a cross-correlation (FFT). The window at the best shift is then scored directly, without their rounding errors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.api.image import Image
from benchmarks.scoring.metrics import SSIM_K1, SSIM_K2, SSIM_RADIUS, Array, gaussian_means, psnr, ssim, window_matrix

Shift = tuple[int, int]

WINDOW = 60  # side of the scorer's window of the HR image
REACH = 40  # largest shift of the search, each way
SMALLEST_SEARCH = WINDOW + 2 * REACH  # side of the smallest image that can be searched

_INNER = WINDOW - 2 * SSIM_RADIUS  # side of the SSIM map of a window
_BLOCK = 10  # rows or columns of the SSIM map per banded product
_SLACK = 1e-4  # far above the rounding error of a mean SSIM in float32 (2e-6): the best shift is never missed
_MIDDLE = 128  # subtracted before the correlation: smaller numbers have smaller rounding errors

Single = NDArray[np.float32]


def best_window_psnr(area: Image, target: Image, *, rescale: bool) -> tuple[float, Shift]:
    """Highest PSNR of a window of the SR image, over all 6,561 shifts.

    Args:
        area: ``(140, 140, 3)`` uint8 RGB, the part of the SR image that windows are cut from; its centre is shift (0, 0).
        target: ``(60, 60, 3)`` uint8 RGB, the window of the HR image.
        rescale: multiply each window by the ratio of the target's mean over all pixels and channels to its own. A black window
            stays as it is.

    Returns:
        PSNR in dB, infinity for identical windows, and its shift; of equally good shifts the first in reading order.
    """
    result, truth = area.astype(np.int64), target.astype(np.int64)
    squares = _window_sums((result**2).sum(axis=2))
    gain: Array = np.ones(squares.shape)
    if rescale:
        sums = _window_sums(result.sum(axis=2))
        np.divide(truth.sum(), sums, out=gain, where=sums > 0)
    products = _correlation(truth, result, result.shape[:2])
    error = gain**2 * squares - 2 * gain * products[: 2 * REACH + 1, : 2 * REACH + 1]
    row, column = np.unravel_index(np.argmin(error), error.shape)
    window = area[row : row + WINDOW, column : column + WINDOW] * gain[row, column]
    return psnr(window, truth.astype(np.float64), data_range=255.0), (int(row) - REACH, int(column) - REACH)


def _window_sums(plane: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums over every window of a plane ``(H, W)``; integers, so exact."""
    integral = _integral(plane)
    rows: NDArray[np.int64] = integral[WINDOW:] - integral[:-WINDOW]
    return rows[:, WINDOW:] - rows[:, :-WINDOW]


def _integral(plane: NDArray[np.int64]) -> NDArray[np.int64]:
    """Integral image ``(H + 1, W + 1)`` of a plane ``(H, W)``: the sums over all pixels above and left."""
    integral: NDArray[np.int64] = np.pad(plane, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    return integral


def _correlation(fixed: NDArray[Any], moving: NDArray[Any], size: tuple[int, int]) -> Array:
    """Cross-correlation of two ``(H, W, C)`` images: sums of ``fixed[y, x] * moving[y + dy, x + dx]`` at ``[dy, dx]``.

    Args:
        fixed: image that stays.
        moving: image that is shifted.
        size: period of the shifts, for the FFT.
    """
    from scipy import fft

    spectrum = 0
    for channel in range(fixed.shape[2]):  # all channels at once would take three times the memory
        spectrum = spectrum + fft.rfft2(moving[..., channel], size) * fft.rfft2(fixed[..., channel], size).conj()
    correlation: Array = fft.irfft2(spectrum, size)
    return correlation


def best_window_ssim(area: Image, target: Image) -> tuple[float, Shift]:
    """Highest SSIM of a window of the SR image, over all 1,681 even shifts.

    The SSIM of every shift is computed in float32, from local moments that are filtered once for all shifts. Shifts within
    rounding of the best are then scored directly.

    Args:
        area: ``(140, 140, 3)`` uint8 RGB, the part of the SR image that windows are cut from; its centre is shift (0, 0).
        target: ``(60, 60, 3)`` uint8 RGB, the window of the HR image.

    Returns:
        Mean SSIM over channels on images in [0, 1], and its shift; of equally good shifts the first in reading order.
    """
    approximate = _ssim_at_even_shifts(area / 255.0, target / 255.0)
    best, at = -np.inf, (0, 0)
    for row, column in 2 * np.argwhere(approximate >= approximate.max() - _SLACK):
        window = area[row : row + WINDOW, column : column + WINDOW]
        value = ssim(window / 255.0, target / 255.0, data_range=1.0)
        if value > best:
            best, at = value, (int(row) - REACH, int(column) - REACH)
    return best, at


def _ssim_at_even_shifts(area: Array, target: Array) -> Array:
    """Mean SSIM ``(41, 41)`` at every even shift, with errors of about 2e-6; images in [0, 1].

    The SSIM map is (2 a b + c1)(2 cov + c2) / ((a^2 + b^2 + c1)(var_a + var_b + c2)) with local means a and b. All of it but the
    covariance comes from planes that are filtered once. Subtracting ``middle`` from the values keeps float32 exact enough.
    """
    c1, c2 = SSIM_K1**2, SSIM_K2**2
    middle = float(target.mean())
    moving = _moments(area - middle, middle)
    fixed = [plane.transpose(1, 0, 2)[:, None] for plane in _moments(target - middle, middle)]
    pixels, mean, bright, squares, variance = fixed
    scores = []
    for dy in range(0, 2 * REACH + 1, 2):
        rows = [_windows(plane[:, dy : dy + side]) for plane, side in zip(moving, (WINDOW, *[_INNER] * 4), strict=True)]
        maps = _local_means(rows[0] * pixels)
        maps -= rows[1] * mean
        maps *= 2
        maps += c2
        maps *= 2 * bright * rows[2] + c1
        maps /= (rows[3] + (squares + c1)) * (rows[4] + (variance + c2))
        scores.append(maps.mean(axis=(0, 2, 3), dtype=np.float64))
    return np.stack(scores)


def _moments(image: Array, middle: float) -> list[Single]:
    """Local moments of an image.

    Args:
        image: ``(H, W, 3)``, values less ``middle``.
        middle: number that was subtracted from the values.

    Returns:
        Five arrays in float32:

        1. ``(3, H, W)``: the pixels, less ``middle``
        2. ``(3, H - 10, W - 10)``: Gaussian local means of the pixels, less ``middle``
        3. ``(3, H - 10, W - 10)``: local means of the original values
        4. ``(3, H - 10, W - 10)``: squares of array 3
        5. ``(3, H - 10, W - 10)``: local variances
    """
    pixels = np.moveaxis(image, -1, 0)
    mean, power = gaussian_means(np.stack([pixels, pixels**2]))
    bright = mean + middle
    return [np.ascontiguousarray(plane, np.float32) for plane in (pixels, mean, bright, bright**2, power - mean**2)]


def _windows(plane: Single) -> Single:
    """Square windows ``(side, 41, 3, side)`` of planes ``(3, side, W)`` at every even shift along the rows; not copied."""
    return np.lib.stride_tricks.sliding_window_view(plane, plane.shape[1], axis=2)[:, :, ::2].transpose(1, 2, 0, 3)


def _local_means(windows: Single) -> Single:
    """Gaussian local means ``(50, n, 3, 50)`` of windows ``(60, n, 3, 60)``, by a few large banded matrix products."""
    matrix = window_matrix(_BLOCK).astype(np.float32)
    flat = windows.reshape(WINDOW, -1)
    starts = range(0, _INNER, _BLOCK)
    rows = np.concatenate([matrix @ flat[k : k + matrix.shape[1]] for k in starts]).reshape(-1, WINDOW)
    means = np.empty((rows.shape[0], _INNER), np.float32)
    for k in starts:
        np.matmul(rows[:, k : k + matrix.shape[1]], matrix.T, out=means[:, k : k + _BLOCK])
    return means.reshape(_INNER, *windows.shape[1:3], _INNER)


def best_overlap(sr: Image, hr: Image) -> Shift:
    """Shift, up to 40 pixels each way, at which SR and HR image differ least in the part where they overlap.

    Args:
        sr: ``(H, W, 3)`` uint8 RGB, sides of more than 80 pixels.
        hr: ``(H, W, 3)`` uint8 RGB.

    Returns:
        The shift with the lowest mean squared error over the overlap; of equally good shifts the smallest.
    """
    from scipy.fft import next_fast_len

    height, width = hr.shape[:2]
    shifts = np.arange(-REACH, REACH + 1)
    moving, fixed = (image.astype(np.int32) - _MIDDLE for image in (sr, hr))
    size = next_fast_len(height + REACH, real=True), next_fast_len(width + REACH, real=True)
    products = _correlation(fixed, moving, size)[np.ix_(shifts, shifts)]
    squares = _overlap_sums(moving, shifts) + _overlap_sums(fixed, -shifts)
    pixels = np.multiply.outer(height - np.abs(shifts), width - np.abs(shifts))
    error = (squares - 2 * products) / pixels
    row, column = min(np.argwhere(error <= error.min() + 1e-6), key=lambda at: (abs(shifts[at]).sum(), *at))
    return int(shifts[row]), int(shifts[column])


def _overlap_sums(image: NDArray[np.int32], shifts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums of squares of an image over its overlap with a shifted image, ``(81, 81)``, for all pairs of shifts."""
    height, width = image.shape[:2]
    integral = _integral((image**2).sum(axis=2, dtype=np.int64))
    first, cut = np.maximum(shifts, 0), np.minimum(shifts, 0)
    sums: NDArray[np.int64] = integral[height + cut] - integral[first]
    return sums[:, width + cut] - sums[:, first]


def overlap(sr: Image, hr: Image, shift: Shift) -> tuple[Image, Image]:
    """Parts of two ``(H, W, 3)`` images that overlap under a shift."""
    return _part(sr, shift), _part(hr, (-shift[0], -shift[1]))


def _part(image: Image, shift: Shift) -> Image:
    (height, width), (dy, dx) = image.shape[:2], shift
    return image[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
