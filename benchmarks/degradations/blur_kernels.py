"""Blur kernels of degradation models, and blurring by them.

Kernels are ``(K, K)``, K odd, and sum to 1. Widths are in pixels, angles in radians.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.api.image import FloatImage

Kernel = NDArray[np.float64]
Widths = tuple[float, float]  # standard deviations along both axes of an ellipse


def gaussian(size: int, widths: Widths, angle: float = 0.0, shift: float = 0.0) -> Kernel:
    """Gaussian; ``shift`` moves its centre along both axes, and may be a fraction of a pixel."""
    return _normalised(np.exp(-0.5 * _squares(size, widths, angle, shift)))


def generalised_gaussian(size: int, widths: Widths, angle: float, beta: float) -> Kernel:
    """Gaussian whose exponent is raised to ``beta``: heavier tails below 1, a flatter top above."""
    return _normalised(np.exp(-0.5 * _squares(size, widths, angle) ** beta))


def plateau(size: int, widths: Widths, angle: float, beta: float) -> Kernel:
    """Kernel with a flat top, ``1 / (1 + d ** beta)`` of the squared distance d."""
    return _normalised(1 / (1 + _squares(size, widths, angle) ** beta))


def low_pass(size: int, cutoff: float) -> Kernel:
    """Ideal circular low-pass filter ("sinc") with a cut-off in radians a pixel, at most pi; it rings at edges."""
    from scipy.special import j1

    radii = np.sqrt(_squares(size, (1.0, 1.0)))
    radii[size // 2, size // 2] = 1.0  # replaced by the limit
    kernel = cutoff * j1(cutoff * radii) / (2 * np.pi * radii)
    kernel[size // 2, size // 2] = cutoff**2 / (4 * np.pi)
    return _normalised(kernel)


def blur(image: FloatImage, kernel: Kernel) -> FloatImage:
    """Convolve the channels of ``(H, W, C)`` with a kernel; borders are mirrored. Returns the same shape."""
    from scipy.signal import fftconvolve

    radius = kernel.shape[0] // 2
    padded = np.pad(image, ((radius, radius), (radius, radius), (0, 0)), mode="reflect")
    blurred: FloatImage = fftconvolve(padded, kernel[..., None], mode="valid", axes=(0, 1))
    return blurred


def _squares(size: int, widths: Widths, angle: float = 0.0, shift: float = 0.0) -> NDArray[np.float64]:
    """Squared distances ``(size, size)`` from the centre, in units of the widths of an ellipse turned by ``angle``."""
    along_axis = np.arange(size) - size // 2 - shift
    rows, columns = np.meshgrid(along_axis, along_axis, indexing="ij")
    along = columns * np.cos(angle) + rows * np.sin(angle)
    across = rows * np.cos(angle) - columns * np.sin(angle)
    squares: NDArray[np.float64] = (along / widths[0]) ** 2 + (across / widths[1]) ** 2
    return squares


def _normalised(kernel: Kernel) -> Kernel:
    normalised: Kernel = kernel / kernel.sum()
    return normalised
