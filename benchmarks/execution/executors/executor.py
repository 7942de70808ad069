"""The base class of executors.

An executor takes cells whose needs are finished in the workspace, computes each with ``execution.compute.run_cell``, and says
when one has ended. ``execution.schedule`` decides which cell may start when. Tables, MLflow and the report are made by the driver, the
process that was called.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar

from benchmarks.planning.cells import Cell
from benchmarks.results.record import Result

if TYPE_CHECKING:
    from benchmarks.catalog.profiles import Profile
    from benchmarks.execution.workspace import Workspace

Report = Callable[[Cell, int, int, Mapping[str, float]], None]  # a running cell, units done, units in all, latest losses


@dataclass(frozen=True)
class Ended:
    """The end of a cell: with a result, an error, or the loss of its process.

    Attributes:
        cell: the cell.
        result: complete or diverged, as it is stored in the workspace.
        error: raised by the cell; it would be raised again.
        because: the cell with the error, where a cell was not computed because it needs that one.
        lost: why the process that computed the cell is gone (killed, preempted, out of time or memory). Its checkpoint stands.
    """

    cell: Cell
    result: Result | None = None
    error: Exception | None = None
    because: Cell | None = None
    lost: str = ""


@dataclass(frozen=True)
class ExecutorOptions:
    """Options of the command line for executors, None where they are not given.

    Attributes:
        address: ``HOST:PORT`` of a running cluster.
        slurm_partition: partition of SLURM's.
    """

    address: str | None = None
    slurm_partition: str | None = None


class Executor(ABC):
    """Computes cells, as a context manager: leaving it by an exception stops the running cells, with checkpoints written.

    Attributes:
        capacity: how many cells it takes at a time; None where its engine queues cells that it cannot run yet.
    """

    capacity: int | None

    def __enter__(self) -> Executor:
        return self

    @abstractmethod
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the running cells, and give back all resources."""

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


class NamedExecutor(Executor):
    """An executor that the command line can name.

    Attributes:
        options: names of the fields of ``ExecutorOptions`` that it understands.
    """

    options: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abstractmethod
    def make(cls, workspace: Workspace, profile: Profile, options: ExecutorOptions) -> NamedExecutor:
        """Make the executor.

        Args:
            workspace: where cells find their needs and put their results.
            profile: whose ``resources`` cells get.
            options: of the command line.

        Raises:
            UsageError: its engine is not there, or an option is wrong.
            ModuleNotFoundError: a package that it needs is not installed.
        """
