"""One cell after another, in this process."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.executors import Ended, Executor, Report
from benchmarks.plan import Cell
from benchmarks.workspace import Workspace


class Serial(Executor):
    """The default: ``poll`` computes the cell that was started."""

    at_once = 1

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._started: list[Cell] = []

    def __exit__(self, *_: object) -> None:
        pass

    def start(self, cell: Cell) -> None:
        """Remember it for ``poll``."""
        self._started.append(cell)

    def poll(self, report: Report) -> Sequence[Ended]:
        """Compute the cell."""
        from benchmarks.cells import run_cell

        cell = self._started.pop()
        try:
            result = run_cell(cell, self._workspace, lambda done, of, losses: report(cell, done, of, losses))
        except Exception as error:  # whatever a cell raises, the others go on
            return [Ended(cell, error=error)]
        return [Ended(cell, result)]
