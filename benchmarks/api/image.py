"""Types of images as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (H, W, 3) RGB
FloatImage = NDArray[np.float64]  # (H, W, 3) RGB, 0 to 255, not rounded


@dataclass(frozen=True)
class Pair:
    """A LR image and its HR image.

    Attributes:
        name: name of the image.
        lr: ``(h, w, 3)`` uint8 RGB.
        hr: ``(scale * h, scale * w, 3)`` uint8 RGB.
    """

    name: str
    lr: Image
    hr: Image
