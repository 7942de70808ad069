"""The view of a run that computes one cell at a time."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from benchmarks.core.progress.step_progress import WINDOW, StepProgress

if TYPE_CHECKING:
    from benchmarks.execution.executors.executor import Ended
    from benchmarks.planning.cells import Cell
    from benchmarks.planning.costs import Costs

SLOW = 1.5  # factor by which a step may exceed its estimate without a word


class OneByOne:
    """A progress bar for the running cell, as a context manager; plain lines where there is no terminal.

    A machine that is slower than estimated is told once, with the time that the rest may take.

    Args:
        cells: all cells of the run that will be computed, in order.
        costs: estimated times of the cells.
    """

    def __init__(self, cells: Sequence[Cell], costs: Costs) -> None:
        self._cells, self._costs, self._told = list(cells), costs, False
        self._titles = {cell.id: f"[{number}/{len(cells)}] {cell}" for number, cell in enumerate(cells, start=1)}
        self._progress: StepProgress | None = None

    def __enter__(self) -> OneByOne:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def started(self, cell: Cell) -> None:
        """Show a bar for the cell."""
        self._close()
        self._progress = StepProgress(self._titles[cell.id]).__enter__()

    def update(self, cell: Cell, done: int, total: int, losses: Mapping[str, float], /) -> None:
        """Move the bar."""
        if self._progress:
            self._progress.update(done, total, losses)
            self._compare_speed(self._progress, cell, done, total)

    def lost(self, cell: Cell, why: str) -> None:
        """Say that the cell will be started again."""
        self._close()
        print(f"{cell}: its process was lost ({why}): it goes on from its last checkpoint", file=sys.stderr)

    def ended(self, ended: Ended) -> None:
        """Say how long the cell took, unless it failed or diverged."""
        if self._progress and ended.result and not ended.result.has_diverged:
            done = f"{self._progress.title}: done in {ended.result.seconds:.1f} s"
            self._progress.console.print(done, soft_wrap=True)
        self._close()

    def _compare_speed(self, progress: StepProgress, cell: Cell, done: int, total: int) -> None:
        """Say, once a run, that a training is slower than estimated, by how much, and how long the rest may take."""
        estimate, speed = self._costs.by_cell[cell.id].seconds, progress.speed
        if self._told or cell.kind != "train" or not estimate or not speed.value or speed.seconds < WINDOW:
            return
        factor = total / (estimate * speed.value)
        if factor < SLOW:
            return
        self._told = True
        later = self._cells[self._cells.index(cell) + 1 :]
        left = estimate * (total - done) / total + sum(self._costs.by_cell[cell.id].seconds or 0 for cell in later)
        text = f"a step of {cell.label} takes {1 / speed.value:.2g} s, {factor:.1f} times its estimate ({self._costs.worker})"
        progress.console.print(f"{text}: the rest may take {timedelta(seconds=round(left * factor))}", soft_wrap=True)

    def _close(self) -> None:
        if self._progress:
            self._progress.__exit__()
            self._progress = None
