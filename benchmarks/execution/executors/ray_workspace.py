"""Code of the Ray executor that runs in the cluster: the task that computes a cell, and the server of the workspace.

No file system needs to be shared. A task computes in a folder of its own: it gets needed files and the last checkpoint from the
server, and sends every new checkpoint, and at the end all files, to the server. The server is an actor on the driver's machine,
and the only writer of the workspace. It refuses files of an abandoned attempt or of an earlier run, so that a process that is
slow to die does no harm.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.catalog.profiles import Resources
from benchmarks.core.errors import BenchmarkError, NotWritten, UsageError, as_ours
from benchmarks.core.files import is_alive, write_atomically
from benchmarks.core.interruption import Interrupted, unhurried
from benchmarks.core.offline import VARIABLE
from benchmarks.core.threads import sleep_at_barriers
from benchmarks.execution.executors.executor import Ended
from benchmarks.execution.worker import compute
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell
from benchmarks.results.layout import CHECKPOINT, RESULT, WEIGHTS
from benchmarks.results.record import COMPLETE

REPORT_SECONDS = 0.5  # between two progress reports of a cell
SCRATCH = "cincgan-scratch-"  # prefix of the workers' folders

Progress = tuple[int, int, Mapping[str, float]]
T = TypeVar("T")


class WorkspaceServer:
    """Reads and writes the workspace for tasks. Each attempt at a cell has a number; files of earlier attempts are refused.

    Args:
        root: folder of the workspace.
        holder: id of the run that held the workspace's lock when this run began.
    """

    def __init__(self, root: Path, holder: str) -> None:
        self._workspace, self._holder = Workspace(root), holder
        self._attempts: dict[str, int] = {}
        self._reports: dict[str, tuple[Cell, Progress]] = {}
        self._hosts: dict[str, str] = {}

    def begin(self, cell: Cell, attempt: int) -> None:
        """Begin an attempt at a cell; earlier attempts are abandoned."""
        self._attempts[cell.id] = attempt

    def fetch(self, cell: Cell, attempt: int, host: str) -> dict[str, bytes]:
        """Files that the cell starts from, by path below the workspace's root: its checkpoint, and the stages that it needs."""
        self._check(cell, attempt)
        self._hosts[cell.id] = host
        paths = [self._workspace.folder(needed) / name for needed in cell.needs.values() for name in (RESULT, WEIGHTS)]
        paths.append(self._workspace.folder(cell) / CHECKPOINT)
        return {path.relative_to(self._workspace.root).as_posix(): path.read_bytes() for path in paths if path.is_file()}

    def report(self, cell: Cell, attempt: int, progress: Progress) -> None:
        """Take a progress report of a cell."""
        if self._attempts[cell.id] == attempt:
            self._reports[cell.id] = cell, progress

    def take_reports(self) -> list[tuple[Cell, Progress]]:
        """The latest progress report of each cell that has reported since the last call."""
        reports, self._reports = self._reports, {}
        return list(reports.values())

    def host_of(self, cell: Cell) -> str:
        """Name of the machine that computes or computed the last attempt at the cell."""
        return self._hosts.get(cell.id, "a machine")

    def keep(self, cell: Cell, attempt: int, files: Mapping[str, bytes], status: str = "") -> None:
        """Write files of a cell, the result last.

        Args:
            cell: the cell.
            attempt: number of the attempt.
            files: contents by path below the cell's folder.
            status: of the result, if it is among the files. A complete cell's checkpoint is removed.

        Raises:
            BenchmarkError: another attempt at the cell, or another run, has begun.
            NotWritten: the disk is full.
        """
        self._check(cell, attempt)
        for name in sorted(files, key=lambda name: name == RESULT):
            _write(self._workspace.folder(cell) / name, files[name])
        if status == COMPLETE:
            self._workspace.discard_checkpoint(cell)

    def _check(self, cell: Cell, attempt: int) -> None:
        if self._attempts[cell.id] != attempt or self._workspace.holder != self._holder:
            raise BenchmarkError(f"{cell}: another attempt at this cell, or another run, has begun: these files are dropped")


def work(server: Any, cell: Cell, attempt: int, resources: Resources, offline: bool) -> Ended:
    """The Ray task: compute a cell. Ray uses the worker process again for other tasks.

    Args:
        server: handle of the server's actor.
        cell: a cell whose needed cells are finished.
        attempt: number of this attempt at the cell.
        resources: reserved for the cell.
        offline: True if ``--offline`` was given.
    """
    sleep_at_barriers()
    if not resources.gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # otherwise the task would see all GPUs of the machine
    if offline:
        os.environ[VARIABLE] = "1"
    _remove_abandoned_folders()
    try:
        with tempfile.TemporaryDirectory(prefix=f"{SCRATCH}{os.getpid()}-", ignore_cleanup_errors=True) as scratch:
            return _WorkspaceClient(server, cell, attempt, Path(scratch).resolve()).compute(resources)
    except NotWritten as error:
        if tempfile.gettempdir() not in str(error):
            return Ended(cell, error=error)  # the driver's disk is full, which ends the run
        return Ended(cell, error=UsageError(f"on {socket.gethostname()}: {error}"))
    except Interrupted as stop:
        return Ended(cell, lost_reason=f"{socket.gethostname()} was told to stop: {stop}")
    except Exception as error:
        return Ended(cell, error=as_ours(error))


class _WorkspaceClient:
    """Carries files and progress reports between the task's folder and the server."""

    def __init__(self, server: Any, cell: Cell, attempt: int, scratch: Path) -> None:
        self._server, self._cell, self._attempt, self._scratch = server, cell, attempt, scratch
        self._folder = Workspace(scratch).folder(cell)
        self._reported = time.monotonic()
        self._sent: int | None = None  # modification time of the last checkpoint that was sent

    def compute(self, resources: Resources) -> Ended:
        for name, content in ask(self._server.fetch.remote(self._cell, self._attempt, socket.gethostname())).items():
            _write(self._scratch / name, content)
        self._sent = self._stamp()
        try:
            result = compute(self._cell, self._scratch, resources, self._report)
        finally:
            self._send_checkpoint()
        files = {path.relative_to(self._folder).as_posix(): path.read_bytes() for path in self._files()}
        ask(self._server.keep.remote(self._cell, self._attempt, files, result.status))
        return Ended(self._cell, result)

    def _files(self) -> list[Path]:
        return [path for path in self._folder.rglob("*") if path.is_file() and path.name != CHECKPOINT]

    def _report(self, done: int, total: int, losses: Mapping[str, float]) -> None:
        self._send_checkpoint()
        if time.monotonic() - self._reported > REPORT_SECONDS:
            self._reported = time.monotonic()
            self._server.report.remote(self._cell, self._attempt, (done, total, losses))

    def _send_checkpoint(self) -> None:
        """Send a new checkpoint, if there is one, and wait until it is on the driver's disk."""
        stamp = self._stamp()
        if stamp not in (None, self._sent):
            with unhurried():
                content = {CHECKPOINT: (self._folder / CHECKPOINT).read_bytes()}
                ask(self._server.keep.remote(self._cell, self._attempt, content))
            self._sent = stamp

    def _stamp(self) -> int | None:
        path = self._folder / CHECKPOINT
        return path.stat().st_mtime_ns if path.is_file() else None


def ask(reference: Any) -> Any:
    """Wait for the server's answer. An error of the server is raised here."""
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None


def _write(path: Path, content: bytes) -> None:
    write_atomically(path, lambda file: file.write(content))


def _remove_abandoned_folders() -> None:
    """Remove folders of tasks on this machine whose processes were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*-*"):
        process = path.name.removeprefix(SCRATCH).partition("-")[0]
        if process.isdecimal() and not is_alive(int(process)):
            shutil.rmtree(path, ignore_errors=True)
