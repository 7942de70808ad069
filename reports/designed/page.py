"""The page of a designed study: question, verdict, figure and tables for each data set that its results are of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.catalog.methods import get_method, read_study
from benchmarks.catalog.studies import DesignedStudy
from benchmarks.core.blocks import END, begin
from benchmarks.core.text import counted
from reports.designed.contrasts import Contrasts, Pair, curve_pairs, make_contrasts
from reports.designed.curves import describe_curves
from reports.designed.verdict import decimals, shown, smallest, told, verdict
from reports.findings import origin
from reports.formats import to_markdown
from reports.grid import Entry, Grid, Section, estimate_entry, metric_heading
from reports.measurements import Measurements
from reports.studies import load_evidence, make_studies, without_replaced_weights

RULES = (
    "Intervals are 95 % t-intervals over photographs and seeds. Trainings of a seed continue from one EDSR and one inner stage: "
    "differences are taken seed by seed. Two configurations are told apart at p < 0.05 after Holm's correction over all "
    "comparisons of the study: every configuration beside `{start}`, and the curves beside each other, under each metric "
    "([intervals.md](intervals.md)). A difference that is not told apart has its interval alone, and no mean: it is no effect. "
    "Validation images alone: no result of a frozen profile, and no setting was changed by them."
)
AGAIN = (
    "`python -m benchmarks.run --study {method}` computes all of it, and goes on where it was stopped; `--datasets bsds500` "
    "takes 20 validation photographs in place of the 4 of `demo-photos`. How hard each loss term pulls, and in which direction, "
    "which is the why: [gradients.md](gradients.md)."
)
CAPTION = "Differences to no joint step, with 95 % intervals over photographs and seeds. A filled mark is told from it."
NOTHING = (
    "**Verdict.** No result files are committed: nothing can be told. "
    "`python -m reports.reference_results --add runs --study {method}` writes those of a run here."
)


def load_contrasts(design: DesignedStudy, folder: Path) -> list[Contrasts]:
    """Comparisons on each data set that a folder has validation results of; none if it has no results."""
    if not folder.is_dir():
        return []
    studies = make_studies(without_replaced_weights(load_evidence(folder))[0])
    return [
        make_contrasts(design, study)
        for study in studies
        if study.split == "validation" and study.methods.keys() & set(design.tried)
    ]


def page(method: str, design: DesignedStudy, every: Sequence[Contrasts], command: str) -> str:
    """Markdown of a study's page.

    Args:
        method: whose study it is.
        design: question and configurations.
        every: comparisons, by data set.
        command: writes the page.
    """
    parts = [f"# {design.title}", begin(command), f"**Question.** {design.question}", _design(method, design)]
    parts.append(AGAIN.format(method=method))
    if not every:
        parts.append(NOTHING.format(method=method))
    for contrasts in every:
        parts += _section(design, contrasts)
    if every:
        parts.append(RULES.format(start=design.start))
    return "\n\n".join([*(part.rstrip("\n") for part in parts), END]) + "\n"


def figures(every: Sequence[Contrasts]) -> dict[str, Contrasts]:
    """Comparisons that have a figure, by its path beside the page."""
    return {_file(contrasts): contrasts for contrasts in every if describe_curves(contrasts)}


def _file(contrasts: Contrasts) -> str:
    return f"{contrasts.design.page}/{contrasts.study.name}.svg"


def _design(method: str, design: DesignedStudy) -> str:
    """The configurations, and what is the same in all of them."""
    seeds = ", ".join(map(str, design.seeds))
    count = f"{counted(len(design.tried), 'configuration')} are tried, all of which are named here; seeds {seeds}"
    path = read_study(get_method(method))[0].name
    lines = [f"**Design**, written before any score (`{method}/{path}`): {count}. Two curves:", ""]
    for curve, names in design.curves.items():
        lines.append(f"- {curve}: {', '.join(f'`{name}`' for name in names)}")
    lines += ["", "One setting at a time, around the full model:", ""]
    for factor, names in design.factors.items():
        lines.append(f"- {factor}: {'; '.join(f'`{name}`, {get_method(name).title}' for name in names)}")
    return "\n".join(lines)


def _section(design: DesignedStudy, contrasts: Contrasts) -> Iterator[str]:
    """Paragraphs on one data set."""
    study = contrasts.study
    yield f"## {study.title}, profile {study.profile}"
    counts = f"{counted(len(contrasts.all), 'comparison')} corrected together"
    done = [name for name in design.tried if name in study.methods]
    photographs = counted(study.measurements.photographs, "validation photograph")
    changes = dict.fromkeys(change for own in study.methods.values() for cell in own for change in cell.changes)
    changed = f", changed by {' '.join(f'`--set {change}`' for change in changes)}" if changes else ""
    scored = f"{len(done)} of {counted(len(design.tried), 'configuration')} scored"
    yield f"**Verdict.** {verdict(contrasts)} ({photographs}{changed}; {scored}, {counts}; no result of a frozen profile.)"
    if contrasts.least and not contrasts.obstacle:
        yield smallest(contrasts.least)
    if alt := describe_curves(contrasts):
        yield f"![{alt}]({_file(contrasts)})"
        yield CAPTION
    yield to_markdown(_levels(contrasts))
    yield to_markdown(_table("beside", f"Differences to {design.start}", _start_rows(contrasts), contrasts))
    between = f"Curves beside each other: {' less '.join(design.curves)}"
    yield to_markdown(_table("curves", between, {"": curve_pairs(design)}, contrasts))
    yield origin(study)


def _levels(contrasts: Contrasts) -> Grid:
    """Scores of the methods besides and of the configuration that the others are compared with."""
    names = [name for name in (*contrasts.design.beside, contrasts.design.start) if name in contrasts.study.methods]
    measurements = Measurements.of({name: contrasts.study.results[name] for name in names})
    rows = []
    for name in names:
        scores = {column: measurements.columns(name).get(column) for column in contrasts.columns}
        entries = [
            Entry("–") if own is None else estimate_entry(measurements.estimate(own, column), decimals(column), ())
            for column, own in scores.items()
        ]
        rows.append((Entry(name), *entries))
    headers = ("method", *(f"{metric_heading(metric)} {protocol}" for protocol, metric in contrasts.columns))
    return Grid("levels", "Before the joint stage: means and intervals", headers, (Section("", tuple(rows)),))


def _start_rows(contrasts: Contrasts) -> Mapping[str, Sequence[Pair]]:
    """Pairs with the start, by curve and factor."""
    start, groups = contrasts.design.start, {**contrasts.design.curves, **contrasts.design.factors}
    return {heading: [(name, start) for name in names if name != start] for heading, names in groups.items()}


def _table(name: str, caption: str, rows: Mapping[str, Sequence[Pair]], contrasts: Contrasts) -> Grid:
    """Differences of pairs under every metric."""
    sections = [Section(heading, tuple(_row(pair, contrasts) for pair in pairs)) for heading, pairs in rows.items()]
    heads = (f"Δ{metric_heading(metric)} {protocol}" for protocol, metric in contrasts.columns)
    return Grid(name, caption, ("configuration", "steps", *heads, "told apart"), tuple(sections))


def _row(pair: Pair, contrasts: Contrasts) -> tuple[Entry, ...]:
    """Name, joint steps, differences, and the metrics in which the pair is told apart."""
    found = {column: contrasts.find(pair, column) for column in contrasts.columns}
    steps = contrasts.joint_steps(pair[0])
    name = f"{pair[0]}{_note(pair[0], contrasts)}"
    entries = [Entry(shown(own) if own else "–") for own in found.values()]
    return (Entry(name), Entry("–" if steps is None else str(steps)), *entries, Entry(told([*filter(None, found.values())])))


def _note(name: str, contrasts: Contrasts) -> str:
    """Seeds whose trainings have diverged, or that there are no scores."""
    if diverged := contrasts.study.diverged.get(name):
        return f" (seed {', '.join(str(cell.seed) for cell in diverged)} diverged)"
    return "" if name in contrasts.study.methods else " (not scored)"
