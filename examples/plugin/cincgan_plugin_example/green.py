"""The green channel, of which a Bayer sensor has the most pixels."""

from __future__ import annotations

from benchmarks.api.image import Image
from benchmarks.scoring.comparisons import SMALLEST_MAP, compare_rgb
from benchmarks.scoring.protocol import Protocol, Score


def green(image: Image) -> Image:
    """The green channel of ``(H, W, 3)``, three times."""
    return image[..., 1:2].repeat(3, axis=2)


def compare(sr: Image, hr: Image) -> Score:
    """PSNR and SSIM of the green channels."""
    return compare_rgb(green(sr), green(hr), border=0)


def view(sr: Image, hr: Image, score: Score) -> tuple[Image, Image]:
    """The green channels, for other metrics."""
    return green(sr), green(hr)


GREEN = Protocol("green", "green channel", 1, SMALLEST_MAP, compare, view)
