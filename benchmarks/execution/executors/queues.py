"""Queues of jobs: SLURM, or processes on this machine in its place."""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from shlex import quote
from typing import Any

from benchmarks.catalog.profiles import Resources
from benchmarks.core.errors import BenchmarkError, UsageError, one_line
from benchmarks.core.files import is_alive, write_text
from benchmarks.core.interruption import SIGNALS
from benchmarks.execution.executors import slurm_job
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell
from benchmarks.results.layout import JOBS

COMMANDS = ("sbatch", "squeue", "scancel", "srun")
ENDED = frozenset(
    (
        *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"),
        *("REVOKED", "TIMEOUT"),
    )
)  # SLURM's states of jobs that will not run again; jobs in all other states have not ended
PASSED_ON = frozenset(SIGNALS) - {signal.SIGTERM}  # signals that reach a process of this machine through the driver alone
WARNING = 90  # seconds from SIGTERM to the end of a job's time
NAME_SUFFIX = ".cell"  # of a local job's file, named by its process, with the name of its cell's folder
ANSWER = 60  # time limit of a SLURM command, in seconds


class Refused(BenchmarkError):
    """The queue did not take a job, or does not answer."""


@dataclass(frozen=True)
class Job:
    """A job in the queue.

    Attributes:
        number: the queue's number of the job.
        cell: name of its cell's folder.
        state: one of SLURM's states.
    """

    number: str
    cell: str
    state: str

    @property
    def has_ended(self) -> bool:
        """True if the job will not run again."""
        return self.state in ENDED


class Queue(ABC):
    """A queue for the jobs of one workspace, used through submitit.

    Attributes:
        name: of the queue, for messages.
        capacity: number of jobs that it takes at a time; None if further jobs wait in the queue.
        seconds: least time between two questions to the queue.
        shown_after: seconds after a job's end until its node's last writes are visible on this machine.
        folder: of the jobs' logs and submitit's files.
    """

    name: str
    capacity: int | None
    seconds: float
    shown_after: float

    def __init__(self, workspace: Workspace) -> None:
        from submitit import AutoExecutor

        self._executor = AutoExecutor
        self._root = workspace.root
        self.folder = workspace.root / JOBS
        if "%" in str(self.folder):
            raise UsageError(f"{self.folder}: SLURM has its own use for % in paths: choose another --output")

    def log(self, number: str) -> Path:
        """Path of the file with a job's output."""
        return self.folder / f"{number}_0_log.out"

    @abstractmethod
    def submit(self, cell: Cell, resources: Resources) -> str:
        """Submit a job that computes a cell, and return its number. Raises Refused."""

    @abstractmethod
    def jobs(self) -> Mapping[str, Job]:
        """Jobs of this workspace by number: all that have not ended, and jobs that ended recently. Raises Refused."""

    @abstractmethod
    def cancel(self, numbers: Iterable[str]) -> None:
        """Ask jobs to stop, which leaves them time for a checkpoint, and return at once."""

    def _submit(self, cluster: str, cell: Cell, resources: Resources, parameters: Mapping[str, Any], **made_with: Any) -> str:
        try:
            executor = self._executor(folder=self.folder, cluster=cluster, **made_with)
            executor.update_parameters(gpus_per_node=int(resources.gpus) or None, stderr_to_stdout=True, **parameters)
            with redirect_stderr(StringIO()):  # submitit prints the message of its error as well
                number: str = executor.submit(slurm_job.run, cell, self._root, resources).job_id
        except (RuntimeError, OSError) as error:
            raise Refused(one_line(str(error))) from error
        return number


class Slurm(Queue):
    """The SLURM cluster that this machine can submit to.

    A job's name is its cell's folder, and its comment is the workspace. So SLURM itself knows the jobs of a workspace, and no job
    is forgotten, even if the driver is killed right after the submission.
    """

    name = "SLURM"
    capacity = None
    seconds = 5.0
    shown_after = 15.0

    def __init__(self, workspace: Workspace, partition: str | None) -> None:
        super().__init__(workspace)
        self._partition = partition
        if missing := [command for command in COMMANDS if shutil.which(command) is None]:
            raise UsageError(
                f"--executor slurm: {', '.join(missing)} not found: run it where jobs are submitted, "
                "or set CINCGAN_SLURM=local for jobs on this machine in place of SLURM"
            )

    def submit(self, cell: Cell, resources: Resources) -> str:
        """Submit by sbatch."""
        minutes = max(1, math.ceil(resources.hours * 60))
        parameters = {
            "name": cell.folder,
            "timeout_min": minutes,
            "cpus_per_task": resources.cpus,
            "mem_gb": max(resources.memory_gb, 0.001),  # 0 MB would mean all memory of a node
            "slurm_partition": self._partition,
            "slurm_use_srun": False,
            "slurm_additional_parameters": {
                "signal": f"B:TERM@{min(WARNING, minutes * 15)}",
                "requeue": True,
                "comment": str(self._root),
            },
        }
        # exec replaces the shell, which would not pass the signal on
        return self._submit("slurm", cell, resources, parameters, slurm_python=f"exec {quote(sys.executable)}")

    def jobs(self) -> Mapping[str, Job]:
        """Jobs by a single call of squeue."""
        line = ["squeue", "--me", "--states=all", "--noheader", "--format=%i|%T|%j|%k"]
        try:
            output = subprocess.run(line, check=True, capture_output=True, text=True, timeout=ANSWER).stdout
        except subprocess.CalledProcessError as error:
            raise Refused(f"squeue: {one_line(error.stderr)}") from error
        except (subprocess.TimeoutExpired, OSError) as error:
            raise Refused(f"squeue: {one_line(str(error))}") from error
        rows = [row.split("|", 3) for row in output.splitlines()]
        return {row[0]: Job(row[0], row[2], row[1]) for row in rows if row[3:] == [str(self._root)]}

    def cancel(self, numbers: Iterable[str]) -> None:
        """Cancel by scancel; print a line if it fails, for the jobs may go on."""
        numbers = sorted(numbers)
        try:
            subprocess.run(["scancel", "--quiet", *numbers], check=True, capture_output=True, text=True, timeout=ANSWER)
        except (subprocess.SubprocessError, OSError) as error:
            reason = one_line(getattr(error, "stderr", None) or str(error))
            print(f"jobs {', '.join(numbers)} may go on, for scancel failed ({reason}): cancel them by hand", file=sys.stderr)


class Local(Queue):
    """Processes on this machine, started by submitit. They outlive the driver, and have no limits of memory or time."""

    name = "local"
    seconds = 1.0
    shown_after = 1.0

    def __init__(self, workspace: Workspace, threads: int) -> None:
        super().__init__(workspace)
        self.capacity = max(1, (os.cpu_count() or 1) // threads)

    def submit(self, cell: Cell, resources: Resources) -> str:
        """Start a process that ignores signals to its whole group: the driver gets them, and passes them on as SIGTERM."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)  # the new process inherits the mask
        try:
            number = self._submit("local", cell, resources, {"timeout_min": 60 * 24 * 365})
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        write_text(self.folder / f"{number}{NAME_SUFFIX}", cell.folder)
        return number

    def jobs(self) -> Mapping[str, Job]:
        """Jobs whose processes are alive."""
        files = [path for path in self.folder.glob(f"*{NAME_SUFFIX}") if path.stem.isdecimal() and self._runs(int(path.stem))]
        return {path.stem: Job(path.stem, path.read_text(encoding="utf-8"), "RUNNING") for path in files}

    def cancel(self, numbers: Iterable[str]) -> None:
        """Send SIGTERM to submitit's processes, which pass it on."""
        for number in set(numbers) & self.jobs().keys():
            with suppress(ProcessLookupError):
                os.kill(int(number), signal.SIGTERM)

    def _runs(self, process: int) -> bool:
        """True if a process is a job of this folder. Process ids are used again, and dead processes may keep theirs."""
        if not Path("/proc/self").exists():
            return is_alive(process)
        try:
            return os.fsencode(self.folder) in Path(f"/proc/{process}/cmdline").read_bytes()
        except OSError:
            return False
