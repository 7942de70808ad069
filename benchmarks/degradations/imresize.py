"""MATLAB-compatible bicubic resampling, as two small matrix products.

LR images in the literature are made with MATLAB's ``imresize``: a cubic kernel (a = -0.5) that is stretched for downscaling
(antialiasing), with symmetric border extension. Resampling is linear and separable: one matrix per axis. Source: MATLAB's
documentation of ``imresize``; tests compare with the public port in BasicSR.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel with a = -0.5."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


@lru_cache(maxsize=64)
def resize_matrix(length: int, scale: float) -> NDArray[np.float64]:
    """Resampling matrix ``(ceil(length * scale), length)`` of one axis.

    Args:
        length: samples along the axis.
        scale: output length over input length; below 1 the kernel is widened by 1 / scale.
    """
    out = int(np.ceil(length * scale))
    stretch = min(scale, 1.0)
    width = 4.0 / stretch
    centre = (np.arange(out) + 0.5) / scale - 0.5
    first = np.floor(centre - width / 2).astype(int)
    taps = first[:, None] + np.arange(int(np.ceil(width)) + 2)
    weights = stretch * _cubic(stretch * (centre[:, None] - taps))
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = np.mod(taps, 2 * length)
    mirrored = np.where(mirrored < length, mirrored, 2 * length - 1 - mirrored)
    matrix = np.zeros((out, length))
    np.add.at(matrix, (np.arange(out)[:, None], mirrored), weights)
    matrix.setflags(write=False)
    return matrix


def imresize(image: NDArray[np.floating], scale: float) -> NDArray[np.float64]:
    """Resize an image like MATLAB's ``imresize(image, scale)``: bicubic, antialiased.

    Args:
        image: ``(H, W, C)``, any range; no clipping and no rounding is done.
        scale: output over input size, for example 0.25 or 4.

    Returns:
        ``(ceil(H * scale), ceil(W * scale), C)`` float64.
    """
    rows = resize_matrix(image.shape[0], scale)
    columns = resize_matrix(image.shape[1], scale)
    resized: NDArray[np.float64] = np.einsum("ih,hwc,jw->ijc", rows, image, columns, optimize=True)
    return resized
