"""The outcome of a run: results and failures of its cells so far."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from itertools import chain

from benchmarks.core.errors import (
    BenchmarkError,
    CodeChanged,
    NotWritten,
    TrainingCollapsed,
    Unexpected,
    UsageError,
    WeightsMissing,
    as_ours,
)
from benchmarks.core.files import write_text
from benchmarks.core.secrets import without_secrets
from benchmarks.core.text import counted
from benchmarks.data.matching import some
from benchmarks.execution.executors.executor import Ended
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell
from benchmarks.results.layout import ERROR
from benchmarks.results.provenance import differences, environment, git
from benchmarks.results.record import COMPLETE, EvaluationResult, Result, weights_digests


class Outcome:
    """Results and failures of cells.

    Args:
        cells: the cells of the run, in an order that respects their needs.
        related: other cells of the same profile, which tables show if they are finished.
        workspace: results folder.
        left_out: sentences on methods that have no cells, because the data lack what they need.

    Attributes:
        results: complete and diverged results, by id of the cell.
        failures: reasons why there is no result, by id of the cell.
    """

    def __init__(
        self, cells: Sequence[Cell], related: Sequence[Cell], workspace: Workspace, left_out: Sequence[str] = ()
    ) -> None:
        self.cells, self.related, self.workspace, self.left_out = cells, related, workspace, left_out
        self.results: dict[str, Result] = {}
        self.failures: dict[str, BenchmarkError] = {}
        self._missing: dict[str, str] = {}
        self._old_starts = set[str]()

    def read_finished(self, *, force: bool) -> None:
        """Read each finished result once.

        Args:
            force: do not read the results of the run's own cells. They will be computed again, which mends corrupt files.

        Raises:
            DamagedCell: a result file or weights are corrupt, and the run needs them. Other corrupt files are a line.
        """
        self.results |= self.workspace.all_finished(self.cells, self.related, say, force=force)
        for cell in {cell.id: cell for cell in (*self.related, *self.cells)}.values():
            result = self.results.get(cell.id)
            if result and result.status == COMPLETE:  # a run killed between writing it and removing the checkpoint left that
                self.workspace.discard_checkpoint(cell)
        self._drop_replaced([cell.id for cell in self.cells])
        self._say_other_environments()
        for cell in self.cells:
            result = self.results.get(cell.id)
            if result is not None and result.has_diverged:
                say(f"{cell}: diverged before ({result.diagnosis}): --force computes it again")

    def _drop_replaced(self, scheduled: Collection[str] = ()) -> None:
        """Drop evaluations of weights that were trained again with another outcome, and say so.

        Trainings that started from such weights are kept, since they may have taken days, and said once.

        Args:
            scheduled: ids of cells that will be computed if they have no result.
        """
        digests = weights_digests(self.results.values())
        for cell in {cell.id: cell for cell in (*self.related, *self.cells)}.values():
            result = self.results.get(cell.id)
            stages = ", ".join(result.replaced_weights(digests)) if result else ""
            if stages and cell.kind == "evaluate":
                del self.results[cell.id]
                mend = "it is computed again" if cell.id in scheduled else "it is left out: run it again"
                say(f"{cell}: {stages} has other weights now than those that were scored: {mend}")
            elif stages and cell.id not in self._old_starts:
                self._old_starts.add(cell.id)
                say(
                    f"{cell}: {stages} has other weights now than those it started from: --cell {cell.id} --force trains it again"
                )

    def _say_other_environments(self) -> None:
        """Say if reused results are from another machine or other versions of packages."""
        here = environment()
        texts = [differences(result.environment, here) for result in self.results.values() if not result.has_diverged]
        if any(texts):
            others = "; ".join(sorted(set(chain(*texts))))
            number = sum(map(bool, texts))
            say(f"of another environment ({others}): {counted(number, 'reused result')}; --force computes them again")

    def say_before_computing(self) -> None:
        """Print a line for each method that the data do not suit, and one if results cannot name the commit of the code."""
        for sentence in self.left_out:
            say(sentence)
        if self.waiting() and (why := git().unknown):
            say(f"the commit of this code, or whether files differ from it, is unknown ({why}): results will say so")

    def waiting(self) -> list[Cell]:
        """Cells of the run without a result."""
        return [cell for cell in self.cells if cell.id not in self.results]

    def take(self, ended: Ended) -> None:
        """Keep the result or the error of a cell that has ended, and print failures.

        Raises:
            NotWritten: the cell's result could not be written, for example on a full disk; no other result could be either.
        """
        cell, error = ended.cell, ended.error
        if isinstance(error, NotWritten):
            raise error
        if isinstance(error, CodeChanged):
            self.workspace.discard_checkpoint(cell)
        if error is not None:
            failure = self.failures[ended.failed_need.id] if ended.failed_need else self._failure(cell, error)
            self.failures[cell.id] = failure
            say(f"{cell}: not run, because {ended.failed_need} failed" if ended.failed_need else f"{cell}: {failure}")
        elif ended.result is not None:
            self.results[cell.id] = ended.result
            if cell.kind == "train":
                self._drop_replaced()
            if ended.result.has_diverged:
                say(f"{cell}: diverged: {ended.result.diagnosis}")
            elif isinstance(ended.result, EvaluationResult):
                self._missing.update(ended.result.missing)
                for metric, names in ended.result.unscored.items():
                    of = f"{len(names)} of {counted(len(ended.result.pictures), 'image')} ({some(names)})"
                    say(f"{cell}: no {metric} of {of}: too small for it, or without contrast: means are of the others")

    def _failure(self, cell: Cell, error: Exception) -> BenchmarkError:
        """A failure as one line. The traceback of an unexpected one goes into the cell's folder."""
        failure = as_ours(error)
        if not isinstance(failure, Unexpected):
            return failure
        path = self.workspace.folder(cell) / ERROR
        write_text(path, failure.traceback)
        return BenchmarkError(f"failed unexpectedly ({failure}): the traceback is in {path}")

    def shown(self) -> list[Cell]:
        """Cells that tables show: all cells of the run, and the finished ones among the related cells."""
        finished = [cell for cell in self.related if cell.id in self.results]
        return list({cell.id: cell for cell in (*finished, *self.cells)}.values())

    @property
    def missing(self) -> list[str]:
        """Reasons why metrics are missing in results of this run."""
        return list(self._missing.values())

    @property
    def exit_code(self) -> int:
        """0, or the worst failure's exit code."""
        codes = [error.exit_code for error in self.failures.values()]
        diverged = [cell for cell in self.cells if cell.id in self.results and self.results[cell.id].has_diverged]
        codes += [TrainingCollapsed.exit_code] * bool(diverged) + [WeightsMissing.exit_code] * bool(self._missing)
        results = [self.results.get(cell.id) for cell in self.cells]
        codes += [BenchmarkError.exit_code] * any(isinstance(result, EvaluationResult) and result.unscored for result in results)
        codes += [UsageError.exit_code] * bool(self.left_out)
        return max(codes, default=0)


def say(text: str) -> None:
    """Print one line to standard error, without secrets of addresses."""
    print(" ".join(without_secrets(text).split()), file=sys.stderr)
