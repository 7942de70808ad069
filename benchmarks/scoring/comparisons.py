"""Comparisons that protocols share: RGB or luma, with shaved borders."""

from __future__ import annotations

from functools import partial

from benchmarks.api.image import Image
from benchmarks.scoring.metrics import SSIM_RADIUS, Array, Convert, luma, psnr, ssim, unit
from benchmarks.scoring.protocol import Score

SMALLEST_MAP = 2 * SSIM_RADIUS + 1  # side of SSIM's window, the smallest image that has a SSIM


def shaved(image: Image, border: int) -> Image:
    """Image ``(H, W, 3)`` without ``border`` pixels on each side."""
    return image[border : image.shape[0] - border, border : image.shape[1] - border]


def compare_rgb(sr: Image, hr: Image, border: int) -> Score:
    """PSNR and SSIM over all three channels of ``(H, W, 3)`` uint8 RGB images, borders shaved."""
    return _compare(sr, hr, border, 1.0, unit)


def compare_luma(sr: Image, hr: Image, border: int) -> Score:
    """PSNR and SSIM of MATLAB's luma of ``(H, W, 3)`` uint8 RGB images, borders shaved."""
    return _compare(sr, hr, border, 255.0, _luma_plane)


def _luma_plane(rows: Image) -> Array:
    return luma(rows)[..., None]


def _compare(sr: Image, hr: Image, border: int, data_range: float, convert: Convert) -> Score:
    images = shaved(sr, border), shaved(hr, border)
    compute_ssim = partial(ssim, *images, data_range=data_range, convert=convert)
    return Score(psnr(*images, data_range=data_range, convert=convert), compute_ssim)


def shaved_view(sr: Image, hr: Image, score: Score, border: int) -> tuple[Image, Image]:
    """SR and HR image with shaved borders, for metrics beside PSNR and SSIM."""
    return shaved(sr, border), shaved(hr, border)
