"""Search for the integer shift at which a SR image fits its HR image best, over all shifts at once.

A shift ``(dy, dx)`` compares pixel ``(y + dy, x + dx)`` of the SR image with pixel ``(y, x)`` of the HR image. A loop over all
shifts costs seconds and half a gigabyte an image. The squared errors at all shifts follow from sums of squares (integral images)
and a cross-correlation (FFT). The window at the best shift is then scored directly, without their rounding errors.
"""

from __future__ import annotations

from collections.abc import Sequence
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
_SHIFTS = REACH + 1  # even shifts of the search along each axis
_SAMPLES = slice(2, _INNER, 4)  # rows and columns of the SSIM map that estimates are made of
_ROWS = 4  # of the samples per product: its matrix is a band, and zeros are left out
_FEWEST = 16  # shifts whose estimates are compared with their values: the largest error tells how good all estimates are
_MARGIN = 0.04  # shifts are left out if their estimate is further below the best value, and by more than four times that error
_TIE = 1e-3  # in squared 8-bit steps over a window: far above rounding (1e-7), below a difference of one pixel by one step
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
        PSNR in dB, infinity for identical windows, and its shift; of equally good shifts the smallest.
    """
    result, truth = area.astype(np.int64), target.astype(np.int64)
    squares = _window_sums((result**2).sum(axis=2))
    gain: Array = np.ones(squares.shape)
    if rescale:
        sums = _window_sums(result.sum(axis=2))
        np.divide(truth.sum(), sums, out=gain, where=sums > 0)
    products = _correlation(truth, result, result.shape[:2])
    error = gain**2 * squares - 2 * gain * products[: 2 * REACH + 1, : 2 * REACH + 1]
    row, column = _smallest_shift(np.argwhere(error <= error.min() + _TIE))
    window = area[row : row + WINDOW, column : column + WINDOW] * gain[row, column]
    return psnr(window, truth.astype(np.float64), data_range=255.0), (row - REACH, column - REACH)


def _smallest_shift(places: NDArray[np.int64]) -> tuple[int, int]:
    """Row and column of the place nearest to shift (0, 0), the first in reading order of several; flat windows fit everywhere."""
    distances = np.abs(places - REACH).sum(axis=1)
    row, column = places[np.argmin(distances)]
    return int(row), int(column)


def _window_sums(plane: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums over every window of a plane ``(H, W)``; integers, so exact."""
    integral = _integral(plane)
    rows: NDArray[np.int64] = integral[WINDOW:] - integral[:-WINDOW]
    return rows[:, WINDOW:] - rows[:, :-WINDOW]


def _integral(plane: NDArray[np.int64]) -> NDArray[np.int64]:
    """Integral image ``(H + 1, W + 1)`` of a plane ``(H, W)``: the sums over all pixels above and left."""
    integral: NDArray[np.int64] = np.pad(plane, ((1, 0), (1, 0)))
    for axis in (0, 1):
        np.cumsum(integral, axis, out=integral)
    return integral


def _correlation(fixed: NDArray[Any], moving: NDArray[Any], size: tuple[int, int], middle: int = 0) -> Array:
    """Cross-correlation of two ``(H, W, C)`` images: sums of ``fixed[y, x] * moving[y + dy, x + dx]`` at ``[dy, dx]``.

    Args:
        fixed: image that stays.
        moving: image that is shifted.
        size: period of the shifts, for the FFT.
        middle: subtracted from the values of both.
    """
    from scipy import fft

    spectrum = np.zeros((size[0], size[1] // 2 + 1), np.complex128)
    for channel in range(fixed.shape[2]):  # all channels at once would take three times the memory
        product = fft.rfft2(fixed[..., channel].astype(np.float64) - middle, size)
        np.conjugate(product, out=product)
        product *= fft.rfft2(moving[..., channel].astype(np.float64) - middle, size)
        spectrum += product
    correlation: Array = fft.irfft2(spectrum, size, overwrite_x=True)
    return correlation


def best_window_ssim(area: Image, target: Image) -> tuple[float, Shift]:
    """Highest SSIM of a window of the SR image, over all 1,681 even shifts.

    The SSIM of every shift is estimated from a sample of its map. Shifts near the best are computed in full, in float32; how near
    follows from the errors of the estimates. Shifts within rounding of the best are then scored directly.

    Args:
        area: ``(140, 140, 3)`` uint8 RGB, the part of the SR image that windows are cut from; its centre is shift (0, 0).
        target: ``(60, 60, 3)`` uint8 RGB, the window of the HR image.

    Returns:
        Mean SSIM over channels on images in [0, 1], and its shift; of equally good shifts the first in reading order.
    """
    moving, fixed = window_moments(area, target)
    estimates = _sampled_ssim(moving, fixed)
    shifts = np.argpartition(estimates, -_FEWEST)[-_FEWEST:]
    values = ssim_at_shifts(moving, fixed, shifts)
    margin = max(_MARGIN, 4 * float(np.abs(values - estimates[shifts]).max()))
    shifts = np.flatnonzero(estimates >= values.max() - margin)
    values = ssim_at_shifts(moving, fixed, shifts)
    best, at, seen = -np.inf, (0, 0), set[bytes]()
    for row, column in zip(*_tops_and_lefts(shifts[values >= values.max() - _SLACK]), strict=True):
        window = area[row : row + WINDOW, column : column + WINDOW]
        if (content := window.tobytes()) not in seen:  # flat areas have hundreds of equal windows
            seen.add(content)
            value = ssim(window / 255.0, target / 255.0, data_range=1.0)
            if value > best:
                best, at = value, (int(row) - REACH, int(column) - REACH)
    return best, at


def _tops_and_lefts(shifts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First rows and first columns, in the area, of the windows at even shifts, which are numbered in reading order."""
    return 2 * (shifts // _SHIFTS), 2 * (shifts % _SHIFTS)


def _sampled_ssim(moving: Sequence[Single], fixed: Sequence[Single]) -> Single:
    """Estimates ``(1681,)`` of the mean SSIM at every even shift: the mean over every fourth row and column of the SSIM map.

    Sums over rows of the window are matrix products over all shifts at once: for a column of the HR window, row ``p`` of the
    matrix has the Gaussian weights around sample ``p`` times the column's pixels.

    Args:
        moving: moments of the SR image's area.
        fixed: moments of the HR image's window.
    """
    weights = window_matrix(_INNER)[_SAMPLES].astype(np.float32)
    total = np.zeros(_SHIFTS**2, np.float32)
    for channel in range(len(fixed[0])):
        columns = _at_shifts(moving[0][channel], slice(WINDOW)).transpose(1, 2, 0, 3)
        matrices = (weights * fixed[0][channel].T[:, None]).reshape(*columns.shape[:2], *weights.shape)
        moments = [_at_shifts(plane[channel], _SAMPLES)[:, _SAMPLES.start // 2 :: _SAMPLES.step // 2, 0] for plane in moving[1:]]
        samples = [plane[channel][_SAMPLES, _SAMPLES, None] for plane in fixed[1:]]
        for first in range(0, len(weights), _ROWS):
            rows = slice(first, first + _ROWS)
            top = _SAMPLES.start + first * _SAMPLES.step
            used = slice(top, top + _ROWS * _SAMPLES.step + 2 * SSIM_RADIUS)  # elsewhere the weights are zero
            down = matrices[:, :, rows, used] @ columns[:, :, used]
            products = weights @ down.reshape(WINDOW, -1, _SHIFTS**2).swapaxes(0, 1)
            maps = _ssim_map(products, [plane[rows] for plane in moments], [plane[rows] for plane in samples])
            total += maps.sum(axis=(0, 1))
    total /= 3 * len(weights) ** 2
    return total.reshape(_SHIFTS, _SHIFTS).T.ravel()


def _at_shifts(plane: Single, rows: slice) -> Single:
    """Values of a plane ``(H, W)`` at every even shift.

    Args:
        plane: pixels or moments of the SR image's area.
        rows: rows of the unshifted window.

    Returns:
        ``(rows, columns / 2, 2, 1681)``, for all even and odd columns of the unshifted window; a view of a smaller array. Shifts
        are numbered column by column.
    """
    shifted = np.lib.stride_tricks.sliding_window_view(plane, 2 * REACH + 1, axis=0)[rows, :, ::2]
    parities = np.ascontiguousarray(shifted.reshape(len(shifted), -1, 2, _SHIFTS).swapaxes(1, 2)).reshape(len(shifted), 2, -1)
    windows = np.lib.stride_tricks.sliding_window_view(parities, _SHIFTS**2, axis=2)[:, :, ::_SHIFTS]
    return windows.swapaxes(1, 2)


def ssim_at_shifts(moving: Sequence[Single], fixed: Sequence[Single], shifts: NDArray[np.int64]) -> Array:
    """Mean SSIM at some of the even shifts, with errors of about 2e-6.

    Args:
        moving: moments of the SR image's area.
        fixed: moments of the HR image's window.
        shifts: numbers of even shifts, 0 to 1,680 in reading order.
    """
    scores = []
    pixels, *samples = (plane.transpose(1, 0, 2)[:, None] for plane in fixed)
    for start in range(0, len(shifts), _SHIFTS):
        tops, lefts = _tops_and_lefts(shifts[start : start + _SHIFTS])
        cut, *moments = (
            np.lib.stride_tricks.sliding_window_view(plane, (side, side), axis=(1, 2))[:, tops, lefts].transpose(2, 1, 0, 3)
            for plane, side in zip(moving, (WINDOW, *[_INNER] * 4), strict=True)
        )
        scores.append(_ssim_map(_local_means(cut * pixels), moments, samples).mean(axis=(0, 2, 3), dtype=np.float64))
    return np.concatenate(scores)


def _ssim_map(products: Single, moving: Sequence[Single], fixed: Sequence[Single]) -> Single:
    """SSIM (2 a b + c1)(2 cov + c2) / ((a^2 + b^2 + c1)(var_a + var_b + c2)) at some places and shifts.

    Args:
        products: local means of the products of pixels; the map replaces them.
        moving: arrays 2 to 5 of ``_moments`` of the SR image at the same places.
        fixed: arrays 2 to 5 of the HR image.
    """
    c1, c2 = SSIM_K1**2, SSIM_K2**2
    (mean_a, bright_a, squares_a, variance_a), (mean_b, bright_b, squares_b, variance_b) = moving, fixed
    products -= mean_a * mean_b
    products *= 2
    products += c2
    products *= 2 * bright_b * bright_a + c1
    products /= (squares_a + (squares_b + c1)) * (variance_a + (variance_b + c2))
    return products


def window_moments(area: Image, target: Image) -> tuple[list[Single], list[Single]]:
    """Local moments of the SR image's area and of the HR image's window, of values in [0, 1] less the window's mean."""
    middle = float(target.mean()) / 255
    return _moments(area / 255.0 - middle, middle), _moments(target / 255.0 - middle, middle)


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
    size = next_fast_len(height + REACH, real=True), next_fast_len(width + REACH, real=True)
    products = _correlation(hr, sr, size, _MIDDLE)[np.ix_(shifts, shifts)]
    squares = _overlap_sums(sr, shifts) + _overlap_sums(hr, -shifts)
    pixels = np.multiply.outer(height - np.abs(shifts), width - np.abs(shifts))
    error = (squares - 2 * products) / pixels
    row, column = min(np.argwhere(error <= error.min() + 1e-6), key=lambda at: (abs(shifts[at]).sum(), *at))
    return int(shifts[row]), int(shifts[column])


def _overlap_sums(image: Image, shifts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums of squares of an image over its overlap with a shifted image, ``(81, 81)``, for all pairs of shifts."""
    height, width = image.shape[:2]
    squares = np.zeros((height, width), np.int64)
    for channel in range(image.shape[2]):
        values = image[..., channel].astype(np.int32) - _MIDDLE
        values *= values
        squares += values
    integral = _integral(squares)
    first, cut = np.maximum(shifts, 0), np.minimum(shifts, 0)
    sums: NDArray[np.int64] = integral[height + cut] - integral[first]
    return sums[:, width + cut] - sums[:, first]


def overlap(sr: Image, hr: Image, shift: Shift) -> tuple[Image, Image]:
    """Parts of two ``(H, W, 3)`` images that overlap under a shift."""
    return _part(sr, shift), _part(hr, (-shift[0], -shift[1]))


def _part(image: Image, shift: Shift) -> Image:
    (height, width), (dy, dx) = image.shape[:2], shift
    return image[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
