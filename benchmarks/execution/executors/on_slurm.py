"""A job of SLURM's for each cell. Jobs outlive the driver: the next one takes over those that have not ended."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from benchmarks.catalog.profiles import Profile
from benchmarks.core.errors import BenchmarkError, UsageError
from benchmarks.core.interruption import whole
from benchmarks.execution.executors import slurm_job
from benchmarks.execution.executors.executor import Ended, ExecutorOptions, NamedExecutor, Report
from benchmarks.execution.executors.queues import Job, Local, Queue, Refused, Slurm
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell

VARIABLE = "CINCGAN_SLURM"  # "local": submitit's own processes in SLURM's place
PAUSE = 1.0  # seconds of one poll
SILENCE = 600.0  # seconds for which a queue may give no answer


@dataclass
class _Running:
    """A cell and its job.

    Attributes:
        since: when the queue had taken it; an older answer of the queue's says nothing about it.
        ended: when it was first seen to have ended.
    """

    cell: Cell
    number: str
    since: float
    ended: float | None = None
    told: object = None


class OnSlurm(NamedExecutor):
    """Cells as jobs, through submitit.

    Args:
        workspace: in a file system that all nodes have.
        profile: whose ``resources`` jobs ask for.
        partition: SLURM's default where None.

    Raises:
        UsageError: SLURM is not here, or does not answer.
    """

    options = ("slurm_partition",)

    def __init__(self, workspace: Workspace, profile: Profile, partition: str | None) -> None:
        place = os.environ.get(VARIABLE, "")
        if place not in ("", "local"):
            raise UsageError(f"{VARIABLE}={place}: can only be local: this machine in SLURM's place")
        self._workspace, self._profile = workspace, profile
        self._queue: Queue = Local(workspace, profile.threads) if place else Slurm(workspace, partition)
        self.capacity = self._queue.capacity
        try:
            self._jobs = self._queue.jobs()
        except Refused as error:
            raise UsageError(f"--executor slurm: {error}") from error
        self._answered = self._asked = time.monotonic()
        self._left = {job.cell: job for job in self._jobs.values() if not job.has_ended}  # by an earlier driver
        self._held: list[Cell] = []
        self._running: dict[str, _Running] = {}

    @classmethod
    def make(cls, workspace: Workspace, profile: Profile, options: ExecutorOptions) -> OnSlurm:
        """Raises UsageError where SLURM is not here, ModuleNotFoundError where submitit is not installed."""
        return cls(workspace, profile, options.slurm_partition)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._running:
            self._queue.cancel(running.number for running in self._running.values())

    def start(self, cell: Cell) -> None:
        """Submit a job, unless an earlier driver's is at it."""
        job = self._left.pop(cell.folder, None)
        if job:
            self._running[cell.id] = _Running(cell, job.number, time.monotonic())
        else:
            self._held.append(cell)
            if len(self._held) == 1:
                self._submit()

    def poll(self, report: Report) -> Sequence[Ended]:
        """Wait a second; look at what jobs have left in the workspace, and every few seconds ask the queue."""
        time.sleep(PAUSE)
        if time.monotonic() - self._asked > self._queue.seconds:
            self._ask()
            self._submit()
        ended = [found for running in self._running.values() if (found := self._look(running, report))]
        for found in ended:
            del self._running[found.cell.id]
        return ended

    def _submit(self) -> None:
        """What the queue does not take now it may take later, as long as something of ours runs (a limit on jobs)."""
        while self._held:
            cell = self._held[0]
            slurm_job.clear(self._workspace.folder(cell))
            try:
                with whole():
                    number = self._queue.submit(cell, self._profile.resources_for(cell.kind, cell.label))
                    self._running[cell.id] = _Running(cell, number, time.monotonic())
            except Refused as error:
                self._ask()
                if not self._running and self._asked == self._answered:
                    raise UsageError(f"--executor slurm: {cell}: {error}") from error
                return
            self._held.pop(0)

    def _ask(self) -> None:
        self._asked = time.monotonic()
        try:
            self._jobs = self._queue.jobs()
            self._answered = self._asked
        except Refused as error:
            if self._asked - self._answered > SILENCE:
                raise BenchmarkError(
                    f"no answer for {SILENCE:.0f} seconds ({error}): jobs may go on; the same command goes on from there"
                ) from error

    def _look(self, running: _Running, report: Report) -> Ended | None:
        cell, folder, now = running.cell, self._workspace.folder(running.cell), time.monotonic()
        if running.ended is not None:
            slurm_job.look_anew(folder)
        if (errors := slurm_job.outcome(folder)) is not None and (ended := self._take(cell, errors)):
            slurm_job.clear(folder)
            return ended
        if (progress := slurm_job.progress(folder)) not in (None, running.told):
            running.told = progress
            report(cell, *progress)
        job = self._jobs.get(running.number)
        if (job and not job.has_ended) or self._answered < running.since:
            running.ended = None
        elif running.ended is None:
            running.ended = now
        elif now - running.ended > self._queue.shown_after:
            return Ended(cell, lost=self._why(running.number, job))
        return None

    def _take(self, cell: Cell, errors: Sequence[BenchmarkError]) -> Ended | None:
        """What a job says it ended with; None where its result is not to be seen yet."""
        if errors:
            return Ended(cell, error=errors[0])
        try:
            result = self._workspace.read(cell)
        except UsageError as error:
            return Ended(cell, error=error)
        return Ended(cell, result) if result else None

    def _why(self, number: str, job: Job | None) -> str:
        state = f"has ended as {job.state}" if job else "is not there any more"
        return f"{self._queue.name} job {number} {state}: its log is {self._queue.log(number)}"
