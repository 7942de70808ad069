"""Steps of a protocol on one pair of images, each with its numbers: the answer to "why is my PSNR 0.3 dB off?".

The steps are computed plainly, apart from the protocol's own code; tests compare the last error with the protocol's PSNR.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.api.image import Image
from benchmarks.scoring.alignment import REACH, WINDOW, overlap
from benchmarks.scoring.comparisons import shaved
from benchmarks.scoring.explaining.variants import Colour, psnr_of, values
from benchmarks.scoring.metrics import Array
from benchmarks.scoring.protocol import Protocol, Score
from benchmarks.scoring.protocols.ntire2018 import BORDER, SCALE, windows


@dataclass(frozen=True)
class Step:
    """A step of a protocol.

    Attributes:
        name: of the step.
        text: sizes and numbers after it.
        error: mean squared error on the 0-255 scale, if the step computes it.
    """

    name: str
    text: str
    error: float | None = None


@dataclass(frozen=True)
class Explanation:
    """A protocol on a pair of images.

    Attributes:
        steps: in order; the last two are PSNR and SSIM as the protocol computes them.
        psnr: in dB.
        ssim: SSIM.
    """

    steps: tuple[Step, ...]
    psnr: float
    ssim: float


def explain(protocol: Protocol, sr: Image, hr: Image) -> Explanation:
    """Steps and scores of a protocol on a pair.

    Args:
        protocol: of comparison. Of one that has no steps here, the sizes of its view are told.
        sr: SR image ``(H, W, 3)`` uint8 RGB.
        hr: HR image of the same shape.

    Raises:
        UsageError: the images do not suit the protocol.
    """
    score = protocol.score(sr, hr)
    sizes = Step("images", f"result {_size(sr)}, mean {sr.mean():.2f}; ground truth {_size(hr)}, mean {hr.mean():.2f}")
    steps = STEPS.get(protocol.name, partial(_viewed, protocol))(sr, hr, score)
    scores = (Step("PSNR", f"{score.psnr:.4f} dB"), Step("SSIM", f"{score.ssim:.4f}"))
    return Explanation((sizes, *steps, *scores), score.psnr, score.ssim)


def _compared(sr: Image, hr: Image, score: Score, *, border: int, colour: Colour) -> list[Step]:
    """Steps of protocols without alignment."""
    sr, hr = shaved(sr, border), shaved(hr, border)
    steps = [Step(f"shave {border}", f"{_size(hr)} pixels are compared")] if border else []
    a, b = values(sr, colour), values(hr, colour)
    if colour != "RGB":
        formula = "Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255, not rounded"
        steps.append(Step("luma", f"{formula}; mean {a.mean():.3f} and {b.mean():.3f}"))
    return [*steps, _error(a, b)]


def _aligned(sr: Image, hr: Image, score: Score) -> list[Step]:
    """Steps of ``aligned-rgb``."""
    shift = score.shift or (0, 0)
    before = _mean_square(sr, hr)
    a, b = overlap(sr, hr, shift)
    at = f"best of all up to {REACH} pixels: {_signed(shift)} (down, right); without a shift {psnr_of(before):.4f} dB"
    return [Step("shift", at), Step("overlap", f"{_size(b)} pixels are compared"), _error(a, b)]


def _windowed(sr: Image, hr: Image, score: Score, *, rescale: bool) -> list[Step]:
    """Steps of the NTIRE 2018 scorer."""
    area, target = windows(sr, hr)
    shift = score.shift or (0, 0)
    still, moved = (area[top : top + WINDOW, left : left + WINDOW] for top, left in ((REACH, REACH), _corner(shift)))
    gain = target.mean() / moved.mean() if rescale and moved.any() else 1.0
    height, width = (side // SCALE * SCALE - 2 * BORDER for side in hr.shape[:2])
    share = 100 * WINDOW**2 / (hr.shape[0] * hr.shape[1])
    plain = psnr_of(_mean_square(still, target))
    best = f"best of {(2 * REACH + 1) ** 2:,}: {_signed(shift)} (down, right)"
    steps = [
        Step(f"crop and shave {BORDER}", f"to multiples of {SCALE}, then {width}x{height} pixels are left"),
        Step("window", f"the central {WINDOW}x{WINDOW} pixels, {share:.2f} % of the image"),
        Step("shift", f"{best}; without a shift and without gain {plain:.4f} dB"),
    ]
    if rescale:
        without = psnr_of(_mean_square(moved, target))
        steps.append(Step("gain", f"{gain:.6f}, so that the means agree; at this shift without it {without:.4f} dB"))
    return [*steps, _error(moved * gain, target.astype(np.float64))]


def _viewed(protocol: Protocol, sr: Image, hr: Image, score: Score) -> list[Step]:
    """The compared part, as far as any protocol tells it."""
    if protocol.view is None:
        return []
    _, truth = protocol.view(sr, hr, score)
    shift = [Step("shift", f"{_signed(score.shift)} (down, right)")] if score.shift else []
    return [*shift, Step("view", f"{_size(truth)} pixels are compared")]


STEPS: Mapping[str, Callable[[Image, Image, Score], list[Step]]] = {
    "rgb": partial(_compared, border=0, colour="RGB"),
    "rgb-shave4": partial(_compared, border=4, colour="RGB"),
    "y": partial(_compared, border=0, colour="luma"),
    "y-shave4": partial(_compared, border=4, colour="luma"),
    "ntire2018": partial(_windowed, rescale=True),
    "ntire2018-norescale": partial(_windowed, rescale=False),
    "aligned-rgb": _aligned,
}


def _error(a: Array | Image, b: Array | Image) -> Step:
    error = _mean_square(a, b)
    return Step("error", f"mean squared error {error:.4f} on the 0-255 scale: 10 log10(255² / {error:.4f})", error)


def _mean_square(a: Array | Image, b: Array | Image) -> float:
    return float(np.mean((a.astype(np.float64) - b) ** 2))


def _corner(shift: tuple[int, int]) -> tuple[int, int]:
    return REACH + shift[0], REACH + shift[1]


def _signed(shift: tuple[int, int]) -> str:
    return f"{shift[0]:+d}, {shift[1]:+d}"


def _size(image: Image) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
