"""RGB with shaved borders."""

from __future__ import annotations

from functools import partial

from benchmarks.scoring.comparisons import SMALLEST_MAP, compare_rgb, shaved_view
from benchmarks.scoring.protocol import Protocol

BORDER = 4  # pixels

RGB_SHAVE4 = Protocol(
    name="rgb-shave4",
    title="RGB, 4 border pixels shaved",
    version=1,
    smallest=SMALLEST_MAP + 2 * BORDER,
    compare=partial(compare_rgb, border=BORDER),
    view=partial(shaved_view, border=BORDER),
    smallest_psnr=1 + 2 * BORDER,
)
