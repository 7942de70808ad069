"""PSNR and SSIM as a pure functional core: float64 arrays in, a number out, every option named."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SSIM_SIGMA = 1.5
SSIM_RADIUS = 5  # skimage: int(truncate * sigma + 0.5) with truncate = 3.5
SSIM_K1, SSIM_K2 = 0.01, 0.03


def psnr(sr: Array, hr: Array, *, data_range: float) -> float:
    """Peak signal-to-noise ratio in dB over all pixels and channels.

    Args:
        sr: result, any shape.
        hr: ground truth, the same shape.
        data_range: the peak, for example 1.0 for images in [0, 1].

    Returns:
        dB; infinity for identical images (no hidden epsilon).
    """
    error = float(np.mean((sr - hr) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(data_range**2 / error))


@lru_cache(maxsize=16)
def _window_matrix(length: int) -> Array:
    """``(length - 10, length)``: the 11-tap Gaussian at every position where it fits."""
    taps = np.exp(-0.5 * (np.arange(-SSIM_RADIUS, SSIM_RADIUS + 1) / SSIM_SIGMA) ** 2)
    taps /= taps.sum()
    valid = length - 2 * SSIM_RADIUS
    matrix = np.zeros((valid, length))
    for row in range(valid):
        matrix[row, row : row + taps.size] = taps
    return matrix


def gaussian_means(planes: Array) -> Array:
    """Gaussian-weighted local means ``(..., H, W)`` -> ``(..., H - 10, W - 10)``, where the 11x11 window fits."""
    rows, columns = _window_matrix(planes.shape[-2]), _window_matrix(planes.shape[-1])
    return rows @ planes @ columns.T


def ssim_from_moments(
    mean_a: Array, mean_b: Array, mean_aa: Array, mean_bb: Array, mean_ab: Array, *, data_range: float
) -> Array:
    """The SSIM map from local first and second moments (Wang et al. 2004, equation 13)."""
    c1, c2 = (SSIM_K1 * data_range) ** 2, (SSIM_K2 * data_range) ** 2
    product = mean_a * mean_b
    squares = mean_a**2 + mean_b**2
    numerator = (2 * product + c1) * (2 * (mean_ab - product) + c2)
    return numerator / ((squares + c1) * (mean_aa + mean_bb - squares + c2))


def ssim(sr: Array, hr: Array, *, data_range: float) -> float:
    """Structural similarity: Gaussian window (sigma 1.5, 11x11), population covariance, mean over channels.

    The same as skimage's ``structural_similarity(gaussian_weights=True, use_sample_covariance=False)``.

    Args:
        sr: result ``(H, W, C)``.
        hr: ground truth ``(H, W, C)``.
        data_range: the peak, for example 1.0 for images in [0, 1].

    Raises:
        ValueError: shapes differ, or a side is shorter than the 11-pixel window.
    """
    if sr.shape != hr.shape or min(sr.shape[:2]) < 2 * SSIM_RADIUS + 1:
        raise ValueError(f"SSIM needs two images of one shape, at least 11x11: got {sr.shape} and {hr.shape}")
    a, b = np.moveaxis(sr, -1, 0), np.moveaxis(hr, -1, 0)
    moments = gaussian_means(np.stack([a, b, a * a, b * b, a * b]))
    return float(ssim_from_moments(*moments, data_range=data_range).mean())
