"""Figures of speed and memory beside another way, as a table or JSON."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True)
class Figure:
    """One comparison.

    Attributes:
        what: the work that is measured.
        against: the other way; empty where there is none.
        seconds: ours, of one image, of one pair of patches or of the whole, as ``unit`` tells.
        other_seconds: the other way's.
        megabytes: peak memory.
        unit: in which a table shows the times.
    """

    what: str
    against: str
    seconds: float
    other_seconds: float | None = None
    megabytes: float | None = None
    unit: Literal["ms an image", "pairs/s", "s"] = "ms an image"

    @property
    def ratio(self) -> float | None:
        """How many times faster ours is."""
        return self.other_seconds / self.seconds if self.other_seconds else None

    def shown(self, seconds: float | None) -> str:
        """A time in the figure's unit."""
        if seconds is None:
            return ""
        return {"ms an image": f"{seconds * 1e3:,.1f}", "pairs/s": f"{1 / seconds:,.0f}", "s": f"{seconds:,.3f}"}[self.unit]


def best_seconds(repeat: int, run: Callable[[], object]) -> float:
    """Seconds of the fastest of several runs, after one that warms up."""
    run()
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


def peak_megabytes(run: Callable[[], object]) -> float:
    """MB that a run allocates at most, arrays included."""
    run()
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def print_figures(figures: Sequence[Figure], *, as_json: bool) -> None:
    """Print figures as a table or as JSON."""
    if as_json:
        from benchmarks.results.files import to_json

        print(to_json([{**asdict(figure), "ratio": figure.ratio} for figure in figures]))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in ("what", "ours", "against", "theirs", "unit", "times faster", "peak MB"):
        table.add_column(column, justify="left" if column in ("what", "against", "unit") else "right")
    for figure in figures:
        table.add_row(
            figure.what,
            figure.shown(figure.seconds),
            figure.against,
            figure.shown(figure.other_seconds),
            figure.unit,
            _shown(figure.ratio),
            _shown(figure.megabytes),
        )
    Console(width=max(Console().width, 120), highlight=False).print(table)


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"
