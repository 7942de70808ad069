"""RGB, whole image."""

from __future__ import annotations

from functools import partial

from benchmarks.scoring.comparisons import SMALLEST_MAP, compare_rgb, shaved_view
from benchmarks.scoring.protocol import Protocol

RGB = Protocol(
    name="rgb",
    title="RGB, whole image, no border shaved, no alignment",
    version=1,
    smallest=SMALLEST_MAP,
    compare=partial(compare_rgb, border=0),
    view=partial(shaved_view, border=0),
    smallest_psnr=1,
)
