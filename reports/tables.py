"""Result files to tables: one row per method, one column per metric and protocol, as Markdown, CSV and on the terminal."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.catalog.methods import get_method
from benchmarks.catalog.metrics import get_metric
from benchmarks.core.text import csv_text, markdown, number
from benchmarks.results.record import EvaluationResult
from benchmarks.scoring.statistics import Estimate, bootstrap_mean
from reports.grid import markdown_lines

if TYPE_CHECKING:
    from rich.table import Table as RichTable

REFERENCE = "bicubic"
GROUPS = {
    "rival": "",
    "supervised": "supervised upper references: saw degraded pairs",
    "released": "released weights, trained on other data",
}


@dataclass(frozen=True)
class Row:
    """One method on one data set, over its seeds.

    Attributes:
        scores: by (protocol, metric), the mean over images of each image's mean over seeds.
        gains: by protocol, the paired PSNR difference to the table's reference, in dB.
        note: why there are no scores, where there are none.
    """

    method: str
    seeds: tuple[int, ...] = ()
    images: int = 0
    scores: Mapping[tuple[str, str], Estimate] = field(default_factory=dict)
    gains: Mapping[str, Estimate] = field(default_factory=dict)
    cells: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Table:
    """All rows of one data set under one profile.

    Attributes:
        reference: the method that differences are to.
        trained_on: the data set that methods were trained on, where it is another one.
    """

    dataset: str
    profile: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    reference: str = REFERENCE
    trained_on: str = ""

    @property
    def stem(self) -> str:
        """Of its files: ``table-<profile>``, or ``ablation-<profile>`` where rows are compared to the full model."""
        return f"{'table' if self.reference == REFERENCE else 'ablation'}-{self.profile}"

    def gain_cells(self, row: Row) -> tuple[str, ...]:
        """The cells behind a row's differences: its own and the reference's."""
        return (*row.cells, *(cell for each in self.rows if each.method == self.reference for cell in each.cells))

    def groups(self) -> Iterator[tuple[str, list[Row]]]:
        """Rows that belong together under a heading: rivals first, then those that are no fair rivals."""
        for group, heading in GROUPS.items():
            rows = [row for row in self.rows if get_method(row.method).group == group]
            if rows:
                yield heading, rows


def make_table(
    dataset: str,
    profile: str,
    results: Mapping[str, Sequence[EvaluationResult]],
    notes: Mapping[str, str],
    reference: str = REFERENCE,
    shown: Sequence[str] | None = None,
) -> Table:
    """Build a table from evaluation results.

    Args:
        dataset: name of the data set.
        profile: name of the profile.
        results: finished evaluations by method, in the order of rows, one per seed.
        notes: for methods without results, why.
        reference: the method that differences are to.
        shown: protocols that have columns; all where None. CSV and JSON have all in any case.
    """
    base = image_means(results.get(reference, ()))
    rows = tuple(
        _row(method, found, {} if method == reference else base, notes.get(method, "")) for method, found in results.items()
    )
    columns = dict.fromkeys(column for row in rows for column in row.scores)
    seen = {result.data.trained_on for found in results.values() for result in found} - {""}
    shown_columns = tuple(c for c in columns if shown is None or c[0] in shown)
    return Table(dataset, profile, shown_columns, rows, reference, ", ".join(sorted(seen)))


def image_means(results: Sequence[EvaluationResult]) -> dict[tuple[str, str], dict[str, float]]:
    """By (protocol, metric) that all seeds have: every image's mean over seeds."""
    if not results:
        return {}
    first, *others = [result.scores for result in results]
    return {
        (protocol, metric): {
            image: sum(scores[protocol][metric][image] for scores in (first, *others)) / len(results) for image in values
        }
        for protocol, metrics in first.items()
        for metric, values in metrics.items()
        if all(metric in scores.get(protocol, {}) for scores in others)
    }


def _row(
    method: str, results: Sequence[EvaluationResult], reference: Mapping[tuple[str, str], Mapping[str, float]], note: str
) -> Row:
    means = image_means(results)
    gains = {
        protocol: bootstrap_mean([value - reference[protocol, metric][image] for image, value in values.items()])
        for (protocol, metric), values in means.items()
        if metric == "psnr" and (protocol, metric) in reference
    }
    return Row(
        method=method,
        seeds=tuple(result.cell.seed for result in results if result.cell.seed is not None),
        images=len(next(iter(means.values()), {})),
        scores={column: bootstrap_mean(list(values.values())) for column, values in means.items()},
        gains=gains,
        cells=tuple(result.cell.id for result in results),
        note=note,
    )


def interval(estimate: Estimate, digits: int, sign: str = "") -> tuple[str, str]:
    """The mean and its interval, as text."""
    low, high = number(estimate.low, digits, sign), number(estimate.high, digits, sign)
    return number(estimate.mean, digits, sign), f"{low}…{high}"


def metric_heading(metric: str) -> str:
    """A metric's label and which way is better."""
    entry = get_metric(metric)
    return f"{entry.label} {'↑' if entry.higher_is_better else '↓'}"


def headers(table: Table) -> list[str]:
    """Of a table's columns: method, scores, differences."""
    metrics = [f"{metric_heading(metric)} {protocol}" for protocol, metric in table.columns]
    return ["method", *metrics, *(f"ΔPSNR {protocol}" for protocol in gain_protocols(table))]


def gain_protocols(table: Table) -> list[str]:
    """The protocols under which a table shows differences in PSNR."""
    shown = {protocol for protocol, metric in table.columns if metric == "psnr"}
    return [protocol for protocol in dict.fromkeys(p for row in table.rows for p in row.gains) if protocol in shown]


def _cells(table: Table, row: Row) -> list[tuple[str, str]]:
    scores = [
        interval(row.scores[column], get_metric(column[1]).digits) if column in row.scores else ("–", "")
        for column in table.columns
    ]
    gains = [interval(row.gains[p], 2, "+") if p in row.gains else ("–", "") for p in gain_protocols(table)]
    return [(row.method, row.note), *scores, *gains]


def caption(table: Table) -> str:
    """What the numbers are: data, profile, images, seeds, interval."""
    images = max((row.images for row in table.rows), default=0)
    seeds = sorted({seed for row in table.rows for seed in row.seeds})
    trained = f", trained on {table.trained_on}" if table.trained_on else ""
    return (
        f"{table.dataset}{trained}, profile {table.profile}: {images} test images, "
        f"{_seeds(seeds)}; "
        "mean and 95 % bootstrap interval over images. "
        f"ΔPSNR: paired difference to {table.reference} in dB."
    )


def _seeds(seeds: Sequence[int]) -> str:
    if not seeds:
        return "no trained method yet"
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def to_markdown(table: Table) -> str:
    """A GitHub-flavoured Markdown table with its caption."""
    lines = [[markdown(header) for header in headers(table)]]
    for heading, rows in table.groups():
        lines += [[f"*{markdown(heading)}*"] + [""] * (len(lines[0]) - 1)] if heading else []
        lines += [[markdown(f"{a} ({b})" if b else a) for a, b in _cells(table, row)] for row in rows]
    return markdown_lines(caption(table), lines)


def to_csv(tables: Sequence[Table]) -> str:
    """One line per method, protocol and metric, at full precision, with the cells behind it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    scores = ["protocol", "metric", "mean", "low", "high", "images", "seeds", "cells", "trained_on"]
    writer.writerow(["dataset", "profile", "group", "method", *scores])
    for table in tables:
        for row in table.rows:
            numbers = [(p, m, e) for (p, m), e in row.scores.items()] + [(p, "psnr-gain", e) for p, e in row.gains.items()]
            for protocol, metric, estimate in numbers:
                estimates = [repr(estimate.mean), repr(estimate.low), repr(estimate.high)]
                cells = " ".join(table.gain_cells(row) if metric == "psnr-gain" else row.cells)
                origin = [row.images, " ".join(map(str, row.seeds)), csv_text(cells), csv_text(table.trained_on or table.dataset)]
                about = [table.dataset, table.profile, get_method(row.method).group, row.method, protocol, metric]
                writer.writerow([*map(csv_text, about), *estimates, *origin])
    return text.getvalue()


def to_json(table: Table) -> dict[str, Any]:
    """Plain data for ``--json``; infinite numbers as the strings JSON can hold."""

    def plain(estimate: Estimate) -> dict[str, Any]:
        return {k: v if math.isfinite(v) else str(v) for k, v in vars(estimate).items()}

    return {
        "dataset": table.dataset,
        "profile": table.profile,
        "reference": table.reference,
        "trained_on": table.trained_on or table.dataset,
        "rows": [
            {
                "method": row.method,
                "group": get_method(row.method).group,
                "seeds": row.seeds,
                "images": row.images,
                "note": row.note,
                "cells": row.cells,
                "scores": [{"protocol": p, "metric": m, **plain(e)} for (p, m), e in row.scores.items()],
                "psnr_gain": {p: plain(e) for p, e in row.gains.items()},
            }
            for row in table.rows
        ],
    }


def to_rich(table: Table) -> RichTable:
    """For the terminal: each cell a mean over its interval."""
    from rich import box
    from rich.table import Table as RichTable

    out = RichTable(box=box.SIMPLE_HEAD, caption=caption(table), caption_justify="left")
    for index, header in enumerate(headers(table)):
        metric, _, protocol = header.rpartition(" ")
        out.add_column(f"{metric}\n{protocol}".strip(), justify="left" if index == 0 else "right", no_wrap=True)
    for heading, rows in table.groups():
        if heading:
            out.add_section()
            out.add_row(f"[italic]{heading}[/]".replace(": ", ":\n").replace(", ", ",\n"))
        for row in rows:
            name, *numbers = _cells(table, row)
            out.add_row("\n".join(filter(None, name)), *("\n".join(filter(None, number)) for number in numbers))
    return out
