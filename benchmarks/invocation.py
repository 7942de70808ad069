"""One invocation: have what is missing computed; mirror to MLflow; keep the table up to date."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks import schedule
from benchmarks.data.cards import UserFolder
from benchmarks.errors import BenchmarkError, NotWritten, TrainingCollapsed, Unexpected, WeightsMissing, as_ours
from benchmarks.executors import Ended, Executor
from benchmarks.files import write_text
from benchmarks.inputs import check_inputs
from benchmarks.matrix_progress import Matrix
from benchmarks.plan import Cell
from benchmarks.profile import Profile
from benchmarks.progress import OneByOne
from benchmarks.provenance import differences, environment, git
from benchmarks.registry import METHODS, variants_of
from benchmarks.results import COMPLETE, DIVERGED, Result
from benchmarks.workspace import Workspace

if TYPE_CHECKING:
    from benchmarks.tracking import Tracker
    from reports.tables import Table


class Invocation:
    """What one call of the command does with its plan.

    Args:
        profile: whose name heads the table.
        cells: in an order that respects their needs.
        related: of the same profile, not asked for, shown in the table where they are finished.
        workspace: where results are.
        executor: computes the cells.
        max_parallel: cells at a time; None: as many as the executor takes.
        retries: how often a cell whose process was lost is tried again.
        force: compute again what is there.
        as_json: print plain data in place of the table.
    """

    def __init__(
        self,
        profile: Profile,
        cells: Sequence[Cell],
        related: Sequence[Cell],
        workspace: Workspace,
        executor: Executor,
        *,
        max_parallel: int | None,
        retries: int,
        force: bool,
        as_json: bool,
    ) -> None:
        self.profile, self.cells, self.workspace = profile, cells, workspace
        self.related, self.executor = related, executor
        self.max_parallel, self.retries = max_parallel, retries
        self.force, self.as_json = force, as_json
        self.results: dict[str, Result] = {}
        self.diverged: dict[str, Result] = {}
        self.failures: dict[str, BenchmarkError] = {}
        self.missing: dict[str, str] = {}

    def run(self) -> int:
        """Compute, print, and return the exit code: 0, or the worst failure's."""
        self.workspace.check_writable()
        with self.workspace.locked():
            self._find_finished()
            waiting = [cell for cell in self.cells if self._result(cell) is None]
            check_inputs(waiting)
            if waiting or self.workspace.is_behind:
                self.workspace.mark_behind()
                self._compute(waiting)
                if self.results or self.diverged:
                    self._build_report()
                self.workspace.mark_level()
            self._print(self._write_tables())
        for reason in self.missing.values():
            _say(reason)
        codes = [error.exit_code for error in self.failures.values()]
        codes += [TrainingCollapsed.exit_code] * any(cell.id in self.diverged for cell in self.cells)
        return max(codes + [WeightsMissing.exit_code] * bool(self.missing), default=0)

    def _result(self, cell: Cell) -> Result | None:
        """Of a finished cell, complete or diverged."""
        return self.results.get(cell.id) or self.diverged.get(cell.id)

    def _keep(self, cell: Cell, result: Result) -> None:
        (self.diverged if result["status"] == DIVERGED else self.results)[cell.id] = result

    def _build_report(self) -> None:
        """The page and tables of all results here; a report that fails loses no result."""
        from reports.build import build
        from reports.studies import load_evidence

        ours = {card.directory for cell in self.cells if isinstance(card := cell.data.card, UserFolder)}
        try:
            build(load_evidence(self.workspace.root, ours), self.workspace.root / "report")
        except NotWritten:
            raise
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            _say(f"no report ({reason}): results are safe; try python -m reports.build --results {self.workspace.root}")

    def _find_finished(self) -> None:
        """Read each result once; under ``force`` not those asked for, which may be corrupt: that mends them."""
        cells = {cell.id: cell for cell in (*self.related, *self.cells)}
        forced = {cell.id for cell in self.cells} if self.force else set()
        for cell_id in cells.keys() - forced:
            result = self.workspace.finished(cells[cell_id])
            if result is not None:
                self._keep(cells[cell_id], result)
                if result["status"] == COMPLETE:  # a run that was killed in between left it
                    self.workspace.discard_checkpoint(cells[cell_id])
        self._say_elsewhere()
        for cell in self.cells:
            if cell.id in self.diverged:
                _say(f"{cell}: diverged before ({self.diverged[cell.id]['diagnosis']}): --force computes it again")

    def _say_elsewhere(self) -> None:
        """Cells of another machine or of other versions are reused, but not in silence."""
        here = environment()
        found = [differences(result["environment"], here) for result in self.results.values()]
        if any(found):
            others = "; ".join(sorted({text for texts in found for text in texts}))
            _say(f"{sum(map(bool, found))} finished cells are of another environment ({others}): --force computes them again")

    def _compute(self, waiting: Sequence[Cell]) -> None:
        from benchmarks.tracking import Tracker

        invocation = {
            "profile": self.profile.name,
            "methods": " ".join(dict.fromkeys(cell.label for cell in self.cells if cell.kind == "evaluate")),
            "datasets": " ".join(dict.fromkeys(cell.dataset for cell in self.cells)),
            "seeds": " ".join(dict.fromkeys(str(cell.seed) for cell in self.cells if cell.seed is not None)),
            "cells": len(waiting),
            "git": git(),
        }
        with Tracker(self.workspace.root, invocation=invocation, warn=_say) as tracker:
            for cell in self.cells:
                if finished := self._result(cell):
                    tracker.mirror(finished, self.workspace.folder(cell))
            if self.force:
                for cell in waiting:
                    self.workspace.discard_checkpoint(cell)
            one_by_one = 1 in (self.executor.at_once, self.max_parallel)
            with self.executor as executor, OneByOne(waiting) if one_by_one else Matrix(waiting) as view:
                for ended in schedule.run(waiting, executor, view, at_most=self.max_parallel, retries=self.retries):
                    self._take(ended, tracker)

    def _take(self, ended: Ended, tracker: Tracker) -> None:
        """Keep and mirror what a cell has come to, and say what is to be said of it."""
        cell, error = ended.cell, ended.error
        if isinstance(error, NotWritten):  # no other cell's result could be written either
            raise error
        if error is not None:
            tracker.cell_failed = True
            self.failures[cell.id] = self.failures[ended.because.id] if ended.because else self._failure(cell, error)
            _say(f"{cell}: not run, because {ended.because} failed" if ended.because else f"{cell}: {self.failures[cell.id]}")
        elif ended.result is not None:
            self._take_result(cell, ended.result, tracker)

    def _take_result(self, cell: Cell, result: Result, tracker: Tracker) -> None:
        self._keep(cell, result)
        self.missing.update(result.get("missing", {}))
        tracker.mirror(result, self.workspace.folder(cell))
        if result["status"] == DIVERGED:
            tracker.cell_failed = True
            _say(f"{cell}: diverged: {result['diagnosis']}")
        if cell.kind == "evaluate":
            self._write_tables()
        for line in self._calibrations([cell]):
            _say(line)

    def _failure(self, cell: Cell, error: Exception) -> BenchmarkError:
        """A failure as one line; where it is not one of ours, the traceback goes into the cell's folder."""
        found = as_ours(error)
        if not isinstance(found, Unexpected):
            return found
        path = self.workspace.folder(cell) / "error.txt"
        write_text(path, found.traceback)
        return BenchmarkError(f"failed unexpectedly ({found}): the traceback is in {path}")

    def _shown(self) -> list[Cell]:
        """What tables show: what was asked for, and what else of the profile is finished."""
        finished = [cell for cell in self.related if self._result(cell) is not None]
        return list({cell.id: cell for cell in (*finished, *self.cells)}.values())

    def _tables(self) -> list[Table]:
        """Per data set the methods beside bicubic, and a method's variants beside the method."""
        from reports.tables import REFERENCE

        evaluations = [cell for cell in self._shown() if cell.kind == "evaluate"]
        tables = []
        for dataset in dict.fromkeys(cell.dataset for cell in evaluations):
            here = [cell for cell in evaluations if cell.dataset == dataset]
            methods = [name for name in METHODS if any(cell.label == name for cell in here)]
            tables += [self._table(dataset, here, methods, REFERENCE)] if methods else []
            for base in METHODS:
                variants = [entry.name for entry in variants_of(base) if any(cell.label == entry.name for cell in here)]
                tables += [self._table(dataset, here, [base, *variants], base)] if variants else []
        return tables

    def _table(self, dataset: str, cells: Sequence[Cell], methods: Sequence[str], reference: str) -> Table:
        from reports.tables import make_table

        found: dict[str, list[Result]] = {name: [] for name in methods}
        notes: dict[str, str] = {}
        for cell in (cell for cell in cells if cell.label in found):
            if cell.id in self.results:
                found[cell.label].append(self.results[cell.id])
                missing = self.results[cell.id].get("missing", {})
                notes |= {cell.label: f"{', '.join(missing)}: weights missing"} if missing else {}
            else:
                notes[cell.label] = self._note(cell)
        return make_table(dataset, self.profile.name, found, notes, reference, self.profile.shown)

    def _note(self, cell: Cell) -> str:
        """Why a row lacks scores."""
        seed = "" if cell.seed is None else f"seed {cell.seed} "
        if cell.id in self.diverged:
            return f"{seed}diverged"
        error = self.failures.get(cell.id)
        if error is None:
            return f"{seed}not run yet"
        return "skipped: weights missing" if isinstance(error, WeightsMissing) else f"{seed}failed"

    def _calibrations(self, cells: Sequence[Cell]) -> list[str]:
        """What the finished cells among these say about a paper's protocol."""
        from reports.calibration import calibration

        done = [cell for cell in cells if cell.kind == "evaluate" and cell.id in self.results]
        return list(filter(None, (calibration(cell.data.card, cell.label, self.results[cell.id]) for cell in done)))

    def _write_tables(self) -> list[Table]:
        from reports.tables import to_csv, to_markdown

        tables = self._tables()
        for stem, group in self._by_file(tables).items():
            parts = [*(to_markdown(table) for table in group), *(f"{line}\n" for line in self._calibrations(self._shown()))]
            write_text(self.workspace.root / f"{stem}.md", "\n".join(parts))
            write_text(self.workspace.root / f"{stem}.csv", to_csv(group))
        return tables

    def _by_file(self, tables: Sequence[Table]) -> dict[str, list[Table]]:
        return {stem: [table for table in tables if table.stem == stem] for stem in dict.fromkeys(t.stem for t in tables)}

    def _print(self, tables: Sequence[Table]) -> None:
        from benchmarks.tracking import ui_command
        from reports.tables import to_json, to_rich

        root = self.workspace.root
        if self.as_json:
            failures = {cell: str(error) for cell, error in self.failures.items()}
            failures |= {cell.id: self.diverged[cell.id]["diagnosis"] for cell in self.cells if cell.id in self.diverged}
            print(
                json.dumps({"tables": [to_json(table) for table in tables], "failures": failures, "output": str(root)}, indent=1)
            )
            return
        from rich.console import Console

        console = Console(width=max(Console().width, 130), highlight=False)
        for table in tables:
            console.print(to_rich(table))
        for line in self._calibrations(self._shown()):
            console.print(line, soft_wrap=True, markup=False)
        for stem in self._by_file(tables):
            console.print(f"table    {root / stem}.md, {stem}.csv", soft_wrap=True, markup=False)
        console.print(f"results  {root / 'cells'}", soft_wrap=True, markup=False)
        if (page := root / "report" / "index.html").is_file():
            console.print(f"report   {page}", soft_wrap=True, markup=False)
        console.print(f"MLflow   {ui_command(root)}", soft_wrap=True, markup=False)


def _say(text: str) -> None:
    print(" ".join(text.split()), file=sys.stderr)
