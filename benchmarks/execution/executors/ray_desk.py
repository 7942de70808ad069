"""What an executor on Ray runs elsewhere than in the driver: a worker's task, and the desk through which its files pass.

No file system needs to be shared. A worker computes in a folder of its own, which it fills from the desk with what the cell needs
and with its last checkpoint, and hands every new checkpoint, and at the end all files, to the desk. The desk is an actor on the
driver's machine and alone writes the workspace. It takes nothing from an attempt that was given up or from a run that is no more,
so that what is slow to die harms nothing.
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
from benchmarks.execution.executors.executor import Ended
from benchmarks.execution.worker import compute
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell
from benchmarks.results.layout import CHECKPOINT, RESULT, WEIGHTS
from benchmarks.results.record import COMPLETE

REPORT_SECONDS = 0.5  # between two reports of a cell
SCRATCH = "cincgan-scratch-"

Progress = tuple[int, int, Mapping[str, float]]
T = TypeVar("T")


class Desk:
    """Gives workers what they need of the workspace, and writes there what they bring.

    Args:
        root: of the workspace.
        holder: the workspace's, when the run began.
    """

    def __init__(self, root: Path, holder: str) -> None:
        self._workspace, self._holder = Workspace(root), holder
        self._attempts: dict[str, int] = {}
        self._told: dict[str, tuple[Cell, Progress]] = {}
        self._hosts: dict[str, str] = {}

    def begin(self, cell: Cell, attempt: int) -> None:
        """From here on this attempt at the cell is the one that counts."""
        self._attempts[cell.id] = attempt

    def fetch(self, cell: Cell, attempt: int, host: str) -> dict[str, bytes]:
        """What the cell starts from, by path below the workspace's root: its checkpoint, and the stages that it needs."""
        self._check(cell, attempt)
        self._hosts[cell.id] = host
        paths = [self._workspace.folder(needed) / name for needed in cell.needs.values() for name in (RESULT, WEIGHTS)]
        paths.append(self._workspace.folder(cell) / CHECKPOINT)
        return {path.relative_to(self._workspace.root).as_posix(): path.read_bytes() for path in paths if path.is_file()}

    def tell(self, cell: Cell, attempt: int, progress: Progress) -> None:
        """How far the cell is."""
        if self._attempts[cell.id] == attempt:
            self._told[cell.id] = cell, progress

    def heard(self) -> list[tuple[Cell, Progress]]:
        """What was told since the last call, for each cell the latest."""
        told, self._told = self._told, {}
        return list(told.values())

    def host_of(self, cell: Cell) -> str:
        """Where the last attempt at the cell is, or was."""
        return self._hosts.get(cell.id, "a machine")

    def keep(self, cell: Cell, attempt: int, files: Mapping[str, bytes], status: str = "") -> None:
        """Write files of the cell, by path below its folder, the result last; that of a complete one ends its checkpoint.

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
            raise BenchmarkError(f"{cell}: this attempt was given up")


def work(desk: Any, cell: Cell, attempt: int, resources: Resources, offline: bool) -> Ended:
    """Compute a cell; a task in a worker process, which lives on for the next one.

    Args:
        desk: handle of the actor.
        cell: whose needs are finished.
        attempt: the number under which the desk knows this computation.
        resources: what was set aside for it.
        offline: whether ``--offline`` was given.
    """
    if not resources.gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # or all of the machine's would be seen
    if offline:
        os.environ[VARIABLE] = "1"
    _clear()
    try:
        with tempfile.TemporaryDirectory(prefix=f"{SCRATCH}{os.getpid()}-", ignore_cleanup_errors=True) as scratch:
            return _Courier(desk, cell, attempt, Path(scratch).resolve()).compute(resources)
    except NotWritten as error:
        if tempfile.gettempdir() not in str(error):
            return Ended(cell, error=error)  # on the driver's disk, which ends the run
        return Ended(cell, error=UsageError(f"on {socket.gethostname()}: {error}"))
    except Interrupted as stop:
        return Ended(cell, lost=f"{socket.gethostname()} was told to stop: {stop}")
    except Exception as error:
        return Ended(cell, error=as_ours(error))


class _Courier:
    """Carries files and news between a folder of this machine and the desk."""

    def __init__(self, desk: Any, cell: Cell, attempt: int, scratch: Path) -> None:
        self._desk, self._cell, self._attempt, self._scratch = desk, cell, attempt, scratch
        self._folder = Workspace(scratch).folder(cell)
        self._told = time.monotonic()
        self._sent: int | None = None

    def compute(self, resources: Resources) -> Ended:
        for name, content in ask(self._desk.fetch.remote(self._cell, self._attempt, socket.gethostname())).items():
            _write(self._scratch / name, content)
        self._sent = self._stamp()
        try:
            result = compute(self._cell, self._scratch, resources, self._report)
        finally:
            self._send_checkpoint()
        files = {path.relative_to(self._folder).as_posix(): path.read_bytes() for path in self._files()}
        ask(self._desk.keep.remote(self._cell, self._attempt, files, result.status))
        return Ended(self._cell, result)

    def _files(self) -> list[Path]:
        return [path for path in self._folder.rglob("*") if path.is_file() and path.name != CHECKPOINT]

    def _report(self, done: int, of: int, losses: Mapping[str, float]) -> None:
        self._send_checkpoint()
        if time.monotonic() - self._told > REPORT_SECONDS:
            self._told = time.monotonic()
            self._desk.tell.remote(self._cell, self._attempt, (done, of, losses))

    def _send_checkpoint(self) -> None:
        """Where there is a new one; it counts as written once it is on the driver's disk."""
        stamp = self._stamp()
        if stamp not in (None, self._sent):
            with unhurried():
                content = {CHECKPOINT: (self._folder / CHECKPOINT).read_bytes()}
                ask(self._desk.keep.remote(self._cell, self._attempt, content))
            self._sent = stamp

    def _stamp(self) -> int | None:
        path = self._folder / CHECKPOINT
        return path.stat().st_mtime_ns if path.is_file() else None


def ask(reference: Any) -> Any:
    """The answer of the desk, which the caller waits for. What it raises is raised here."""
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None


def _write(path: Path, content: bytes) -> None:
    write_atomically(path, lambda file: file.write(content))


def _clear() -> None:
    """Remove the folders of workers that were killed here."""
    for path in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*-*"):
        process = path.name.removeprefix(SCRATCH).partition("-")[0]
        if process.isdecimal() and not is_alive(int(process)):
            shutil.rmtree(path, ignore_errors=True)
