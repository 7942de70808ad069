"""Results to tables of numbers: a row per method, with means, intervals and differences; as CSV and JSON."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from benchmarks.api.entries import ScoredSplit
from benchmarks.catalog.composites import composite_scores
from benchmarks.catalog.families import FAMILIES
from benchmarks.catalog.methods import get_method, is_method, methods, varied_forms_of
from benchmarks.core.text import csv_text
from benchmarks.results.record import NO_REFERENCE, EvaluationResult
from benchmarks.statistics.intervals import Estimate
from benchmarks.statistics.significance import Difference, judge, letters, resolved
from reports.marks import exploratory, infinite, is_trained, mixture, row_marks
from reports.measurements import Column, Measurements, Results

REFERENCE = "bicubic"  # differences are to this method
OWN = "own"  # family and group of models and submitted images that are in no catalog
NO_TRUTH = "no ground truth"  # note of a row
WINDOWED = ("ntire2018", "ntire2018-norescale")  # protocols that score the central window of an image
HEADINGS: dict[str, str] = {  # by family
    **FAMILIES,
    OWN: "your own models and submitted images: what they have learned from is not recorded",
}
ELSEWHERE = "evaluate"  # in place of a profile: scores of SR images alone, by the command of this name
CSV_COLUMNS = (
    *("profile", "dataset", "split", "trained_on", "table", "reference", "group", "family", "method", "note", "exploratory"),
    *("protocol", "metric", "mean", "low", "high", "degrees", "seed_sd", "alike", "images", "photographs", "seeds", "cells"),
    "mlflow_runs",
)


@dataclass(frozen=True)
class Row:
    """One method on one data set, over its seeds.

    Attributes:
        scores: by column, the mean over images of each image's mean over seeds.
        seed_sd: by column, the standard deviation of the seeds' means over images; of several seeds only.
        gains: by protocol, the paired PSNR difference to the table's reference, in dB.
        letters: by protocol, letters of the PSNR: methods that share one cannot be told apart. Of shown protocols only.
        note: reason for missing scores, or changed settings.
        has_truth: whether the images have a ground truth.
        exploratory: why the scores are no results of a frozen profile; empty for results.
        trainings: number of trainings behind the scores, which weights of others have one of; 0 for methods without training, and
            for those that are trained on each image.
    """

    method: str
    seeds: tuple[int, ...] = ()
    images: int = 0
    scores: Mapping[Column, Estimate] = field(default_factory=dict)
    seed_sd: Mapping[Column, float] = field(default_factory=dict)
    gains: Mapping[str, Estimate] = field(default_factory=dict)
    letters: Mapping[str, str] = field(default_factory=dict)
    cells: tuple[str, ...] = ()
    note: str = ""
    has_truth: bool = True
    exploratory: str = ""
    trainings: int = 0

    @property
    def composites(self) -> dict[Column, float]:
        """Composite scores by protocol and name, as far as the row has all of their metrics."""
        means: dict[str, dict[str, float]] = {}
        for (protocol, metric), estimate in self.scores.items():
            means.setdefault(protocol, {})[metric] = estimate.mean
        return {(protocol, name): score for protocol in means for name, score in composite_scores(means[protocol]).items()}


@dataclass(frozen=True)
class Table:
    """Methods on one data set under one profile.

    Attributes:
        columns: protocols and metrics that are shown; CSV and JSON have all.
        reference: the method that differences are to.
        trained_on: the data set that methods were trained on, if it is another one.
        without_contrast: images whose central HR window is flat; none where no protocol of the table scores that window alone.
        mixture: sentence on environments that differ among rows; empty if none do.
        split: images that were scored. Scores of validation images are for choices and never stand beside those of test images.
        photographs: number of photographs that the images show.
        resolved: by shown protocol, the smallest difference in PSNR that the comparisons behind letters resolve, in dB; None if
            they resolve none.
    """

    dataset: str
    profile: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    reference: str = REFERENCE
    trained_on: str = ""
    split: ScoredSplit = "test"
    without_contrast: tuple[str, ...] = ()
    photographs: int = 0
    resolved: Mapping[str, float | None] = field(default_factory=dict)
    mixture: str = ""

    @property
    def is_of_run(self) -> bool:
        """False for SR images that were made elsewhere, whose scores have no profile, no trainings and no cells behind them."""
        return self.profile != ELSEWHERE

    @property
    def kind(self) -> str:
        """``methods``, or ``ablation`` if differences are to the full model."""
        return "methods" if self.reference == REFERENCE else "ablation"

    @property
    def protocols(self) -> tuple[str, ...]:
        """Protocols that are shown."""
        return tuple(dict.fromkeys(protocol for protocol, _ in self.columns))

    @property
    def gain_protocols(self) -> list[str]:
        """Shown protocols under which there are differences in PSNR."""
        shown = {protocol for protocol, metric in self.columns if metric == "psnr"}
        return [protocol for protocol in dict.fromkeys(p for row in self.rows for p in row.gains) if protocol in shown]

    @property
    def composites(self) -> list[Column]:
        """Composite scores that a row has under a shown protocol."""
        return [column for column in dict.fromkeys(c for row in self.rows for c in row.composites) if column[0] in self.protocols]

    @property
    def has_truth(self) -> bool:
        """True if the test images have a ground truth."""
        return all(row.has_truth for row in self.rows)

    @property
    def images(self) -> int:
        """Number of scored images."""
        return max((row.images for row in self.rows), default=0)

    def gain_cells(self, row: Row) -> tuple[str, ...]:
        """The cells behind a row's differences: its own and the reference's."""
        return (*row.cells, *(cell for other in self.rows if other.method == self.reference for cell in other.cells))

    def families(self) -> Iterator[tuple[str, list[Row]]]:
        """Rows of each family that has any, with the family's heading, which an ablation, of one method, does not need."""
        for family, heading in HEADINGS.items():
            rows = [row for row in self.rows if family_of(row.method) == family]
            if rows:
                yield heading if self.kind == "methods" else "", rows

    def fair(self) -> list[Row]:
        """Rows of rivals and floors, which may be compared: they saw no degraded pairs and no other data."""
        return [row for row in self.rows if group_of(row.method) in ("rival", "classical")]


def make_tables(
    dataset: str, profile: str, results: Results, notes: Mapping[str, str], shown: Collection[str] | None = None
) -> list[Table]:
    """The tables of one data set: methods beside bicubic, then for each method with variants its variants beside it.

    Args:
        dataset: name of the data set.
        profile: name of the profile.
        results: finished evaluations by method or variant, one a seed; methods that were not run may be missing.
        notes: by method or variant, text beside its name; a method without results and note is ``not run``.
        shown: protocols that have columns; all if None.

    Returns:
        The table of methods, which may have no rows, and the ablations.
    """
    ordered = in_order(results.keys() | notes.keys())
    groups = {REFERENCE: [name for name in ordered if "/" not in name]}
    for base in methods():
        variants = [name for name in ordered if name.startswith(f"{base}/")]
        groups |= {base: [base, *variants]} if variants else {}
    return [
        make_table(dataset, profile, {name: results.get(name, ()) for name in names}, notes, reference, shown)
        for reference, names in groups.items()
    ]


def method_order() -> list[str]:
    """Names of all methods, variants and configurations of studies, family by family; then in the catalog's order."""
    order = list(FAMILIES)
    entries = (entry for name, method in methods().items() for entry in (method, *varied_forms_of(name).values()))
    return [entry.name for entry in sorted(entries, key=lambda entry: order.index(entry.family))]


def in_order(names: Collection[str]) -> list[str]:
    """Names in the order of ``method_order``, then those of the user's own models by the alphabet."""
    order = method_order()
    return [*(name for name in order if name in names), *sorted(set(names) - set(order))]


def group_of(method: str) -> str:
    """Group of a method or variant: ``rival``, ``classical``, ``supervised``, ``released`` or ``own``."""
    return get_method(method).group if is_method(method) else OWN


def family_of(method: str) -> str:
    """Family of a method or variant, a key of ``HEADINGS``."""
    return get_method(method).family if is_method(method) else OWN


def make_table(
    dataset: str,
    profile: str,
    results: Results,
    notes: Mapping[str, str],
    reference: str = REFERENCE,
    shown: Collection[str] | None = None,
) -> Table:
    """One table, with a row for each method of ``results`` in their order; other arguments as for ``make_tables``."""
    measurements = Measurements.of(results)
    columns = dict.fromkeys(column for scores in measurements.scores.values() for column in scores)
    shown_columns = tuple(column for column in columns if shown is None or column[0] in (*shown, NO_REFERENCE))
    marked, least = dict[str, dict[str, str]](), dict[str, float | None]()
    shown_psnr = [column for column in shown_columns if column[1] == "psnr"]
    for protocol, _ in shown_psnr:
        differences = _all_differences(measurements, (protocol, "psnr"))
        marked[protocol], least[protocol] = _letters(measurements, protocol, differences), resolved(differences.values())
    texts = row_marks(results, {protocol: _psnr(measurements, protocol) for protocol in marked})
    rows = []
    for method, evaluations in results.items():
        row = _row(profile, method, evaluations, measurements, "" if method == reference else reference, notes.get(method))
        psnr = {
            column[0]: matrix.by_image.tolist() for column, matrix in measurements.columns(method).items() if column in shown_psnr
        }
        note = "; ".join(filter(None, (row.note, texts.get(method), infinite(psnr))))
        own = {protocol: names[method] for protocol, names in marked.items() if method in names}
        rows.append(replace(row, note=note, letters=own))
    every = [result for evaluations in results.values() for result in evaluations]
    splits: set[ScoredSplit] = {result.settings.split for result in every}
    of_windows = any(protocol in WINDOWED for protocol, _ in shown_columns)
    if len(splits) > 1:
        raise ValueError("scores of test and validation images in one table")
    return Table(
        dataset=dataset,
        profile=profile,
        columns=shown_columns,
        rows=tuple(rows),
        reference=reference,
        trained_on=", ".join(sorted({result.data.trained_on for result in every} - {""})),
        split=splits.pop() if splits else "test",
        without_contrast=tuple(dict.fromkeys(name for result in every for name in result.without_contrast)) if of_windows else (),
        photographs=measurements.photographs,
        resolved=least,
        mixture=mixture(every),
    )


def _all_differences(measurements: Measurements, column: Column) -> dict[tuple[str, str], Difference]:
    """Differences between all pairs of methods that have the column."""
    pairs = {pair: measurements.difference(*pair, column) for pair in combinations(measurements.scores, 2)}
    return {pair: difference for pair, difference in pairs.items() if difference}


def _letters(measurements: Measurements, protocol: str, differences: Mapping[tuple[str, str], Difference]) -> dict[str, str]:
    """Letters of the PSNR by method, the best method first."""
    means = _psnr(measurements, protocol)
    return letters(sorted(means, key=means.__getitem__, reverse=True), judge(differences))


def _psnr(measurements: Measurements, protocol: str) -> dict[str, float]:
    """Mean PSNR by method."""
    column = (protocol, "psnr")
    return {name: float(m[column].by_image.mean()) for name, m in measurements.scores.items() if column in m}


def _row(
    profile: str,
    method: str,
    results: Sequence[EvaluationResult],
    measurements: Measurements,
    reference: str,
    note: str | None,
) -> Row:
    """A row without letters; without differences too if the name of the reference is empty."""
    columns = measurements.columns(method)
    gains = {column[0]: measurements.difference(method, reference, column) for column in columns if column[1] == "psnr"}
    spreads = {column: matrix.seed_sd for column, matrix in columns.items()}
    has_truth = not any(result.pictures for result in results)
    note = note if note is not None else "" if results else "not run"
    seeds = tuple(result.cell.seed for result in results if result.cell.seed is not None)
    return Row(
        method=method,
        seeds=seeds,
        images=len(results[0].images) if results else 0,
        scores={column: measurements.estimate(matrix, column) for column, matrix in columns.items()},
        seed_sd={column: spread for column, spread in spreads.items() if spread is not None},
        gains={protocol: gain.estimate for protocol, gain in gains.items() if gain},
        cells=tuple(result.cell.id for result in results),
        note=note if has_truth else "; ".join(filter(None, (NO_TRUTH, note))),
        has_truth=has_truth,
        exploratory=exploratory(profile, results),
        trainings=len(results) if results and is_trained(results[0]) else 0,
    )


def to_csv(tables: Sequence[Table], mlflow_runs: Mapping[str, str] | None = None) -> str:
    """All numbers at full precision, a line each; a method without numbers has one line with its note.

    Args:
        tables: of any data sets and profiles.
        mlflow_runs: id of the MLflow run by the id of the cell that it mirrors; None where runs are not known yet.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for table in tables:
        for row in table.rows:
            about = (table.profile, table.dataset, table.split, table.trained_on or table.dataset, table.kind, table.reference)
            own = (group_of(row.method), family_of(row.method), row.method, row.note, row.exploratory)
            names = [csv_text(name) for name in (*about, *own)]
            writer.writerows([*names, *numbers] for numbers in _csv_numbers(table, row, mlflow_runs or {}))
    return text.getvalue()


def _csv_numbers(table: Table, row: Row, mlflow_runs: Mapping[str, str]) -> Iterator[tuple[object, ...]]:
    """The columns from ``protocol`` on, for each number of a row; empty ones for a row that has only a note."""
    numbers = [
        (*column, estimate, row.seed_sd.get(column), row.letters.get(column[0], "") if column[1] == "psnr" else "", row.cells)
        for column, estimate in row.scores.items()
    ]
    gains = row.gains.items()
    numbers += [(protocol, "psnr-gain", estimate, None, "", table.gain_cells(row)) for protocol, estimate in gains]
    for protocol, metric, estimate, spread, alike, cells in numbers:
        values = (
            *map(repr, (estimate.mean, estimate.low, estimate.high, estimate.degrees)),
            "" if spread is None else repr(spread),
        )
        runs = " ".join(mlflow_runs[cell] for cell in cells if mlflow_runs.get(cell))
        counts = (alike, row.images, table.photographs, " ".join(map(str, row.seeds)))
        yield (csv_text(protocol), csv_text(metric), *values, *counts, csv_text(" ".join(cells)), csv_text(runs))
    for (protocol, name), score in row.composites.items():
        counts = ("", row.images, table.photographs, " ".join(map(str, row.seeds)))
        yield (csv_text(protocol), name, repr(score), "", "", "", "", *counts, csv_text(" ".join(row.cells)), "")
    if row.note and not numbers:
        yield ("",) * 13


def to_json(table: Table) -> dict[str, Any]:
    """Plain data for ``--json``; infinite numbers, which JSON lacks, as the texts ``inf`` and ``-inf``."""

    def plain(estimate: Estimate) -> dict[str, Any]:
        return {key: value if math.isfinite(value) else str(value) for key, value in vars(estimate).items()}

    return {
        "dataset": table.dataset,
        "split": table.split,
        "without_contrast": table.without_contrast,
        "profile": table.profile,
        "reference": table.reference,
        "trained_on": table.trained_on or table.dataset,
        "photographs": table.photographs,
        "resolved_psnr": table.resolved,
        "rows": [
            {
                "method": row.method,
                "group": group_of(row.method),
                "family": family_of(row.method),
                "seeds": row.seeds,
                "images": row.images,
                "note": row.note,
                "exploratory": row.exploratory,
                "cells": row.cells,
                "scores": [
                    {"protocol": p, "metric": m, **plain(e), "seed_sd": row.seed_sd.get((p, m))}
                    for (p, m), e in row.scores.items()
                ],
                "composites": [{"protocol": p, "name": name, "score": score} for (p, name), score in row.composites.items()],
                "psnr_gain": {p: plain(e) for p, e in row.gains.items()},
                "alike": row.letters,
            }
            for row in table.rows
        ],
    }
