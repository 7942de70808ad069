"""The base class of executors.

An executor takes cells whose needed cells are finished in the workspace, computes each with ``execution.compute.run_cell``, and
reports their ends. ``execution.schedule`` decides which cell may start when. The driver, which is the process of the command,
makes tables and report, and writes to MLflow.
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

# a running cell, steps or images done, their number, losses
ProgressCallback = Callable[[Cell, int, int, Mapping[str, float]], None]


@dataclass(frozen=True)
class Ended:
    """The end of a cell: with a result, an error, or the loss of its process.

    Attributes:
        cell: the cell.
        result: complete or diverged, as it is stored in the workspace.
        error: raised by the cell; another attempt would raise it again.
        failed_need: the failed cell that this cell needs, which is why this cell was not computed.
        lost_reason: why the process that computed the cell is gone (killed, preempted, out of time); its checkpoint stays.
    """

    cell: Cell
    result: Result | None = None
    error: Exception | None = None
    failed_need: Cell | None = None
    lost_reason: str = ""


@dataclass(frozen=True)
class ExecutorOptions:
    """Options of the command line for executors; None if an option is not given.

    Attributes:
        address: ``HOST:PORT`` of a running cluster.
        slurm_partition: name of a SLURM partition.
    """

    address: str | None = None
    slurm_partition: str | None = None


class Executor(ABC):
    """Computes cells, as a context manager: leaving it by an exception stops the running cells, with checkpoints written.

    Attributes:
        capacity: number of cells that it takes at a time; None if its engine queues cells that it cannot run yet.
    """

    capacity: int | None

    def __enter__(self) -> Executor:
        return self

    @abstractmethod
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the running cells, and give back all resources."""

    @abstractmethod
    def start(self, cell: Cell) -> None:
        """Begin to compute a cell, whose needed cells are finished, and return at once.

        Raises:
            UsageError: the engine refuses the cell.
        """

    @abstractmethod
    def poll(self, report: ProgressCallback) -> Sequence[Ended]:
        """Wait a second or so, or until a cell has ended.

        Args:
            report: called with the progress of running cells.

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
            workspace: results folder of the run.
            profile: its ``resources`` are reserved for cells.
            options: of the command line.

        Raises:
            UsageError: the engine cannot be reached, or an option is wrong.
            ModuleNotFoundError: a package that it needs is not installed.
        """
