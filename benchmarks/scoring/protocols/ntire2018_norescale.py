"""Scorer of the NTIRE 2018 challenge without matching the mean."""

from __future__ import annotations

from functools import partial

from benchmarks.scoring.protocol import Protocol
from benchmarks.scoring.protocols.ntire2018 import SMALLEST, compare_windows

NTIRE2018_NORESCALE = Protocol(
    name="ntire2018-norescale",
    title="NTIRE 2018 scorer: central 60x60 window, best of 6,561 shifts, mean not matched",
    version=1,
    smallest=SMALLEST,
    compare=partial(compare_windows, rescale=False),
    view=None,
)
