"""The view of a run that computes one cell at a time."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from benchmarks.core.step_progress import StepProgress

if TYPE_CHECKING:
    from benchmarks.execution.executors.executor import Ended
    from benchmarks.planning.cells import Cell


class OneByOne:
    """A progress bar for the running cell, as a context manager; plain lines where there is no terminal.

    Args:
        cells: all cells of the run that will be computed, in order.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
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

    def update(self, cell: Cell, done: int, of: int, losses: Mapping[str, float], /) -> None:
        """Move the bar."""
        if self._progress:
            self._progress.update(done, of, losses)

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

    def _close(self) -> None:
        if self._progress:
            self._progress.__exit__()
            self._progress = None
