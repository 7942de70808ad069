"""Tables, papers and claims to grids: which numbers stand in which column, with marks, notes and captions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.catalog.composites import COMPOSITES
from benchmarks.catalog.metrics import get_metric
from benchmarks.planning.frozen import OWN_IMAGES
from reports.captions import shared_reason, table_caption
from reports.claims import ClaimVerdict, PairVerdict
from reports.grid import ONE_TRAINING, Entry, Grid, Mark, Section, estimate_entry, marks, metric_heading, number_entry, p_value
from reports.marks import code_mixture, mixture
from reports.measurements import Column
from reports.paper import Claim, Paper, Reported
from reports.studies import Study
from reports.tables import REFERENCE, Row, Table


def table_grid(name: str, table: Table) -> Grid:
    """Scores with intervals and differences. Best and second best of a column are marked among rivals and floors only."""
    marked = {column: _marks(table.fair(), column) for column in table.columns}
    headers = [f"{metric_heading(metric)} {protocol}" for protocol, metric in table.columns]
    headers += [f"{COMPOSITES[name].label} v{COMPOSITES[name].version} ↑ {protocol}" for protocol, name in table.composites]
    headers += [f"ΔPSNR {protocol}" for protocol in table.gain_protocols]
    headers += [f"{title} {protocol}" for protocol in table.resolved for title in ("SD over seeds", "alike")]
    sections = [
        Section(heading, tuple(tuple(_table_row(table, row, marked)) for row in rows)) for heading, rows in table.families()
    ]
    return Grid(name, table_caption(table), ("method", *headers), tuple(sections))


def _marks(fair: Sequence[Row], column: Column) -> dict[str, Mark]:
    metric = get_metric(column[1])
    means = [row.scores[column].mean if column in row.scores else None for row in fair]
    places = marks(means, higher_is_better=metric.higher_is_better, digits=metric.digits)
    return {row.method: mark for row, mark in zip(fair, places, strict=True)}


def _table_row(table: Table, row: Row, marked: dict[Column, dict[str, Mark]]) -> Iterator[Entry]:
    is_said = row.exploratory in ("", OWN_IMAGES, shared_reason(table))  # in the caption
    alone = "" if is_said else f"exploratory: {row.exploratory}"
    yield Entry(row.method, "; ".join(filter(None, (row.note, alone))))
    for column in table.columns:
        mark = marked[column].get(row.method, "")
        yield estimate_entry(row.scores.get(column), get_metric(column[1]).digits, row.cells, mark=mark)
    for column in table.composites:
        yield number_entry(row.composites.get(column), COMPOSITES[column[1]].digits, cells=row.cells)
    for protocol in table.gain_protocols:
        yield estimate_entry(row.gains.get(protocol), get_metric("psnr").digits, table.gain_cells(row), sign="+")
    for protocol in table.resolved:
        spread = row.seed_sd.get((protocol, "psnr"))
        yield Entry(ONE_TRAINING) if row.trainings == 1 else number_entry(spread, get_metric("psnr").digits, cells=row.cells)
        yield Entry(row.letters.get(protocol, "–"))


def reported_grid(name: str, paper: Paper, study: Study, tables: Sequence[Table]) -> Grid:
    """Reported and measured numbers side by side, never in one column: a block of columns for each metric of the paper.

    The difference of measured to reported numbers has a column only if both are of the same data; differences to bicubic can be
    compared in any case.
    """
    rows = {row.method: row for table in tables for row in table.rows}
    blocks = [_Block(paper, study, rows, metric) for metric in paper.metrics]
    sections = []
    for image in dict.fromkeys(entry.image for entry in paper.reported):
        entries = [entry for entry in paper.reported if entry.image == image]
        lines = ((Entry(e.method, e.source), *(place for block in blocks for place in block.entries(e))) for e in entries)
        sections.append(Section(f"one image: {image}" if image else "", tuple(lines)))
    headers = ("method", *(header for block in blocks for header in block.headers()))
    return Grid(name, _reported_caption(paper, study), headers, tuple(sections))


def _reported_caption(paper: Paper, study: Study) -> str:
    trained = "" if study.trained_on == study.dataset else f", trained on {study.trained_on}"
    units = [f"{entry.label} in {entry.unit}" for entry in map(get_metric, paper.metrics) if entry.unit]
    sentences = (
        f"Reported: {paper.title}, on {paper.dataset}.",
        f"Measured: {study.title}, profile {study.profile}, {paper.protocol}{trained}.",
        f"Δ: difference to {REFERENCE}{', ' if units else ''}{', '.join(units)}.",
        "" if study.has_data_of(paper.dataset, paper.origin) else "The measured numbers are of other images: compare Δ only.",
        paper.note,
        _mixture(study),
    )
    return " ".join(filter(None, sentences))


def _mixture(study: Study) -> str:
    sentences = (mixture(result for results in study.results.values() for result in results), code_mixture(study.mixed_code))
    return " ".join(filter(None, sentences))


@dataclass(frozen=True)
class _Block:
    """The columns of one metric: reported, measured, both as differences to the reference method, measured − reported."""

    paper: Paper
    study: Study
    rows: Mapping[str, Row]
    metric: str

    def headers(self) -> Iterator[str]:
        label = get_metric(self.metric).label
        yield from (f"{label} reported", f"{label} measured")
        if self._base() is not None:
            yield from (f"Δ{label} reported", f"Δ{label} measured")
        if self._same_data():
            yield f"{label} measured − reported"

    def entries(self, reported: Reported) -> Iterator[Entry]:
        digits = get_metric(self.metric).digits
        value = reported.metrics.get(self.metric)
        row = Row(reported.method) if reported.image else self.rows.get(reported.method, Row(reported.method))
        measured = row.scores.get((self.paper.protocol, self.metric))
        missing = "–" if reported.image else "not measured" if row.scores else "not run"
        yield number_entry(value, self.paper.digits(self.metric))
        yield estimate_entry(measured, digits, row.cells, missing=missing)
        base = self._base(reported.image)
        if self._base() is not None:
            is_base = reported.method == REFERENCE
            gain = None if value is None or base is None or is_base else value - base
            yield number_entry(gain, self.paper.digits(self.metric), sign="+")
            yield Entry("–") if reported.image or is_base else self._measured_gain(reported.method)
        if self._same_data():
            gap = None if measured is None or value is None else measured.mean - value
            yield number_entry(gap, digits, sign="+", cells=row.cells)

    def _base(self, image: str = "") -> float | None:
        """The number that the paper reports for the reference method."""
        base = next((e for e in self.paper.reported if (e.method, e.image) == (REFERENCE, image)), None)
        return base.metrics.get(self.metric) if base else None

    def _same_data(self) -> bool:
        return self.study.has_data_of(self.paper.dataset, self.paper.origin)

    def _measured_gain(self, method: str) -> Entry:
        difference = self.study.measurements.difference(method, REFERENCE, (self.paper.protocol, self.metric))
        cells = _cells(self.study, method, REFERENCE)
        return estimate_entry(difference.estimate if difference else None, get_metric(self.metric).digits, cells, sign="+")


def claims_grid(name: str, paper: Paper, study: Study, verdicts: Sequence[ClaimVerdict]) -> Grid:
    """Each claim with its verdict, and the numbers behind every comparison."""
    sections = []
    for judged in verdicts:
        sentences = (_size(judged.claim), judged.claim.note, *judged.remarks)
        note = "".join(f" {sentence}" for sentence in sentences if sentence)
        rows = tuple(_pair_row(study, pair) for pair in judged.pairs)
        sections.append(Section(f"{judged.claim.name}. {judged.claim.text}: {judged.verdict}.{note}", rows))
    caption = (
        f"Claims of {paper.title}, under {paper.protocol} on {study.title}, profile {study.profile}. Differences are paired "
        "by image, positive where the first is better, with 95 % t-intervals over photographs and trainings. p: of the distance "
        "to the claim's least effect or margin, by sign flips of photographs and Student's t, Holm-corrected over all of them. "
        f"{_mixture(study)}"
    )
    return Grid(name, caption.rstrip(), ("comparison", "metric", "difference", "p", "verdict"), tuple(sections))


def _size(claim: Claim) -> str:
    """Sentence on the least effect that counts, or on the margin within which a method reaches another one."""
    name, sizes = ("Least effect", claim.least_effect) if claim.least_effect else ("Margin", claim.margin)
    texts = (f"{get_metric(metric).label} {size:g} {get_metric(metric).unit}".rstrip() for metric, size in sizes.items())
    return f"{name}: {', '.join(texts)}."


def _pair_row(study: Study, pair: PairVerdict) -> tuple[Entry, ...]:
    metric, cells = get_metric(pair.metric), _cells(study, pair.method, pair.other)
    return (
        Entry(f"{pair.method} − {pair.other}"),
        Entry(metric.label),
        estimate_entry(pair.difference, metric.digits + 1, cells, sign="+"),
        Entry("–") if pair.p is None else Entry(p_value(pair.p), cells=cells, value=pair.p),
        Entry(pair.verdict, pair.reason),
    )


def _cells(study: Study, *methods: str) -> tuple[str, ...]:
    return tuple(evidence.id for method in methods for evidence in study.methods.get(method, ()))
