"""The serial executor."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.catalog.profiles import Profile
from benchmarks.execution.executors.executor import Ended, ExecutorOptions, NamedExecutor, ProgressCallback
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell


class Serial(NamedExecutor):
    """Computes one cell after another in this process, within ``poll``. The default."""

    capacity = 1

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._started: list[Cell] = []

    @classmethod
    def make(cls, workspace: Workspace, profile: Profile, options: ExecutorOptions) -> Serial:
        """Make the executor. Profile and options are ignored."""
        return cls(workspace)

    def __exit__(self, *_: object) -> None:
        pass

    def start(self, cell: Cell) -> None:
        """Remember the cell for ``poll``."""
        self._started.append(cell)

    def poll(self, report: ProgressCallback) -> Sequence[Ended]:
        """Compute the started cell, and return its end."""
        from benchmarks.execution.compute import run_cell

        cell = self._started.pop()
        try:
            result = run_cell(cell, self._workspace, lambda done, total, losses: report(cell, done, total, losses))
        except Exception as error:  # a cell may raise anything; the others go on
            return [Ended(cell, error=error)]
        return [Ended(cell, result)]
