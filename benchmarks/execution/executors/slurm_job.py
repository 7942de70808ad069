"""The SLURM job: it computes one cell, and writes its progress and its outcome as files into the cell's folder."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.catalog.profiles import Resources
from benchmarks.core.errors import BenchmarkError, CodeChanged, NotWritten, Unexpected, UsageError, WeightsMissing
from benchmarks.core.files import write_text
from benchmarks.core.interruption import Interrupted
from benchmarks.core.strict import parse_json
from benchmarks.execution.worker import compute
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell
from benchmarks.results.layout import JOB_OUTCOME, JOB_PROGRESS

PROGRESS_SECONDS = 1.0  # between two writes of the progress
ERRORS = {cls.__name__: cls for cls in (BenchmarkError, UsageError, CodeChanged, NotWritten, WeightsMissing, Unexpected)}


def run(cell: Cell, root: Path, resources: Resources) -> None:
    """Compute a cell. This is all that the job's process does.

    After a signal (time limit, preemption, a user) the process writes a checkpoint and ends without an outcome. Then SLURM or the
    driver starts the job again.
    """
    workspace = Workspace(root)
    for needed in (cell, *cell.needs.values()):
        refresh(workspace.folder(needed))
    folder = workspace.folder(cell)
    content: dict[str, str] = {}
    try:
        compute(cell, root, resources, _Progress(cell, folder))
    except Interrupted as stop:
        sys.exit(stop.exit_code)
    except BenchmarkError as error:
        content = {"error": type(error).__name__, "message": str(error), "traceback": getattr(error, "traceback", "")}
    write_text(folder / JOB_OUTCOME, json.dumps(content))


class _Progress:
    """Writes the progress of a cell, and prints the first step after a start."""

    def __init__(self, cell: Cell, folder: Path) -> None:
        self._cell, self._path = cell, folder / JOB_PROGRESS
        self._written = float("-inf")

    def __call__(self, done: int, total: int, losses: dict[str, float]) -> None:
        if self._written < 0:
            unit = "step" if self._cell.kind == "train" else "image"
            print(f"{self._cell}: started at {unit} {done} of {total}", flush=True)
        if time.monotonic() - self._written > PROGRESS_SECONDS:
            self._written = time.monotonic()
            with suppress(NotWritten):  # a full disk is reported by the files that are needed
                write_text(self._path, json.dumps([done, total, losses]))


def progress(folder: Path) -> tuple[int, int, dict[str, float]] | None:
    """Progress of a cell: steps or images done, their total number, losses. None before its job has written any."""
    try:
        done, total, losses = _read(folder / JOB_PROGRESS)
        return int(done), int(total), {str(name): float(loss) for name, loss in losses.items()}
    except (ValueError, TypeError, AttributeError):
        return None


def outcome(folder: Path) -> list[BenchmarkError] | None:
    """Errors of a cell's job that has ended: none or one. None before its job has written an outcome."""
    path = folder / JOB_OUTCOME
    try:
        content = _read(path)
        if content is None or content == {}:
            return None if content is None else []
        error = ERRORS[content["error"]](str(content["message"]))
        if isinstance(error, Unexpected):
            error.traceback = str(content["traceback"])
        return [error]
    except (ValueError, TypeError, KeyError) as error:
        return [BenchmarkError(f"{path}: not an outcome of a job ({error}): delete it and run again")]


def clear(folder: Path) -> None:
    """Remove progress and outcome of an earlier job."""
    for name in (JOB_OUTCOME, JOB_PROGRESS):
        (folder / name).unlink(missing_ok=True)


def refresh(folder: Path) -> None:
    """Make a network file system ask its server for the content of a folder, which it may cache for up to a minute."""
    with suppress(OSError):
        folder.chmod(folder.stat().st_mode)


def _read(path: Path) -> Any:
    """Parsed content of a file; None if it is missing."""
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except OSError:
        return None
