"""The outcome of a plan: results and failures of its cells so far."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.core.errors import BenchmarkError, NotWritten, TrainingCollapsed, Unexpected, WeightsMissing, as_ours
from benchmarks.core.files import write_text
from benchmarks.execution.executors.executor import Ended
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell
from benchmarks.results.layout import ERROR
from benchmarks.results.provenance import differences, environment
from benchmarks.results.record import COMPLETE, EvaluationResult, Result


class Outcome:
    """Results and failures of cells.

    Args:
        cells: that were asked for, in an order that respects their needs.
        related: of the same profile, not asked for; shown in tables where they are finished.
        workspace: where results are.

    Attributes:
        results: by id of the cell, complete or diverged.
        failures: by id of the cell, why there is no result.
    """

    def __init__(self, cells: Sequence[Cell], related: Sequence[Cell], workspace: Workspace) -> None:
        self.cells, self.related, self.workspace = cells, related, workspace
        self.results: dict[str, Result] = {}
        self.failures: dict[str, BenchmarkError] = {}
        self._missing: dict[str, str] = {}

    def read_finished(self, *, force: bool) -> None:
        """Read each finished result once.

        Args:
            force: leave out the cells that were asked for, whose files may be corrupt: computing them again mends them.

        Raises:
            UsageError: a result file is corrupt.
        """
        cells = {cell.id: cell for cell in (*self.related, *self.cells)}
        forced = {cell.id for cell in self.cells} if force else set()
        for cell_id in cells.keys() - forced:
            result = self.workspace.finished(cells[cell_id])
            if result is not None:
                self.results[cell_id] = result
                if result.status == COMPLETE:  # a run that was killed in between left it
                    self.workspace.discard_checkpoint(cells[cell_id])
        self._say_elsewhere()
        for cell in self.cells:
            result = self.results.get(cell.id)
            if result is not None and result.has_diverged:
                say(f"{cell}: diverged before ({result.diagnosis}): --force computes it again")

    def _say_elsewhere(self) -> None:
        """Cells of another machine or of other versions are reused, but not in silence."""
        here = environment()
        found = [differences(result.environment, here) for result in self.results.values() if not result.has_diverged]
        if any(found):
            others = "; ".join(sorted({text for texts in found for text in texts}))
            say(f"{sum(map(bool, found))} finished cells are of another environment ({others}): --force computes them again")

    def waiting(self) -> list[Cell]:
        """Cells that were asked for and have no result."""
        return [cell for cell in self.cells if cell.id not in self.results]

    def take(self, ended: Ended) -> None:
        """Keep the result or the error that a cell has come to, and say what went wrong.

        Raises:
            NotWritten: the disk is full: no other cell's result could be written either.
        """
        cell, error = ended.cell, ended.error
        if isinstance(error, NotWritten):
            raise error
        if error is not None:
            failure = self.failures[ended.because.id] if ended.because else self._failure(cell, error)
            self.failures[cell.id] = failure
            say(f"{cell}: not run, because {ended.because} failed" if ended.because else f"{cell}: {failure}")
        elif ended.result is not None:
            self.results[cell.id] = ended.result
            if ended.result.has_diverged:
                say(f"{cell}: diverged: {ended.result.diagnosis}")
            elif isinstance(ended.result, EvaluationResult):
                self._missing.update(ended.result.missing)

    def _failure(self, cell: Cell, error: Exception) -> BenchmarkError:
        """A failure as one line. The traceback of an unexpected one goes into the cell's folder."""
        failure = as_ours(error)
        if not isinstance(failure, Unexpected):
            return failure
        path = self.workspace.folder(cell) / ERROR
        write_text(path, failure.traceback)
        return BenchmarkError(f"failed unexpectedly ({failure}): the traceback is in {path}")

    def shown(self) -> list[Cell]:
        """Cells that tables show: those that were asked for, and others of the profile that are finished."""
        finished = [cell for cell in self.related if cell.id in self.results]
        return list({cell.id: cell for cell in (*finished, *self.cells)}.values())

    @property
    def missing(self) -> list[str]:
        """Why metrics are missing in the results of this run."""
        return list(self._missing.values())

    @property
    def exit_code(self) -> int:
        """0, or the worst failure's exit code."""
        codes = [error.exit_code for error in self.failures.values()]
        diverged = [cell for cell in self.cells if cell.id in self.results and self.results[cell.id].has_diverged]
        codes += [TrainingCollapsed.exit_code] * bool(diverged) + [WeightsMissing.exit_code] * bool(self._missing)
        return max(codes, default=0)


def say(text: str) -> None:
    """Print one line to standard error."""
    print(" ".join(text.split()), file=sys.stderr)
