"""PSNR, SSIM and luma as pure functions of arrays, with every option named."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.api.image import Image

Array = NDArray[np.float64]
Convert = Callable[[NDArray[Any]], Array]

SSIM_SIGMA = 1.5
SSIM_RADIUS = 5  # skimage: int(truncate * sigma + 0.5) with truncate = 3.5
SSIM_K1, SSIM_K2 = 0.01, 0.03

LUMA = np.array([65.481, 128.553, 24.966]) / 255  # BT.601, as MATLAB's rgb2ycbcr has it
LUMA_OFFSET = 16.0

_BLOCK = 16  # outputs per banded product: few multiplications by zero, and enough work to hide Python's overhead
_STRIP = 64  # rows at a time: the arrays stay in the processor's cache, and large images take no gigabytes of floats


def luma(image: Image) -> Array:
    """Luma of an image as MATLAB's ``rgb2ycbcr`` computes it: BT.601, in [16, 235], not rounded.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.

    Returns:
        ``(H, W)`` float64.
    """
    y: Array = image @ LUMA
    y += LUMA_OFFSET
    return y


def unit(image: Image) -> Array:
    """Values of a ``(H, W, 3)`` uint8 image in [0, 1]."""
    return image / 255.0


def _as_is(values: NDArray[Any]) -> Array:
    return values


def psnr(sr: NDArray[Any], hr: NDArray[Any], *, data_range: float, convert: Convert = _as_is) -> float:
    """Peak signal-to-noise ratio in dB over all pixels and channels.

    Args:
        sr: SR image of any shape.
        hr: HR image of the same shape.
        data_range: the peak, for example 1.0 for images in [0, 1].
        convert: makes floating point values of some rows of an image, which need no conversion without it.

    Returns:
        dB; infinity for identical images (no hidden epsilon).

    Raises:
        ValueError: shapes differ, or values are not floating point (differences of uint8 values wrap).
    """
    if sr.shape != hr.shape:
        raise ValueError(f"PSNR needs two images of one shape: got {sr.shape} and {hr.shape}")
    total, count = 0.0, 0
    for top in range(0, len(sr), _STRIP):
        a, b = (convert(image[top : top + _STRIP]) for image in (sr, hr))
        _refuse_integers(a, b)
        difference = (a - b).ravel()
        total += float(difference @ difference)
        count += difference.size
    error = total / count
    return float("inf") if error == 0 else float(10 * np.log10(data_range**2 / error))


def _refuse_integers(*images: Array) -> None:
    if any(image.dtype.kind != "f" for image in images):
        raise ValueError("PSNR and SSIM need floating point values: convert the images first")


@cache
def _taps() -> Array:
    """Gaussian weights ``(11,)``, which sum to 1."""
    weights = np.exp(-0.5 * (np.arange(-SSIM_RADIUS, SSIM_RADIUS + 1) / SSIM_SIGMA) ** 2)
    normalised: Array = weights / weights.sum()
    return normalised


@cache
def window_matrix(outputs: int) -> Array:
    """Banded matrix ``(outputs, outputs + 10)`` that filters a signal with the 11-tap Gaussian, where the window fits."""
    taps = _taps()
    matrix = np.zeros((outputs, outputs + taps.size - 1))
    for row in range(outputs):
        matrix[row, row : row + taps.size] = taps
    matrix.setflags(write=False)
    return matrix


def gaussian_means(planes: Array) -> Array:
    """Gaussian local means ``(..., H - 10, W - 10)`` of planes ``(..., H, W)``, where the 11x11 window fits."""
    *others, height, width = (*planes.shape[:-2], planes.shape[-2] - 2 * SSIM_RADIUS, planes.shape[-1] - 2 * SSIM_RADIUS)
    rows = np.empty((*others, height, planes.shape[-1]), planes.dtype)
    for start, matrix in _blocks(height, planes.dtype):
        stop = start + matrix.shape[0]
        np.matmul(matrix, planes[..., start : stop + 2 * SSIM_RADIUS, :], out=rows[..., start:stop, :])
    means = np.empty((*others, height, width), planes.dtype)
    for start, matrix in _blocks(width, planes.dtype):
        stop = start + matrix.shape[0]
        np.matmul(rows[..., start : stop + 2 * SSIM_RADIUS], matrix.T, out=means[..., start:stop])
    return means


@lru_cache(maxsize=256)
def _blocks(outputs: int, dtype: np.dtype[np.float64]) -> list[tuple[int, Array]]:
    """First output of each block, and the matrix that computes the block."""
    starts = range(0, outputs, _BLOCK)
    return [(start, window_matrix(min(_BLOCK, outputs - start)).astype(dtype)) for start in starts]


def ssim(sr: NDArray[Any], hr: NDArray[Any], *, data_range: float, convert: Convert = _as_is) -> float:
    """Structural similarity: Gaussian window (sigma 1.5, 11x11), population covariance, mean over channels.

    Wang, Bovik, Sheikh, Simoncelli, IEEE Transactions on Image Processing 13, 2004, equation 13, where the window fits. Equal to
    skimage's ``structural_similarity(gaussian_weights=True, use_sample_covariance=False)``.

    Args:
        sr: SR image ``(H, W, C)``.
        hr: HR image ``(H, W, C)``.
        data_range: the peak, for example 1.0 for images in [0, 1].
        convert: makes floating point values ``(h, W, C)`` of some rows of an image, which need no conversion without it.

    Raises:
        ValueError: shapes differ, a side is shorter than the 11-pixel window, or values are not floating point.
    """
    if sr.shape != hr.shape or min(sr.shape[:2]) < 2 * SSIM_RADIUS + 1:
        raise ValueError(f"SSIM needs two images of one shape, at least 11x11: got {sr.shape} and {hr.shape}")
    height, width = (int(side) - 2 * SSIM_RADIUS for side in sr.shape[:2])
    total, channels = 0.0, 1
    for top in range(0, height, _STRIP):
        a, b = (convert(image[top : top + _STRIP + 2 * SSIM_RADIUS]) for image in (sr, hr))
        _refuse_integers(a, b)
        channels = a.shape[2]
        total += sum(_ssim_sum(a[..., channel], b[..., channel], data_range) for channel in range(channels))
    return total / (height * width * channels)


def _ssim_sum(a: Array, b: Array, data_range: float) -> float:
    """Sum over the SSIM map of two planes ``(H, W)``. Arrays are reused, since most of the time is spent on memory."""
    c1, c2 = (SSIM_K1 * data_range) ** 2, (SSIM_K2 * data_range) ** 2
    moments = np.empty((4, *a.shape))
    moments[0], moments[1] = a, b
    np.multiply(a, a, out=moments[2])
    moments[2] += b * b
    np.multiply(a, b, out=moments[3])
    mean_a, mean_b, power, cross = gaussian_means(moments)
    product = mean_a * mean_b
    mean_a *= mean_a
    mean_b *= mean_b
    squares = np.add(mean_a, mean_b, out=mean_a)
    covariance = np.subtract(cross, product, out=cross)
    variances = np.subtract(power, squares, out=power)
    covariance *= 2
    covariance += c2
    product *= 2
    product += c1
    variances += c2
    squares += c1
    covariance *= product
    variances *= squares
    covariance /= variances
    return float(covariance.sum())
