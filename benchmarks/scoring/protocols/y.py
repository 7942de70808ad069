"""Luma, whole image: the habit of papers on real-world super-resolution."""

from __future__ import annotations

from functools import partial

from benchmarks.scoring.comparisons import SMALLEST_MAP, compare_luma, shaved_view
from benchmarks.scoring.protocol import Protocol

Y = Protocol(
    name="y",
    title="MATLAB luma, whole image, no border shaved: tables of real-world super-resolution",
    version=1,
    smallest=SMALLEST_MAP,
    compare=partial(compare_luma, border=0),
    view=partial(shaved_view, border=0),
    smallest_psnr=1,
)
