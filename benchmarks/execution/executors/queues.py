"""Where jobs wait and run: SLURM, or this machine in its place."""

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
from benchmarks.execution.executors import slurm_job
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell

COMMANDS = ("sbatch", "squeue", "scancel", "srun")
ENDED = frozenset(
    (
        *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"),
        *("REVOKED", "TIMEOUT"),
    )
)  # SLURM's words for a job that will not run again; all its others are of jobs that are still to end
WARNING = 90  # seconds between SIGTERM and the end of a job's time
ANSWER = 60  # seconds that a command of SLURM's may take


class Refused(BenchmarkError):
    """A job was not taken, or the queue does not answer."""


@dataclass(frozen=True)
class Job:
    """One that the queue knows.

    Attributes:
        number: the queue's name for it.
        cell: its cell's folder, by name.
        state: in SLURM's words.
    """

    number: str
    cell: str
    state: str

    @property
    def has_ended(self) -> bool:
        """Whether it will never run again."""
        return self.state in ENDED


class Queue(ABC):
    """Takes jobs of one workspace, through submitit.

    Attributes:
        name: for messages.
        capacity: how many jobs it takes at a time; None where they wait in it.
        seconds: that should pass between two questions.
        shown_after: seconds after a job's end within which its node's last writes are seen here.
    """

    name: str
    capacity: int | None
    seconds: float
    shown_after: float

    def __init__(self, workspace: Workspace) -> None:
        from submitit import AutoExecutor

        self._executor = AutoExecutor
        self._root = workspace.root
        self.folder = workspace.root / "jobs"
        if "%" in str(self.folder):
            raise UsageError(f"{self.folder}: SLURM has its own use for % in paths: choose another --output")

    def log(self, number: str) -> Path:
        """What a job has printed."""
        return self.folder / f"{number}_0_log.out"

    @abstractmethod
    def submit(self, cell: Cell, resources: Resources) -> str:
        """Have a cell computed by a job, and return its number. Raises Refused."""

    @abstractmethod
    def jobs(self) -> Mapping[str, Job]:
        """The jobs of this workspace by number: all that have not ended, and those that have for some time. Raises Refused."""

    @abstractmethod
    def cancel(self, numbers: Iterable[str]) -> None:
        """Have jobs told to stop, which gives them time for a checkpoint, and return at once."""

    def _submit(self, cluster: str, cell: Cell, resources: Resources, parameters: Mapping[str, Any], **made_with: Any) -> str:
        try:
            executor = self._executor(folder=self.folder, cluster=cluster, **made_with)
            executor.update_parameters(gpus_per_node=resources.gpus or None, stderr_to_stdout=True, **parameters)
            with redirect_stderr(StringIO()):  # submitit prints what its error says too
                number: str = executor.submit(slurm_job.run, cell, self._root, resources).job_id
        except (RuntimeError, OSError) as error:
            raise Refused(one_line(str(error))) from error
        return number


class Slurm(Queue):
    """The cluster that this machine can submit to.

    A job is known by its name, which is the cell's folder, and its comment, which is the workspace. So there is no moment in
    which a driver could be killed and its job forgotten.
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
                "or set CINCGAN_SLURM=local to have this machine in SLURM's place"
            )

    def submit(self, cell: Cell, resources: Resources) -> str:
        """Through sbatch."""
        minutes = max(1, math.ceil(resources.hours * 60))
        parameters = {
            "name": cell.folder,
            "timeout_min": minutes,
            "cpus_per_task": resources.cpus,
            "mem_gb": max(resources.memory_gb, 0.001),  # 0 MB would be all of a node's
            "slurm_partition": self._partition,
            "slurm_use_srun": False,
            "slurm_additional_parameters": {
                "signal": f"B:TERM@{min(WARNING, minutes * 15)}",
                "requeue": True,
                "comment": str(self._root),
            },
        }
        # exec, so that the signal is not the shell's, who would not pass it on
        return self._submit("slurm", cell, resources, parameters, slurm_python=f"exec {quote(sys.executable)}")

    def jobs(self) -> Mapping[str, Job]:
        """By one call of squeue, whatever their number."""
        line = ["squeue", "--me", "--states=all", "--noheader", "--format=%i|%T|%j|%k"]
        try:
            told = subprocess.run(line, check=True, capture_output=True, text=True, timeout=ANSWER).stdout
        except subprocess.CalledProcessError as error:
            raise Refused(f"squeue: {one_line(error.stderr)}") from error
        except (subprocess.TimeoutExpired, OSError) as error:
            raise Refused(f"squeue: {one_line(str(error))}") from error
        rows = [row.split("|", 3) for row in told.splitlines()]
        return {row[0]: Job(row[0], row[2], row[1]) for row in rows if row[3:] == [str(self._root)]}

    def cancel(self, numbers: Iterable[str]) -> None:
        """Through scancel."""
        with suppress(subprocess.SubprocessError, OSError):
            subprocess.run(["scancel", *numbers], check=False, capture_output=True, timeout=ANSWER)


class Local(Queue):
    """This machine, as submitit has it: a process for each job, which outlives the driver too. Memory and hours have no limit."""

    name = "local"
    seconds = 1.0
    shown_after = 1.0

    def __init__(self, workspace: Workspace, threads: int) -> None:
        super().__init__(workspace)
        self.capacity = max(1, (os.cpu_count() or 1) // threads)

    def submit(self, cell: Cell, resources: Resources) -> str:
        """In a process that a terminal's Ctrl-C does not reach: it is the driver's, who passes it on as SIGTERM."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # a process has its parent's mask
        try:
            number = self._submit("local", cell, resources, {"timeout_min": 60 * 24 * 365})
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        write_text(self.folder / f"{number}.cell", cell.folder)
        return number

    def jobs(self) -> Mapping[str, Job]:
        """Those whose process is there."""
        files = [path for path in self.folder.glob("*.cell") if path.stem.isdecimal() and self._runs(int(path.stem))]
        return {path.stem: Job(path.stem, path.read_text(encoding="utf-8"), "RUNNING") for path in files}

    def cancel(self, numbers: Iterable[str]) -> None:
        """By SIGTERM to submitit's process, who passes it on."""
        for number in set(numbers) & self.jobs().keys():
            with suppress(ProcessLookupError):
                os.kill(int(number), signal.SIGTERM)

    def _runs(self, process: int) -> bool:
        """Whether a process is a job of this folder; numbers are used again, and the dead may keep theirs."""
        if not Path("/proc/self").exists():
            return is_alive(process)
        try:
            return os.fsencode(self.folder) in Path(f"/proc/{process}/cmdline").read_bytes()
        except OSError:
            return False
