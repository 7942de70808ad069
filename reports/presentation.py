"""Presentation of a run: tables while cells are computed, the report and the table at its end."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Iterable, Sequence

from benchmarks.catalog.profiles import Profile, load_profile
from benchmarks.core.errors import NotWritten, WeightsMissing
from benchmarks.core.files import write_text
from benchmarks.data.titles import other_degradation, titled
from benchmarks.degradations.operator import Degradation, label
from benchmarks.execution.outcome import Outcome, say
from benchmarks.planning.cells import Cell
from benchmarks.results.layout import CELLS
from benchmarks.results.record import EvaluationResult
from benchmarks.tracking.tracker import ui_command
from reports.build import build
from reports.calibration import calibration
from reports.formats import to_markdown, to_terminal
from reports.grids import table_grid
from reports.page.viewer import slug
from reports.paper import load_papers
from reports.studies import load_evidence, without_replaced_weights
from reports.tables import Table, make_tables, to_csv, to_json


class Presentation:
    """Tables, calibrations and the report of one run.

    Args:
        profile: for the names of tables and the protocols that have columns.
        outcome: results and failures so far.

    Raises:
        UsageError: the file of a paper is invalid.
    """

    def __init__(self, profile: Profile, outcome: Outcome) -> None:
        self._profile, self._outcome = profile, outcome
        self._root = outcome.workspace.root
        self._papers = tuple(load_papers().values())
        self._own_dataset = load_profile(profile.name).datasets[0]  # before any --set
        self._degradations: dict[Degradation, str] = {}  # in words

    def update(self, cell: Cell) -> None:
        """Rewrite the tables after an evaluation, and print its calibrations of papers' protocols."""
        if cell.kind == "evaluate" and cell.id in self._outcome.results:
            self.write_tables()
            for line in self._calibrations([cell]):
                say(line)

    def write_tables(self) -> dict[str, list[Table]]:
        """Write all tables as Markdown and CSV, and return them by the stem of their files."""
        files = self._tables()
        for stem, group in files.items():
            parts = [to_markdown(table_grid(stem, table)) for table in group]
            parts += [f"{line}\n" for line in self._calibrations(self._outcome.shown())]
            write_text(self._root / f"{stem}.md", "\n".join(parts))
            write_text(self._root / f"{stem}.csv", to_csv(group))
        return files

    def build_report(self) -> None:
        """Build the page and tables of all results in the folder. A report that fails loses no result."""
        if not self._outcome.results:
            return
        directories = {directory for cell in self._outcome.cells if (directory := cell.data.card.location.get("directory"))}
        try:
            evidence, _ = without_replaced_weights(load_evidence(self._root, directories, say))  # the outcome says which
            build(evidence, self._root / "report")
        except NotWritten:
            raise
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            say(f"no report ({reason}): results are safe; try python -m reports.build --results {self._root}")

    def show(self, *, as_json: bool) -> None:
        """Print tables, calibrations and paths of files, or plain data."""
        files = self.write_tables()
        tables = [table for group in files.values() for table in group]
        if as_json:
            failures = {cell_id: str(error) for cell_id, error in self._outcome.failures.items()}
            diverged = {cell_id: result for cell_id, result in self._outcome.results.items() if result.has_diverged}
            failures |= {cell.id: diverged[cell.id].diagnosis for cell in self._outcome.cells if cell.id in diverged}
            plain = {"tables": [to_json(table) for table in tables], "failures": failures, "output": str(self._root)}
            print(json.dumps({**plain, "left_out": list(self._outcome.left_out)}, indent=1))
        else:
            self._print(tables, files)

    def _print(self, tables: Sequence[Table], stems: Iterable[str]) -> None:
        from rich.console import Console

        terminal = Console()
        width = terminal.width if terminal.is_terminal or "COLUMNS" in os.environ else None
        console = Console(width=max(terminal.width, 170), highlight=False)
        for table in tables:
            console.print(to_terminal(table_grid(table.kind, table), width))
        for line in self._calibrations(self._outcome.shown()):
            console.print(line, soft_wrap=True, markup=False)
        for stem in stems:
            console.print(f"table    {self._root / stem}.md, {stem}.csv", soft_wrap=True, markup=False)
        console.print(f"results  {self._root / CELLS}", soft_wrap=True, markup=False)
        if (page := self._root / "report" / "index.html").is_file():
            console.print(f"report   {page}", soft_wrap=True, markup=False)
        lacking = f"lacks results: python -m benchmarks.sync --results {shlex.quote(str(self._root))}"
        is_lacking = self._outcome.workspace.is_stale
        console.print(f"MLflow   {lacking if is_lacking else ui_command(self._root)}", soft_wrap=True, markup=False)

    def _tables(self) -> dict[str, list[Table]]:
        """For each data set the methods beside bicubic, and each method's variants beside the method, by the stem of files.

        Stems are ``table-<profile>`` and ``ablation-<profile>``, with the data where they are not the profile's own, and with
        ``validation`` for that split.
        """
        by_title: dict[str, list[Cell]] = {}
        for cell in self._outcome.shown():
            if cell.kind == "evaluate":
                by_title.setdefault(self._title(cell), []).append(cell)
        files: dict[str, list[Table]] = {}
        for title, cells in by_title.items():
            data = self._data_in_stem(title, cells)
            split = "-validation" if "validation" in cells[0].splits else ""
            for table in (table for table in self._tables_of(title, cells) if table.rows):
                kind = "table" if table.kind == "methods" else "ablation"
                files.setdefault(f"{kind}-{table.profile}{data}{split}", []).append(table)
        return files

    def _title(self, cell: Cell) -> str:
        """Name of a cell's data set, with a user's own folder, and with a degradation that is not the profile's own."""
        location = cell.data.card.location
        apart = " + ".join(location[name] for name in ("x_dir", "z_dir") if name in location)
        degradation = self._in_words(cell.data.degradation) if cell.data.degrades(cell.splits) else ""
        return titled(cell.dataset, location.get("directory") or apart, degradation)

    def _in_words(self, degradation: Degradation) -> str:
        """A degradation that is not the profile's own; empty for the profile's."""
        if degradation not in self._degradations:
            words = other_degradation(label(degradation), degradation.parameters, self._profile.name)
            self._degradations[degradation] = words
        return self._degradations[degradation]

    def _data_in_stem(self, title: str, cells: Sequence[Cell]) -> str:
        """Part of file names that tells tables of other data apart; empty for the profile's first data set as it comes.

        Args:
            title: of the scored data set.
            cells: its evaluations.
        """
        training = {cell.training_data.card.name: cell.training_data.card for cell in cells if cell.training_data}
        others = sorted(training.keys() - {cells[0].dataset})
        if title == self._own_dataset and not others:
            return ""
        places = sorted({place for card in (cells[0].data.card, *training.values()) for place in card.location.values()})
        is_exact = not places and len(title) < 60
        digest = "" if is_exact else f"-{hashlib.sha256(' '.join((title, *places)).encode()).hexdigest()[:6]}"
        return f"-{slug(title)}{''.join(f'-trained-on-{slug(name)}' for name in others)}{digest}"

    def _tables_of(self, dataset: str, cells: Sequence[Cell]) -> list[Table]:
        results: dict[str, list[EvaluationResult]] = {}
        notes: dict[str, str] = {}
        for cell in cells:
            result = self._outcome.results.get(cell.id)
            if isinstance(result, EvaluationResult) and not result.has_diverged:
                results.setdefault(cell.label, []).append(result)
                notes |= {cell.label: f"{', '.join(result.missing)}: weights missing"} if result.missing else {}
            else:
                notes[cell.label] = self._note(cell)
        return make_tables(dataset, self._profile.name, results, notes, self._profile.shown)

    def _note(self, cell: Cell) -> str:
        """The reason why a row lacks scores."""
        seed = "" if cell.seed is None else f"seed {cell.seed} "
        if cell.id in self._outcome.results:
            return f"{seed}diverged"
        error = self._outcome.failures.get(cell.id)
        if error is None:
            return f"{seed}not run yet"
        return "skipped: weights missing" if isinstance(error, WeightsMissing) else f"{seed}failed"

    def _calibrations(self, cells: Sequence[Cell]) -> list[str]:
        """Sentences on the protocols of papers, from finished evaluations."""
        results = [self._outcome.results.get(cell.id) for cell in cells]
        finished = [result for result in results if isinstance(result, EvaluationResult) and not result.has_diverged]
        sentences = (calibration(paper, result) for result in finished for paper in self._papers)
        return [sentence for sentence in sentences if sentence]
