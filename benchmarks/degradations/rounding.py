"""Rounding of images to 8 bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.api.image import Image


def to_uint8(image: NDArray[np.floating]) -> Image:
    """Round an image on the 0-255 scale to 8 bits: clipped, half away from zero like MATLAB's ``uint8``. Any shape."""
    rounded: Image = np.floor(np.clip(image, 0, 255) + 0.5).astype(np.uint8)
    return rounded
