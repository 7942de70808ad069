"""Executors: where cells are computed. No method and no cell knows which one runs it.

An executor takes cells whose needs are finished in the workspace, computes each with :func:`benchmarks.cells.run_cell`, and says
when one has ended. Which cell may start when is :mod:`benchmarks.schedule`'s business; tables, MLflow and the report are the
driver's, the process that was called.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

from benchmarks.plan import Cell
from benchmarks.results import Result

Report = Callable[[Cell, int, int, Mapping[str, float]], None]  # a running cell, units done, units in all, latest losses


@dataclass(frozen=True)
class Ended:
    """How a cell ended: with a result, an error, or the loss of its process.

    Attributes:
        cell: which.
        result: complete or diverged, as it is stored in the workspace.
        error: what the cell raised; it would again.
        because: where it was not computed, the cell with the error that it needs.
        lost: why the process that computed it is gone (killed, preempted, out of time or memory). Its checkpoint stands.
    """

    cell: Cell
    result: Result | None = None
    error: Exception | None = None
    because: Cell | None = None
    lost: str = ""


class Executor(ABC):
    """Computes cells, as a context manager: leaving it by an exception stops what still runs, with checkpoints written.

    Attributes:
        at_once: how many cells it takes at a time; None where its engine queues what it cannot run yet.
    """

    at_once: int | None

    def __enter__(self) -> Executor:
        return self

    @abstractmethod
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Give back what was taken."""

    @abstractmethod
    def start(self, cell: Cell) -> None:
        """Begin to compute a cell, whose needs are finished, and return.

        Raises:
            UsageError: the engine does not take it.
        """

    @abstractmethod
    def poll(self, report: Report) -> Sequence[Ended]:
        """Wait a second or so, or until a cell has ended.

        Args:
            report: called for running cells with how far they are.

        Returns:
            The cells that have ended since the last call.
        """
