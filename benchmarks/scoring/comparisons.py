"""Comparisons that protocols share: RGB or luma, with shaved borders."""

from __future__ import annotations

from benchmarks.api.image import Image
from benchmarks.scoring.metrics import SSIM_RADIUS, luma, psnr, ssim
from benchmarks.scoring.protocol import Score

SMALLEST_MAP = 2 * SSIM_RADIUS + 1  # side of SSIM's window, the smallest image that has a SSIM


def shaved(image: Image, border: int) -> Image:
    """Image ``(H, W, 3)`` without ``border`` pixels on each side."""
    return image[border : image.shape[0] - border, border : image.shape[1] - border]


def compare_rgb(sr: Image, hr: Image, border: int) -> Score:
    """PSNR and SSIM over all three channels of ``(H, W, 3)`` uint8 RGB images, borders shaved."""
    result, truth = (shaved(image, border) / 255.0 for image in (sr, hr))
    return Score(psnr(result, truth, data_range=1.0), ssim(result, truth, data_range=1.0))


def compare_luma(sr: Image, hr: Image, border: int) -> Score:
    """PSNR and SSIM of MATLAB's luma of ``(H, W, 3)`` uint8 RGB images, borders shaved."""
    result, truth = (luma(shaved(image, border)) for image in (sr, hr))
    return Score(psnr(result, truth, data_range=255.0), ssim(result[..., None], truth[..., None], data_range=255.0))


def shaved_view(sr: Image, hr: Image, score: Score, border: int) -> tuple[Image, Image]:
    """SR and HR image with shaved borders, for metrics beside PSNR and SSIM."""
    return shaved(sr, border), shaved(hr, border)
