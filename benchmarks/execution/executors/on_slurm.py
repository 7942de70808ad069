"""The SLURM executor: a job for each cell. Jobs outlive the driver; the next driver takes over the jobs that have not ended."""

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
from benchmarks.execution.executors.executor import Ended, ExecutorOptions, NamedExecutor, ProgressCallback
from benchmarks.execution.executors.queues import Job, Local, Queue, Refused, Slurm
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell

VARIABLE = "CINCGAN_SLURM"  # "local": processes on this machine in place of SLURM jobs
PAUSE = 1.0  # seconds that a poll waits
SILENCE = 600.0  # seconds without an answer of the queue, after which the run ends


@dataclass
class _Running:
    """A cell and its job.

    Attributes:
        cell: the cell.
        number: the queue's number of the job.
        since: time of the submission; earlier answers of the queue do not know the job.
        ended: time when the job was first seen to have ended; None before.
        reported: the last progress that was reported.
    """

    cell: Cell
    number: str
    since: float
    ended: float | None = None
    reported: object = None


class OnSlurm(NamedExecutor):
    """Submits cells as jobs, through submitit.

    Args:
        workspace: in a file system that all nodes share.
        profile: its ``resources`` are requested for jobs.
        partition: name of a partition; SLURM's default if None.

    Raises:
        UsageError: SLURM's commands are not found, or SLURM does not answer; a share of a GPU is reserved.
    """

    options = ("slurm_partition",)

    def __init__(self, workspace: Workspace, profile: Profile, partition: str | None) -> None:
        place = os.environ.get(VARIABLE, "")
        if place not in ("", "local"):
            raise UsageError(f"{VARIABLE}={place}: can only be local, for jobs on this machine in place of SLURM")
        for name, resources in profile.resources.items():
            if 0 < resources.gpus < 1:
                mend = "reserve 1, or take --executor ray"
                raise UsageError(
                    f"--executor slurm: resources.{name}.gpus={resources.gpus:g}: SLURM shares out whole GPUs: {mend}"
                )
        self._workspace, self._profile = workspace, profile
        self._queue: Queue = Local(workspace, profile.threads) if place else Slurm(workspace, partition)
        self.capacity = self._queue.capacity
        try:
            self._jobs = self._queue.jobs()
        except Refused as error:
            raise UsageError(f"--executor slurm: {error}") from error
        self._answered = self._asked = time.monotonic()
        self._inherited = {job.cell: job for job in self._jobs.values() if not job.has_ended}  # by an earlier driver
        self._not_submitted: list[Cell] = []
        self._running: dict[str, _Running] = {}

    @classmethod
    def make(cls, workspace: Workspace, profile: Profile, options: ExecutorOptions) -> OnSlurm:
        """Make the executor. Raises UsageError if SLURM is not found, ModuleNotFoundError if submitit is not installed."""
        return cls(workspace, profile, options.slurm_partition)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._running:
            self._queue.cancel(running.number for running in self._running.values())

    def start(self, cell: Cell) -> None:
        """Submit a job, unless a job of an earlier driver computes the cell."""
        job = self._inherited.pop(cell.folder, None)
        if job:
            self._running[cell.id] = _Running(cell, job.number, time.monotonic())
        else:
            self._not_submitted.append(cell)
            if len(self._not_submitted) == 1:
                self._submit()

    def poll(self, report: ProgressCallback) -> Sequence[Ended]:
        """Wait a second, read what jobs have written into the workspace, and ask the queue every few seconds."""
        time.sleep(PAUSE)
        if time.monotonic() - self._asked > self._queue.seconds:
            self._ask()
            self._submit()
        ends = [ended for running in self._running.values() if (ended := self._look(running, report))]
        for ended in ends:
            del self._running[ended.cell.id]
        return ends

    def _submit(self) -> None:
        """Submit cells until the queue refuses one, perhaps for a limit on jobs. It is tried again as long as other jobs run."""
        while self._not_submitted:
            cell = self._not_submitted[0]
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
            self._not_submitted.pop(0)

    def _ask(self) -> None:
        """Ask the queue for its jobs. Raises BenchmarkError if it has not answered for a long time."""
        self._asked = time.monotonic()
        try:
            self._jobs = self._queue.jobs()
            self._answered = self._asked
        except Refused as error:
            if self._asked - self._answered > SILENCE:
                raise BenchmarkError(
                    f"SLURM has not answered for {SILENCE:.0f} seconds ({error}): jobs may still run; "
                    "give the same command again to take them over"
                ) from error

    def _look(self, running: _Running, report: ProgressCallback) -> Ended | None:
        """The end of a cell, if its job has written an outcome or has vanished; progress is reported."""
        cell, folder, now = running.cell, self._workspace.folder(running.cell), time.monotonic()
        if running.ended is not None:
            slurm_job.refresh(folder)
        if (errors := slurm_job.outcome(folder)) is not None and (ended := self._end_of(cell, errors)):
            slurm_job.clear(folder)
            return ended
        if (progress := slurm_job.progress(folder)) not in (None, running.reported):
            running.reported = progress
            report(cell, *progress)
        job = self._jobs.get(running.number)
        if (job and not job.has_ended) or self._answered < running.since:
            running.ended = None
        elif running.ended is None:
            running.ended = now
        elif now - running.ended > self._queue.shown_after:
            return Ended(cell, lost_reason=self._why(running.number, job))
        return None

    def _end_of(self, cell: Cell, errors: Sequence[BenchmarkError]) -> Ended | None:
        """The end of a cell whose job has written its outcome; None if the file system does not show the result yet."""
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
