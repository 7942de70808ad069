"""Luma with shaved borders, the protocol of most published tables."""

from __future__ import annotations

from functools import partial

from benchmarks.scoring.comparisons import SMALLEST_MAP, compare_luma, shaved_view
from benchmarks.scoring.protocol import Protocol

BORDER = 4  # pixels

Y_SHAVE4 = Protocol(
    name="y-shave4",
    title="MATLAB luma, 4 border pixels shaved: the tables of Set5, Set14, BSD100, Urban100",
    version=1,
    smallest=SMALLEST_MAP + 2 * BORDER,
    compare=partial(compare_luma, border=BORDER),
    view=partial(shaved_view, border=BORDER),
    smallest_psnr=1 + 2 * BORDER,
)
