"""The ablation of a method, for the reproduction notes: each variant beside the full model, from committed reference results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.catalog.methods import variants_of
from benchmarks.core.text import counted
from reports.chapters import Chapter
from reports.designed.contrasts import COLUMNS, compare
from reports.designed.verdict import shown, smallest, told
from reports.formats import to_markdown
from reports.grid import Entry, Grid, Section, metric_heading
from reports.studies import Study

RULES = (
    "Differences of a variant to the full model, trained with as many steps in all, with 95 % t-intervals over photographs and "
    "seeds. Told apart: p < 0.05 after Holm's correction over all comparisons of a table. A difference that is not told apart "
    "has its interval alone, and no mean: it is no effect. Taken seed by seed, for variants of a seed share trainings: the "
    "ablation tables of results.md take trainings as independent, correct over all pairs of rows, and so resolve less."
)


def ablation_block(method: str, sets: Mapping[str, Sequence[Chapter]]) -> str:
    """Markdown: a table for each set of reference results and data set that has variants of the method with test scores.

    Args:
        method: the full model.
        sets: chapters of each set of reference results.
    """
    parts: list[str] = []
    for name, chapters in sets.items():
        for study in (chapter.study for chapter in chapters):
            if study.split == "test" and study.results.get(method):
                parts += _table(method, name, study)
    return "\n\n".join([RULES, *parts] if parts else ["No reference results have variants."])


def _table(method: str, name: str, study: Study) -> Iterator[str]:
    """Paragraphs on one study; none if it has no variants of the method."""
    variants = [entry for entry in variants_of(method).values() if study.results.get(entry.name)]
    contrasts, least = compare(study, [(entry.name, method) for entry in variants])
    if not contrasts:
        return
    columns = [column for column in COLUMNS if column in least]
    rows = []
    for entry in variants:
        own = {contrast.column: contrast for contrast in contrasts if contrast.pair[0] == entry.name}
        texts = [shown(own[column]) if column in own else "–" for column in columns]
        rows.append((Entry(entry.name), Entry(entry.title), *map(Entry, texts), Entry(told(list(own.values())))))
    heads = (f"Δ{metric_heading(metric)} {protocol}" for protocol, metric in columns)
    seeds = ", ".join(map(str, sorted({seed for contrast in contrasts for seed in contrast.seeds})))
    photographs = counted(study.measurements.photographs, "photograph")
    caption = f"{study.title}, profile {study.profile}, set {name}: {photographs}, seeds {seeds}"
    yield to_markdown(
        Grid("ablation", caption, ("variant", "what it lacks", *heads, "told apart"), (Section("", tuple(rows)),))
    ).strip()
    yield f"{counted(len(contrasts), 'comparison')} corrected together. {smallest(least)}"
