"""Figures of speed and memory, compared with another implementation, as a table or JSON."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True)
class Figure:
    """A measurement, and a measurement of another implementation of the same work.

    Attributes:
        what: the work.
        against: the other implementation; empty for none.
        seconds: our time for an image, for a pair of patches or for the whole work, by ``unit``.
        other_seconds: time of the other implementation.
        megabytes: our peak memory.
        unit: unit of the times in a table.
    """

    what: str
    against: str
    seconds: float
    other_seconds: float | None = None
    megabytes: float | None = None
    unit: Literal["ms an image", "pairs/s", "s"] = "ms an image"

    @property
    def ratio(self) -> float | None:
        """Time of the other implementation over our time; None without another implementation."""
        return self.other_seconds / self.seconds if self.other_seconds else None

    def shown(self, seconds: float | None) -> str:
        """Text of a time in the figure's unit."""
        if seconds is None:
            return ""
        return {"ms an image": f"{seconds * 1e3:,.1f}", "pairs/s": f"{1 / seconds:,.0f}", "s": f"{seconds:,.3f}"}[self.unit]


COLUMNS: dict[str, Callable[[Figure], str]] = {
    "work": lambda figure: figure.what,
    "our time": lambda figure: figure.shown(figure.seconds),
    "compared with": lambda figure: figure.against,
    "its time": lambda figure: figure.shown(figure.other_seconds),
    "unit": lambda figure: figure.unit,
    "times faster": lambda figure: _shown(figure.ratio),
    "peak MB": lambda figure: _shown(figure.megabytes),
}
TEXTS = ("work", "compared with", "unit")


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"


def best_seconds(repeat: int, run: Callable[[], object]) -> float:
    """Seconds of the fastest of several runs, after a warm-up run."""
    run()
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


def peak_megabytes(run: Callable[[], object]) -> float:
    """Peak of the memory that a run allocates, arrays included, in MB."""
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
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in TEXTS else "right")
    for figure in figures:
        table.add_row(*(show(figure) for show in COLUMNS.values()))
    Console(width=max(Console().width, 120), highlight=False).print(table)


def to_markdown(figures: Sequence[Figure]) -> str:
    """A Markdown table, in the order of the figures."""
    rows = [list(COLUMNS), ["---" if column in TEXTS else "---:" for column in COLUMNS]]
    rows += [[show(figure) for show in COLUMNS.values()] for figure in figures]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
