"""A SLURM job's side: it computes one cell and leaves word in the cell's folder, of how far it is and how it ended."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.catalog.profiles import Resources
from benchmarks.core.errors import BenchmarkError, NotWritten, Unexpected, UsageError, WeightsMissing
from benchmarks.core.files import write_text
from benchmarks.core.interruption import Interrupted
from benchmarks.core.strict import parse_json
from benchmarks.execution.worker import compute
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell

EVERY = 1.0  # seconds between two words of progress
ERRORS = {cls.__name__: cls for cls in (BenchmarkError, UsageError, NotWritten, WeightsMissing, Unexpected)}


def run(cell: Cell, root: Path, resources: Resources) -> None:
    """Compute a cell, in a process that has nothing else to do.

    A signal ends the process with a checkpoint and without a word: whoever sent it (the time limit, a preemption, a user) has
    the job started again, or its driver has.
    """
    workspace = Workspace(root)
    for each in (cell, *cell.needs.values()):
        look_anew(workspace.folder(each))
    folder = workspace.folder(cell)
    said: dict[str, str] = {}
    try:
        compute(cell, root, resources, _Progress(cell, folder))
    except Interrupted as stop:
        sys.exit(stop.exit_code)
    except BenchmarkError as error:
        said = {"error": type(error).__name__, "message": str(error), "traceback": getattr(error, "traceback", "")}
    write_text(folder / "outcome.json", json.dumps(said))


class _Progress:
    """What ``worker.compute`` reports to."""

    def __init__(self, cell: Cell, folder: Path) -> None:
        self._cell, self._path = cell, folder / "progress.json"
        self._told = float("-inf")

    def __call__(self, done: int, of: int, losses: dict[str, float]) -> None:
        if self._told < 0:
            print(f"{self._cell}: the first after this start is {done} of {of}", flush=True)
        if time.monotonic() - self._told > EVERY:
            self._told = time.monotonic()
            with suppress(NotWritten):  # what must be written will say so
                write_text(self._path, json.dumps([done, of, losses]))


def progress(folder: Path) -> tuple[int, int, dict[str, float]] | None:
    """How far a cell is, as a report; None where nothing is said yet."""
    try:
        done, of, losses = _read(folder / "progress.json")
        return int(done), int(of), {str(name): float(loss) for name, loss in losses.items()}
    except (ValueError, TypeError, AttributeError):
        return None


def outcome(folder: Path) -> list[BenchmarkError] | None:
    """How a cell's job ended: with no error or one. None where it has not."""
    path = folder / "outcome.json"
    try:
        said = _read(path)
        if said is None or said == {}:
            return None if said is None else []
        error = ERRORS[said["error"]](str(said["message"]))
        if isinstance(error, Unexpected):
            error.traceback = str(said["traceback"])
        return [error]
    except (ValueError, TypeError, KeyError) as error:
        return [BenchmarkError(f"{path}: not what a job writes ({error}): delete it and run again")]


def clear(folder: Path) -> None:
    """Forget what an earlier job has said."""
    for name in ("outcome.json", "progress.json"):
        (folder / name).unlink(missing_ok=True)


def look_anew(folder: Path) -> None:
    """Have a network file system ask its server what is in a folder: for up to a minute it may go by what it knew."""
    with suppress(OSError):
        folder.chmod(folder.stat().st_mode)


def _read(path: Path) -> Any:
    """What a file says; None where it is not there."""
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except OSError:
        return None
