"""The workspace: a results folder with a folder for each cell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from benchmarks.core.command import refuse_file
from benchmarks.core.errors import NotWritten, UsageError
from benchmarks.core.files import check_writable, existing, sweep, write_text
from benchmarks.core.locks import Busy, locked
from benchmarks.planning.cells import Cell
from benchmarks.results.files import read_result, write_result
from benchmarks.results.layout import CELLS, CHECKPOINT, RESULT, WEIGHTS
from benchmarks.results.record import COMPLETE, EvaluationResult, Result


class Workspace:
    """A results folder, ``runs/`` by default."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def folder(self, cell: Cell) -> Path:
        """The folder of a cell's result, weights, checkpoint and samples."""
        return self.root / CELLS / cell.folder

    def read(self, cell: Cell) -> Result | None:
        """The cell's result, complete or diverged; None if there is none yet.

        Raises:
            UsageError: the file is corrupt, of a newer schema, or of another cell.
        """
        path = self.folder(cell) / RESULT
        if not path.is_file():
            return None
        result = read_result(path)
        if result.cell.id != cell.id:
            raise UsageError(f"{path}: holds another cell ({result.cell.id}): move it away, or recompute with --force")
        trained = cell.kind == "train" and result.status == COMPLETE
        return None if trained and not (self.folder(cell) / WEIGHTS).is_file() else result

    def finished(self, cell: Cell) -> Result | None:
        """The cell's result; None if there is none, or if metrics are missing in it because weights could not be had."""
        result = self.read(cell)
        return None if isinstance(result, EvaluationResult) and result.missing else result

    def write(self, cell: Cell, result: Result) -> None:
        """Write the result of a cell that has ended."""
        write_result(self.folder(cell) / RESULT, result)

    def discard_checkpoint(self, cell: Cell) -> None:
        """Remove the cell's checkpoint, so that its training would start anew. The result stays."""
        (self.folder(cell) / CHECKPOINT).unlink(missing_ok=True)

    def check_writable(self) -> None:
        """Make the folder of the workspace. Raises UsageError if that fails, or if no file can be written there."""
        refuse_file("--output", self.root)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise NotWritten(f"{self.root}: cannot be made ({error.strerror}): choose another --output") from error
        check_writable(self.root)

    def check_place(self) -> None:
        """Raise UsageError if the workspace could not be made or written; nothing is written."""
        refuse_file("--output", self.root)
        if not os.access(place := existing(self.root), os.W_OK | os.X_OK):
            raise UsageError(f"{self.root}: {place} cannot be written: check its permissions, or choose another --output")

    @property
    def is_stale(self) -> bool:
        """True if a run ended before report and mirror had all of its results."""
        return self._stale.exists()

    def mark_stale(self) -> None:
        """Note that report and mirror lack results. The note stays until ``mark_synced``, even if the process is killed."""
        write_text(self._stale, "")

    def mark_synced(self) -> None:
        """Note that report and mirror have all results."""
        self._stale.unlink(missing_ok=True)

    @property
    def _stale(self) -> Path:
        return self.root / ".stale"

    @property
    def holder(self) -> str:
        """Id of the run that holds, or last held, the lock.

        A worker whose run was killed compares it with its own id and stops.
        """
        return self._holder.read_text(encoding="utf-8") if self._holder.is_file() else ""

    @property
    def _holder(self) -> Path:
        return self.root / ".holder"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock for one run, and remove half-written files of killed runs.

        Raises:
            UsageError: another run holds it, or there can be no lock in the folder.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(self.root / ".lock", "choose another --output", limit=0))
            except Busy:
                raise UsageError(f"{self.root}: another run is at work here: wait for it, or choose another --output") from None
            write_text(self._holder, uuid4().hex)
            sweep(self.root)
            yield
