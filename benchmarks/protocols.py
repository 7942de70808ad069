"""Protocols: how two images are compared. A number without its protocol is not a result.

``docs/protocols.md`` has the formula, the source and the traps of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np

from benchmarks.alignment import REACH, WINDOW, Shift, best_overlap, best_window_psnr, best_window_ssim, overlap
from benchmarks.data.decode import Image
from benchmarks.errors import UsageError, unknown
from benchmarks.metrics import SSIM_RADIUS, luma, psnr, ssim

NTIRE_BORDER = 10  # the challenge's scorer drops 6 + scale border pixels
NTIRE_SCALE = 4

SMALLEST_MAP = 2 * SSIM_RADIUS + 1
SMALLEST_SEARCH = WINDOW + 2 * REACH


@dataclass(frozen=True)
class Score:
    """PSNR in dB and SSIM of one image; where the protocol aligns, the shift that PSNR was best at."""

    psnr: float
    ssim: float
    shift: Shift | None = None


@dataclass(frozen=True)
class Protocol:
    """A named, versioned way to score a result against its ground truth.

    Attributes:
        name: what tables print.
        title: one line on what it does.
        version: changes whenever a number could.
        smallest: the shortest side of an image that can be scored.
        compare: ``(sr, hr)``, both ``(H, W, 3)`` uint8 RGB of one size, to PSNR and SSIM.
        view: what every other metric sees of the two images, uint8 RGB; None where it sees nothing.
    """

    name: str
    title: str
    version: int
    smallest: int
    compare: Callable[[Image, Image], Score]
    view: Callable[[Image, Image, Score], tuple[Image, Image]] | None

    def score(self, sr: Image, hr: Image) -> Score:
        """Score one image. Raises UsageError where sizes differ or are too small: nothing is cropped silently."""
        if sr.shape != hr.shape:
            sizes = f"{sr.shape[1]}x{sr.shape[0]}, the ground truth {hr.shape[1]}x{hr.shape[0]}"
            raise UsageError(f"the result is {sizes}: sizes must be equal, crop or enlarge the right one yourself")
        if min(hr.shape[:2]) < self.smallest:
            least = f"{self.smallest}x{self.smallest}"
            raise UsageError(f"protocol {self.name} needs images of {least} or more: got {hr.shape[1]}x{hr.shape[0]}")
        return self.compare(sr, hr)


def _shaved(image: Image, border: int) -> Image:
    return image[border : image.shape[0] - border, border : image.shape[1] - border]


def _rgb(sr: Image, hr: Image, border: int) -> Score:
    a, b = (_shaved(image, border) / 255.0 for image in (sr, hr))
    return Score(psnr(a, b, data_range=1.0), ssim(a, b, data_range=1.0))


def _luma(sr: Image, hr: Image, border: int) -> Score:
    a, b = (luma(_shaved(image, border)) for image in (sr, hr))
    return Score(psnr(a, b, data_range=255.0), ssim(a[..., None], b[..., None], data_range=255.0))


def ntire2018_windows(sr: Image, hr: Image) -> tuple[Image, Image]:
    """Steps 1 and 2 of the challenge's scorer: the part of the result where windows lie, and the ground truth's window."""
    height, width = (side // NTIRE_SCALE * NTIRE_SCALE for side in hr.shape[:2])
    result, truth = (_shaved(image[:height, :width], NTIRE_BORDER) for image in (sr, hr))
    top, left = ((side - WINDOW) // 2 for side in truth.shape[:2])
    area = result[top - REACH : top + WINDOW + REACH, left - REACH : left + WINDOW + REACH]
    return area, truth[top : top + WINDOW, left : left + WINDOW]


def _ntire2018(sr: Image, hr: Image, rescale: bool) -> Score:
    area, target = ntire2018_windows(sr, hr)
    value, shift = best_window_psnr(area, target, rescale=rescale)
    return Score(value, _window_ssim(area.tobytes(), target.tobytes()), shift)


@lru_cache(maxsize=64)  # entries of 70 kB: with and without the rescale it is the same search, most of the scorer's time
def _window_ssim(area: bytes, target: bytes) -> float:
    planes = (
        np.frombuffer(pixels, np.uint8).reshape(side, side, 3) for pixels, side in ((area, SMALLEST_SEARCH), (target, WINDOW))
    )
    return best_window_ssim(*planes)[0]


def _aligned_rgb(sr: Image, hr: Image) -> Score:
    shift = best_overlap(sr, hr)
    return replace(_rgb(*overlap(sr, hr, shift), border=0), shift=shift)


def _shaved_view(sr: Image, hr: Image, score: Score, border: int) -> tuple[Image, Image]:
    return _shaved(sr, border), _shaved(hr, border)


def _aligned_view(sr: Image, hr: Image, score: Score) -> tuple[Image, Image]:
    return overlap(sr, hr, score.shift or (0, 0))


_SMALLEST_NTIRE = SMALLEST_SEARCH + 2 * NTIRE_BORDER

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "rgb",
            "RGB, whole image, no border shaved, no alignment",
            1,
            SMALLEST_MAP,
            partial(_rgb, border=0),
            partial(_shaved_view, border=0),
        ),
        Protocol(
            "rgb-shave4",
            "RGB, 4 border pixels shaved",
            1,
            SMALLEST_MAP + 8,
            partial(_rgb, border=4),
            partial(_shaved_view, border=4),
        ),
        Protocol(
            "y-shave4",
            "MATLAB luma, 4 border pixels shaved: the tables of Set5, Set14, BSD100, Urban100",
            1,
            SMALLEST_MAP + 8,
            partial(_luma, border=4),
            partial(_shaved_view, border=4),
        ),
        Protocol(
            "ntire2018",
            "NTIRE 2018 scorer: central 60x60 window, best of 6,561 shifts, mean matched",
            1,
            _SMALLEST_NTIRE,
            partial(_ntire2018, rescale=True),
            None,
        ),
        Protocol(
            "ntire2018-norescale",
            "the same, mean not matched",
            1,
            _SMALLEST_NTIRE,
            partial(_ntire2018, rescale=False),
            None,
        ),
        Protocol(
            "aligned-rgb",
            "RGB, whole image, at the best integer shift of up to 40 pixels",
            1,
            SMALLEST_SEARCH,
            _aligned_rgb,
            _aligned_view,
        ),
    )
}


def get_protocol(name: str) -> Protocol:
    """Look a protocol up. Raises UsageError, with the nearest name, where there is none."""
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS)
    return PROTOCOLS[name]
