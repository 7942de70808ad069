"""The workspace: a results folder with a folder for each cell."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from benchmarks.core.command import refuse_file
from benchmarks.core.errors import DamagedCell, NotWritten, UsageError
from benchmarks.core.files import check_writable, existing, real_path, sweep, write_text
from benchmarks.core.locks import Busy, locked
from benchmarks.planning.cells import Cell
from benchmarks.results.files import MEND, read_result, write_result
from benchmarks.results.layout import CELLS, CHECKPOINT, RESULT, WEIGHTS
from benchmarks.results.record import COMPLETE, EvaluationResult, Result
from benchmarks.results.trained import are_whole


class Workspace:
    """A results folder, ``runs/`` by default."""

    def __init__(self, root: Path) -> None:
        self.root = real_path(root)

    def folder(self, cell: Cell) -> Path:
        """The folder of a cell's result, weights, checkpoint and samples."""
        return self.root / CELLS / cell.folder

    def read(self, cell: Cell) -> Result | None:
        """The cell's result, complete or diverged; None if there is none yet.

        Raises:
            UsageError: the file is corrupt, of a newer schema, or of another cell, or the weights beside it are not whole.
        """
        path = self.folder(cell) / RESULT
        if not path.is_file():
            return None
        result = read_result(path)
        if result.cell.id != cell.id:
            raise UsageError(f"{path}: holds another cell ({result.cell.id}): {MEND}")
        weights = self.folder(cell) / WEIGHTS
        if cell.kind != "train" or result.status != COMPLETE:
            return result
        if not weights.is_file():
            return None
        if not are_whole(weights):
            raise UsageError(f"{weights}: corrupt weights (not of the size that they state): {MEND}")
        return result

    def finished(self, cell: Cell) -> Result | None:
        """The cell's result; None if there is none, or if metrics are missing in it because weights could not be had."""
        result = self.read(cell)
        return None if isinstance(result, EvaluationResult) and result.missing else result

    def all_finished(
        self, own: Sequence[Cell], others: Sequence[Cell], leave_out: Callable[[str], None], *, force: bool
    ) -> dict[str, Result]:
        """Results by id of the cell, each read once.

        Args:
            own: cells of a run, in an order that respects their needs.
            others: cells that its tables show besides.
            leave_out: called with a line for each cell whose files cannot be read and which the run does not need.
            force: do not read the results of the run's own cells, which will be computed again.

        Raises:
            DamagedCell: files cannot be read of an own cell, or of a cell that an own cell without a result starts from.
        """
        results, waiting = dict[str, Result](), list(own) if force else []
        for cell in () if force else own:
            result = self._finished_if_readable(cell)
            if result is None:
                waiting.append(cell)
            else:
                results[cell.id] = result
        own_ids = {cell.id for cell in own}
        needed = {need.id: need for cell in waiting for need in cell.needs.values() if need.id not in own_ids}
        for cell in needed.values():
            if result := self._finished_if_readable(cell):
                results[cell.id] = result
        for cell in {cell.id: cell for cell in others if cell.id not in own_ids | needed.keys()}.values():
            try:
                result = self.finished(cell)
            except UsageError as error:
                leave_out(f"{error} (--cell {cell.id}): left out until then")
                continue
            if result:
                results[cell.id] = result
        return results

    def _finished_if_readable(self, cell: Cell) -> Result | None:
        """The cell's result as of ``finished``. Raises DamagedCell if its files cannot be read."""
        try:
            return self.finished(cell)
        except UsageError as error:
            raise DamagedCell(str(error), cell.id) from error

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
        """True if a run ended before report and mirror had all of its results: it was cut off, or MLflow did not take them."""
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
