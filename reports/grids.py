"""Studies to tables: methods, ablation, the paper's numbers beside ours, its claims."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from benchmarks.catalog.methods import get_method, methods, variants_of
from benchmarks.catalog.metrics import get_metric
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.core.text import csv_text, number
from benchmarks.scoring.statistics import Estimate
from reports.claims import Finding, Judgement
from reports.grid import Entry, Grid, Mark, Section, marks
from reports.reported import Paper, Reported
from reports.scores import p_value
from reports.studies import Evidence, Study
from reports.tables import REFERENCE, Row, Table, caption, gain_protocols, headers, interval, make_table

Column = tuple[str, str]  # protocol, metric


def tables(study: Study) -> dict[str, Table]:
    """By kind, the tables of a study: ``methods`` beside bicubic, ``ablation`` beside the full model where variants were run."""
    shown = _shown(study.profile)
    there = study.methods.keys() | study.diverged.keys()
    found = {"methods": _table(study, [name for name in methods() if name in there], REFERENCE, shown)}
    for base in methods():
        variants = [entry.name for entry in variants_of(base).values() if entry.name in there]
        if variants:
            found["ablation"] = _table(study, [base, *variants], base, shown)
    return found


def _shown(profile: str) -> Sequence[str] | None:
    """The protocols that the profile's tables show; all where the profile is not known here."""
    try:
        return load_profile(profile).shown
    except UsageError:
        return None


def _table(study: Study, methods: Sequence[str], reference: str, shown: Sequence[str] | None) -> Table:
    results = {name: study.results.get(name, []) for name in methods}
    notes = {name: _note(study.methods.get(name, ()), study.diverged.get(name, ())) for name in methods}
    return make_table(study.dataset, study.profile, results, notes, reference, shown)


def _note(evidence: Sequence[Evidence], diverged: Sequence[Evidence]) -> str:
    """What must stand beside a method's name."""
    if not evidence and not diverged:
        return "not run"
    missing = {metric for each in evidence for metric in each.evaluation.missing}
    changes = dict.fromkeys(change for each in (*evidence, *diverged) for change in each.changes)
    lacking = f"{', '.join(sorted(missing))}: weights missing" if missing else ""
    lost = f"seed {', '.join(str(each.seed) for each in diverged)} diverged" if diverged else ""
    return "; ".join(filter(None, (lost, lacking, *(f"--set {change}" for change in changes))))


def table_grid(name: str, table: Table) -> Grid:
    """Scores with intervals; best and second best of each column are marked among rivals, for the others are no fair ones."""
    groups = list(table.groups())
    rivals = [row for heading, rows in groups if not heading for row in rows]
    gains = gain_protocols(table)
    marked: dict[Column, list[Mark]] = {}
    for column in table.columns:
        metric = get_metric(column[1])
        values = [row.scores[column].mean if column in row.scores else None for row in rivals]
        marked[column] = marks(values, higher_is_better=metric.higher_is_better, digits=metric.digits)
    sections = []
    for heading, rows in groups:
        lines = []
        for row in rows:
            places = {column: marked[column][rivals.index(row)] for column in table.columns} if row in rivals else {}
            scores = [_score(row, column, places.get(column, "")) for column in table.columns]
            lines.append((Entry(row.method, row.note), *scores, *(_gain(table, row, protocol) for protocol in gains)))
        sections.append(Section(heading, tuple(lines)))
    return Grid(name, caption(table), tuple(headers(table)), tuple(sections))


def _score(row: Row, column: Column, mark: Mark) -> Entry:
    found = row.scores.get(column)
    return _entry(found, get_metric(column[1]).digits, row.cells, mark=mark)


def _gain(table: Table, row: Row, protocol: str) -> Entry:
    return _entry(row.gains.get(protocol), 2, table.gain_cells(row), sign="+")


def _entry(estimate: Estimate | None, digits: int, cells: tuple[str, ...], *, sign: str = "", mark: Mark = "") -> Entry:
    if estimate is None:
        return Entry("–")
    return Entry(*interval(estimate, digits, sign), mark, cells, estimate.mean)


def paper_grid(name: str, paper: Paper, study: Study, table: Table) -> Grid:
    """Reported and measured numbers side by side, never in one column.

    Absolute differences are given only where both are of the same data; the distance to bicubic can be compared anywhere.
    """
    rows = {row.method: row for row in table.rows}
    base = paper.of(REFERENCE)
    lines = []
    for reported in (each for each in paper.reported if not each.image):
        row = rows.get(reported.method, Row(reported.method))
        lines.append(
            (Entry(reported.method, reported.source), *_reported(reported, base), *_measured(table, row, reported, paper, study))
        )
    measured = f"{study.dataset}, profile {study.profile}, {paper.protocol}"
    headings = (
        *("method", "PSNR reported", "SSIM reported", "ΔPSNR reported"),
        *("PSNR measured", "SSIM measured", "ΔPSNR measured", "PSNR measured − reported"),
    )
    trained = "" if study.trained_on == study.dataset else f", trained on {study.trained_on}"
    other = "" if study.dataset == paper.dataset else "The measured numbers are of other images: compare ΔPSNR only. "
    text = (
        f"Reported: {paper.title}, on {paper.dataset}. Measured: {measured}{trained}. ΔPSNR: to {REFERENCE}, in dB. "
        f"{other}Whether the paper scored with {paper.protocol} is open."
    )
    return Grid(name, text, headings, (Section("", tuple(lines)),))


def _reported(reported: Reported, base: Reported | None) -> tuple[Entry, Entry, Entry]:
    gain = reported.psnr - base.psnr if base and base is not reported else None
    return (
        Entry(number(reported.psnr, 2), value=reported.psnr),
        Entry(number(reported.ssim, 2), value=reported.ssim),
        Entry("–") if gain is None else Entry(number(gain, 2, "+"), value=gain),
    )


def _measured(table: Table, row: Row, reported: Reported, paper: Paper, study: Study) -> tuple[Entry, Entry, Entry, Entry]:
    psnr, ssim = (row.scores.get((paper.protocol, metric)) for metric in ("psnr", "ssim"))
    if psnr is None:
        difference = Entry("not run")
    elif study.dataset != paper.dataset:
        difference = Entry("other data")
    else:
        gap = psnr.mean - reported.psnr
        difference = Entry(number(gap, 2, "+"), cells=row.cells, value=gap)
    scores = (_entry(psnr, 2, row.cells), _entry(ssim, 3, row.cells))
    return (*scores, _gain(table, row, paper.protocol), difference)


def claims_grid(name: str, paper: Paper, study: Study, judgements: Sequence[Judgement]) -> Grid:
    """Each claim with its verdict, and every comparison with the numbers behind it."""
    sections = []
    for judged in judgements:
        note = f" {judged.claim.note}" if judged.claim.note else ""
        rows = tuple(_finding_row(study, finding) for finding in judged.findings)
        sections.append(Section(f"{judged.claim.name}. {judged.claim.text}: {judged.verdict}.{note}", rows))
    text = (
        f"Claims of {paper.title}, under {paper.protocol} on {study.dataset}, profile {study.profile}. Differences are paired "
        "by image, positive where the first is better, with 95 % bootstrap intervals; p: Wilcoxon signed-rank test, "
        "Holm-corrected over the pairs of a claim."
    )
    return Grid(name, text, ("comparison", "metric", "difference", "p", "verdict"), tuple(sections))


def _finding_row(study: Study, finding: Finding) -> tuple[Entry, ...]:
    metric, cells = get_metric(finding.metric), _cells(study, finding.method, finding.other)
    return (
        Entry(f"{finding.method} − {finding.other}"),
        Entry(metric.label),
        _entry(finding.difference, metric.digits + 1, cells, sign="+"),
        Entry("–") if finding.p is None else Entry(p_value(finding.p), cells=cells, value=finding.p),
        Entry(finding.verdict),
    )


def _cells(study: Study, *methods: str) -> tuple[str, ...]:
    return tuple(each.id for method in methods for each in study.methods.get(method, ()))


def to_csv(found: Sequence[tuple[Study, Mapping[str, Table]]]) -> str:
    """All numbers of all tables at full precision; the last columns say which cells and MLflow runs they come from."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    scores = ("protocol", "metric", "mean", "low", "high", "images", "seeds", "cells", "mlflow_runs")
    writer.writerow(("profile", "dataset", "trained_on", "table", "reference", "group", "method", "note", *scores))
    for study, kinds in found:
        for kind, table in kinds.items():
            for row in table.rows:
                about = (study.profile, study.dataset, study.trained_on, kind, table.reference, get_method(row.method).group)
                numbers = [(p, m, e) for (p, m), e in row.scores.items()] + [(p, "psnr-gain", e) for p, e in row.gains.items()]
                for protocol, metric, estimate in numbers:
                    values = (repr(estimate.mean), repr(estimate.low), repr(estimate.high))
                    cells = table.gain_cells(row) if metric == "psnr-gain" else row.cells
                    origin = (row.images, " ".join(map(str, row.seeds)), csv_text(" ".join(cells)), csv_text(_runs(study, cells)))
                    writer.writerow((*map(csv_text, (*about, row.method, row.note, protocol, metric)), *values, *origin))
                if row.note and not numbers:
                    writer.writerow(map(csv_text, (*about, row.method, row.note)))
    return text.getvalue()


def _runs(study: Study, cells: Sequence[str]) -> str:
    """The MLflow runs that mirror cells, in their order."""
    known = {each.id: each.mlflow for found in study.methods.values() for each in found}
    return " ".join(known[cell] for cell in cells if known[cell])
