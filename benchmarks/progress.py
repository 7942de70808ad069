"""Progress of cells: of one a bar on a terminal, a few plain lines elsewhere; of several at a time plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.results import COMPLETE

if TYPE_CHECKING:
    from rich.progress import TaskID

    from benchmarks.executors import Ended
    from benchmarks.plan import Cell

LINES = 4  # printed per cell where there is no terminal


class CellProgress:
    """A context manager around the computation of one cell; writes to standard error."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.title = title
        self.console = Console(stderr=True, highlight=False, markup=False)
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}", markup=False),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
        )
        self.task = self.bar.add_task(title, total=None, speed="", losses="")
        self.printed = 0
        self.first: tuple[float, int] | None = None

    def __enter__(self) -> CellProgress:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def update(self, done: int, of: int, losses: Mapping[str, float]) -> None:
        """Show that ``done`` of ``of`` units are done, and the latest losses."""
        self.first = self.first or (time.monotonic(), done)
        elapsed, units = time.monotonic() - self.first[0], done - self.first[1]
        speed = f"{units / elapsed:.1f}/s" if units and elapsed > 0 else ""
        text = " ".join(f"{name} {loss:.3g}" for name, loss in losses.items())
        if self.console.is_terminal:
            self.bar.update(self.task, completed=done, total=of, losses=text, speed=speed)
        elif losses and done * LINES // of > self.printed:
            self.printed = done * LINES // of
            self.console.print(f"{self.title}: {done}/{of} {speed} {text}", soft_wrap=True)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Say how long the cell took, if it came to an end."""
        if result["status"] == COMPLETE:
            self.console.print(f"{self.title}: done in {result['seconds']:.1f} s", soft_wrap=True)


class OneByOne:
    """The view of a run that computes one cell at a time: a bar for the one that is under way, as a context manager.

    Args:
        cells: all that will be computed, in their order.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._titles = {cell.id: f"[{number}/{len(cells)}] {cell}" for number, cell in enumerate(cells, start=1)}
        self._progress: CellProgress | None = None

    def __enter__(self) -> OneByOne:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def started(self, cell: Cell) -> None:
        """Show its bar."""
        self._close()
        self._progress = CellProgress(self._titles[cell.id]).__enter__()

    def update(self, cell: Cell, done: int, of: int, losses: Mapping[str, float], /) -> None:
        """Show how far it is."""
        if self._progress:
            self._progress.update(done, of, losses)

    def lost(self, cell: Cell, why: str) -> None:
        """Say that it will be tried again."""
        self._close()
        print(f"{cell}: its process was lost ({why}): it goes on from its last checkpoint", file=sys.stderr)

    def ended(self, ended: Ended) -> None:
        """Say how long it took."""
        if self._progress and ended.result:
            self._progress.finish(ended.result)
        self._close()

    def _close(self) -> None:
        if self._progress:
            self._progress.__exit__()
            self._progress = None


class TransferProgress:
    """Progress of downloads and extractions: bars with rate and time left on a terminal, a few plain lines elsewhere."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

        self.console = Console(stderr=True, highlight=False, markup=False)
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
        )
        self.tasks: dict[str, TaskID] = {}
        self.started: dict[str, tuple[float, int]] = {}
        self.shown: dict[str, int] = {}

    def __enter__(self) -> TransferProgress:
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def report(self, title: str, done: int, of: int | None) -> None:
        """Show bytes done and bytes in all, where known, of what the title names."""
        if title not in self.tasks:
            self.tasks[title] = self.bars.add_task(title, total=None)
            self.started[title], self.shown[title] = (time.monotonic(), done), 0
        if self.console.is_terminal:
            self.bars.update(self.tasks[title], completed=done, total=of, visible=of is None or done < of)
        elif of and done * LINES // of > self.shown[title]:
            self.shown[title] = done * LINES // of
            began, first = self.started[title]
            rate = max(done - first, 1) / max(time.monotonic() - began, 1e-3)
            figures = f"{done / 1e6:.1f} of {of / 1e6:.1f} MB, {rate / 1e6:.1f} MB/s, {(of - done) / rate:.0f} s left"
            self.console.print(f"{title}: {figures}", soft_wrap=True)
