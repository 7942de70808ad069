"""The workspace: a folder with one folder per cell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from benchmarks.errors import UsageError
from benchmarks.files import sweep, write_text
from benchmarks.plan import Cell
from benchmarks.results import COMPLETE, Result, read_result, write_result


class Workspace:
    """A folder of results, ``runs/`` by default."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def folder(self, cell: Cell) -> Path:
        """Where a cell keeps its result, weights, checkpoint and samples."""
        return self.root / "cells" / cell.folder

    def read(self, cell: Cell) -> Result | None:
        """The cell's result, complete or diverged, or None where there is none yet.

        Raises:
            UsageError: the file is corrupt, of a newer schema, or another cell's.
        """
        path = self.folder(cell) / "result.json"
        if not path.is_file():
            return None
        result = read_result(path)
        if result["cell"].get("id") != cell.id:
            raise UsageError(f"{path}: holds another cell ({result['cell'].get('id')}): move it away, or recompute with --force")
        trained = cell.kind == "train" and result["status"] == COMPLETE
        return None if trained and not (self.folder(cell) / "weights.safetensors").is_file() else result

    def finished(self, cell: Cell) -> Result | None:
        """The cell's result where nothing is left to do for it: no metric is missing for lack of weights."""
        result = self.read(cell)
        return None if result is None or result.get("missing") else result

    def write(self, cell: Cell, result: Result) -> None:
        """Store a finished cell's result."""
        write_result(self.folder(cell) / "result.json", result)

    def discard_checkpoint(self, cell: Cell) -> None:
        """Make the cell's training start anew; a finished result stays until the new one replaces it."""
        (self.folder(cell) / "checkpoint.pt").unlink(missing_ok=True)

    def check_writable(self) -> None:
        """Raise UsageError, before anything is computed, where the workspace cannot be written."""
        probe = self.root / ".writable"
        write_text(probe, " " * 4096)  # a full disk still takes an empty file
        probe.unlink()

    @property
    def is_behind(self) -> bool:
        """Whether an earlier run ended before reports and mirror were level with its results."""
        return self._behind.exists()

    def mark_behind(self) -> None:
        """From here on reports and mirror are behind; whatever ends this process, the next one knows."""
        write_text(self._behind, "")

    def mark_level(self) -> None:
        """Reports and mirror have all results."""
        self._behind.unlink(missing_ok=True)

    @property
    def _behind(self) -> Path:
        return self.root / ".behind"

    @property
    def holder(self) -> str:
        """Which run holds the workspace, or was the last to: what computes for one that was killed can see that another began."""
        return self._holder.read_text(encoding="utf-8") if self._holder.is_file() else ""

    @property
    def _holder(self) -> Path:
        return self.root / ".holder"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the workspace for one run, rid of what killed ones left. Raises UsageError where another one holds it."""
        from filelock import FileLock, Timeout

        lock = FileLock(self.root / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(f"{self.root}: another run is at work here: wait for it, or choose another --output") from None
        try:
            write_text(self._holder, uuid4().hex)
            sweep(self.root)
            yield
        finally:
            lock.release()
