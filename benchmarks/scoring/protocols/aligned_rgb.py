"""RGB at the best integer shift of the whole image."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.api.image import Image
from benchmarks.scoring.alignment import SMALLEST_SEARCH, best_overlap, overlap
from benchmarks.scoring.comparisons import compare_rgb
from benchmarks.scoring.protocol import Protocol, Score


def compare_aligned(sr: Image, hr: Image) -> Score:
    """PSNR and SSIM of two ``(H, W, 3)`` images over their overlap, at the shift with the least mean squared error."""
    shift = best_overlap(sr, hr)
    return replace(compare_rgb(*overlap(sr, hr, shift), border=0), shift=shift)


def aligned_view(sr: Image, hr: Image, score: Score) -> tuple[Image, Image]:
    """Overlap of SR and HR image at the shift of their score."""
    return overlap(sr, hr, score.shift or (0, 0))


ALIGNED_RGB = Protocol(
    name="aligned-rgb",
    title="RGB, whole image, at the best integer shift of up to 40 pixels",
    version=1,
    smallest=SMALLEST_SEARCH,
    compare=compare_aligned,
    view=aligned_view,
)
