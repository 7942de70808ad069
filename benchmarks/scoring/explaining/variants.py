"""PSNR under variants of comparison that papers and public code use: colour, shaved border, mean over a set.

Protocols are definitions that results are stored under; variants only help to tell which definition a number was computed by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.api.image import Image
from benchmarks.scoring.metrics import Array, luma

Colour = Literal["RGB", "luma", "rounded luma", "full-range luma"]

COLOURS: dict[Colour, str] = {
    "RGB": "RGB",
    "luma": "luma of MATLAB's rgb2ycbcr, not rounded",
    "rounded luma": "luma of MATLAB's rgb2ycbcr, rounded",
    "full-range luma": "luma of OpenCV and Pillow, 0 to 255, rounded",
}
BORDERS = (0, 2, 3, 4, 6, 8, 10)  # pixels that public scorers shave; NTIRE's takes 6 + scale
PROTOCOLS: dict[tuple[Colour, int], str] = {  # variants that are protocols, as means over images
    ("RGB", 0): "rgb",
    ("RGB", 4): "rgb-shave4",
    ("luma", 0): "y",
    ("luma", 4): "y-shave4",
}
FULL_RANGE = np.array([0.299, 0.587, 0.114])  # BT.601
PEAK = 255.0

Errors = Mapping[tuple[Colour, int], float]  # mean squared error of a pair, by colour and border


@dataclass(frozen=True)
class Variant:
    """A way to compute the PSNR of a set of images.

    Attributes:
        colour: values that are compared.
        border: pixels shaved at every side.
        pooled: whether the squared errors of all images are averaged before the logarithm, and not the PSNR of each image.
    """

    colour: Colour
    border: int
    pooled: bool

    @property
    def title(self) -> str:
        """The variant in words."""
        border = f"{self.border} border pixels shaved" if self.border else "whole image"
        return f"{COLOURS[self.colour]}, {border}{', PSNR of the mean error of the set' if self.pooled else ''}"

    @property
    def protocol(self) -> str:
        """Name of the protocol that the variant is; empty if it is none."""
        return "" if self.pooled else PROTOCOLS.get((self.colour, self.border), "")

    def psnr(self, pairs: Sequence[Errors]) -> float:
        """PSNR in dB of a set of pairs; infinity if errors are 0."""
        errors = [pair[self.colour, self.border] for pair in pairs]
        if self.pooled:
            return psnr_of(sum(errors) / len(errors))
        return sum(map(psnr_of, errors)) / len(errors)


def variants(images: int) -> list[Variant]:
    """All variants; a mean over a set differs from a number of an image only if there are several images."""
    means = (False, True) if images > 1 else (False,)
    return [Variant(colour, border, pooled) for pooled in means for colour in COLOURS for border in BORDERS]


def psnr_of(error: float) -> float:
    """PSNR in dB of a mean squared error on the 0-255 scale; infinity for 0."""
    return 10 * math.log10(PEAK**2 / error) if error else math.inf


def squared_errors(sr: Image, hr: Image) -> dict[tuple[Colour, int], float]:
    """Mean squared errors of a pair by colour and border, on the 0-255 scale.

    Args:
        sr: SR image ``(H, W, 3)`` uint8 RGB.
        hr: HR image of the same shape.

    Returns:
        An error for each border that leaves pixels.
    """
    errors = {}
    for colour in COLOURS:
        difference = values(sr, colour) - values(hr, colour)
        plane = difference**2 if difference.ndim == 2 else (difference**2).mean(axis=2)
        for border in BORDERS:
            inner = plane[border : plane.shape[0] - border, border : plane.shape[1] - border]
            if inner.size:
                errors[colour, border] = float(inner.mean())
    return errors


def values(image: Image, colour: Colour) -> Array:
    """The compared values of an image ``(H, W, 3)`` on the 0-255 scale: ``(H, W, 3)`` for RGB, else ``(H, W)``."""
    if colour == "RGB":
        return image.astype(np.float64)
    if colour == "full-range luma":
        full_range: Array = np.rint(image @ FULL_RANGE)
        return full_range
    return np.rint(luma(image)) if colour == "rounded luma" else luma(image)
