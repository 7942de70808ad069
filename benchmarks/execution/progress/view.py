"""The interface between the schedule and the view of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from benchmarks.execution.executors.executor import Ended
from benchmarks.planning.cells import Cell


class View(Protocol):
    """Shows the progress of cells."""

    def started(self, cell: Cell) -> None:
        """A cell was handed to the executor, which may begin it much later."""

    def update(self, cell: Cell, done: int, total: int, losses: Mapping[str, float], /) -> None:
        """A running cell has reported the steps or images done, their total number and its latest losses."""

    def lost(self, cell: Cell, why: str) -> None:
        """The process of a cell is gone; the cell will be started again."""

    def ended(self, ended: Ended) -> None:
        """A cell has ended."""


class Silent:
    """A view that shows nothing."""

    def started(self, cell: Cell) -> None:
        """Show nothing."""

    def update(self, cell: Cell, done: int, total: int, losses: Mapping[str, float], /) -> None:
        """Show nothing."""

    def lost(self, cell: Cell, why: str) -> None:
        """Show nothing."""

    def ended(self, ended: Ended) -> None:
        """Show nothing."""
