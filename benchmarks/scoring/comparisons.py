"""Comparisons that several protocols share: RGB or luma, with shaved borders."""

from __future__ import annotations

from benchmarks.api.image import Image
from benchmarks.scoring.metrics import SSIM_RADIUS, luma, psnr, ssim
from benchmarks.scoring.protocol import Score

SMALLEST_MAP = 2 * SSIM_RADIUS + 1  # pixels a side that SSIM's window needs


def shaved(image: Image, border: int) -> Image:
    """``(H, W, 3)`` without ``border`` pixels on each side."""
    return image[border : image.shape[0] - border, border : image.shape[1] - border]


def compare_rgb(sr: Image, hr: Image, border: int) -> Score:
    """PSNR and SSIM over all three channels, borders shaved."""
    first, second = (shaved(image, border) / 255.0 for image in (sr, hr))
    return Score(psnr(first, second, data_range=1.0), ssim(first, second, data_range=1.0))


def compare_luma(sr: Image, hr: Image, border: int) -> Score:
    """PSNR and SSIM of MATLAB's luma, borders shaved."""
    first, second = (luma(shaved(image, border)) for image in (sr, hr))
    return Score(psnr(first, second, data_range=255.0), ssim(first[..., None], second[..., None], data_range=255.0))


def shaved_view(sr: Image, hr: Image, score: Score, border: int) -> tuple[Image, Image]:
    """Both images with shaved borders, for other metrics."""
    return shaved(sr, border), shaved(hr, border)
