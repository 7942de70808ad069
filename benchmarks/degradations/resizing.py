"""Resizing to any size as image libraries do it: area means, and bilinear and bicubic interpolation without antialiasing.

Degradation models draw one of the three. The values are those of OpenCV and PyTorch (bicubic with a = -0.75), which differ from
MATLAB's (``imresize``).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.api.image import FloatImage

Interpolation = Literal["area", "bilinear", "bicubic"]
INTERPOLATIONS: tuple[Interpolation, ...] = ("area", "bilinear", "bicubic")


def resize(image: FloatImage, height: int, width: int, interpolation: Interpolation) -> FloatImage:
    """Resize ``(H, W, C)`` to ``(height, width, C)``, without clipping."""
    rows = _matrix(image.shape[0], height, interpolation)
    columns = _matrix(image.shape[1], width, interpolation)
    resized: FloatImage = columns @ (rows @ image.reshape(image.shape[0], -1)).reshape(height, *image.shape[1:])
    return resized


def random_interpolation(generator: np.random.Generator) -> Interpolation:
    """Kind of interpolation, drawn from the three with equal shares."""
    return INTERPOLATIONS[int(generator.integers(len(INTERPOLATIONS)))]


@lru_cache(maxsize=256)
def _matrix(length: int, out: int, interpolation: Interpolation) -> NDArray[np.float64]:
    """Resampling matrix ``(out, length)`` of one axis; its rows sum to 1."""
    matrix = np.zeros((out, length))
    if interpolation == "area":
        for row in range(out):
            first, end = row * length // out, -(-(row + 1) * length // out)
            matrix[row, first:end] = 1 / (end - first)
    else:
        centre = (np.arange(out) + 0.5) * length / out - 0.5
        taps = np.floor(centre)[:, None] + np.arange(-1, 3)
        distance = np.abs(centre[:, None] - taps)
        values = np.maximum(1 - distance, 0) if interpolation == "bilinear" else _cubic(distance)
        np.add.at(matrix, (np.arange(out)[:, None], np.clip(taps, 0, length - 1).astype(int)), values)
    matrix.setflags(write=False)
    return matrix


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel with a = -0.75, for distances up to 2."""
    near = (1.25 * distance - 2.25) * distance**2 + 1
    far = -0.75 * (((distance - 5) * distance + 8) * distance - 4)
    return np.where(distance <= 1, near, far)
