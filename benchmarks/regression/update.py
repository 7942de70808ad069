"""New reference scores from finished evaluations, and tolerances from runs under other conditions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.core.errors import UsageError
from benchmarks.planning.cells import Cell
from benchmarks.regression.reference import (
    SCHEMA,
    EntryKey,
    Number,
    Reference,
    ReferenceImages,
    ReferenceScores,
    mean_of,
    rounded,
)
from benchmarks.results.files import read_result
from benchmarks.results.layout import result_files
from benchmarks.results.record import EvaluationResult


def make_reference(profile: str, reason: str, date: str, measured: Sequence[tuple[Cell, EvaluationResult]]) -> Reference:
    """Make a reference, without tolerances, from finished evaluation cells.

    Args:
        profile: name of the profile.
        reason: why the reference is made.
        date: the day, ISO 8601.
        measured: cells with their results; at least one.
    """
    latest = max((result for _, result in measured), key=lambda result: result.finished_at)
    settings = measured[0][1].settings
    data = {cell.dataset: ReferenceImages(cell.data_digest, tuple(result.images)) for cell, result in measured}
    return Reference(
        schema=SCHEMA,
        profile=profile,
        reason=reason,
        date=date,
        commit=latest.git.commit,
        dirty=latest.git.dirty,
        environment=replace(latest.environment, host=""),
        protocols=dict(settings.protocols),
        metrics=dict(settings.metrics),
        data=data,
        entries=tuple(_entry(cell, result, data[cell.dataset].images) for cell, result in measured),
    )


def _entry(cell: Cell, result: EvaluationResult, images: Sequence[str]) -> ReferenceScores:
    scores: dict[str, dict[str, tuple[Number, ...]]] = {
        protocol: {metric: tuple(rounded(values[image]) for image in images) for metric, values in metrics.items()}
        for protocol, metrics in result.scores.items()
    }
    return ReferenceScores(
        cell.label, cell.dataset, cell.seed, scores, tolerance={}, cell=cell.id if result.device == "cpu" else ""
    )


def keep_tolerances(reference: Reference, old: Reference) -> Reference:
    """The reference with the tolerances of an older one."""
    tolerances = {entry.key: entry.tolerance for entry in old.entries}
    entries = tuple(replace(entry, tolerance=tolerances.get(entry.key, {})) for entry in reference.entries)
    return replace(reference, entries=entries)


def measure_tolerances(reference: Reference, folders: Sequence[Path]) -> Reference:
    """The reference with tolerances from runs of the same profile under other conditions; no tolerance becomes smaller.

    Args:
        reference: the scores that the runs are compared with.
        folders: results folders of the runs. Their finished evaluations on the reference's images count, whatever the settings
            of training.

    Raises:
        UsageError: a folder has no such evaluation.
    """
    varied: dict[EntryKey, list[EvaluationResult]] = {}
    for folder in folders:
        results = [read_result(path) for path in result_files(folder, "evaluate")]
        comparable = [result for result in results if isinstance(result, EvaluationResult) and _is_comparable(reference, result)]
        if not comparable:
            raise UsageError(
                f"--variation {folder}: no finished evaluation of profile '{reference.profile}' there on the reference's "
                "images, protocols and metrics"
            )
        for result in comparable:
            varied.setdefault((result.cell.label, result.cell.dataset, result.cell.seed), []).append(result)
    return replace(reference, entries=tuple(_with_tolerance(entry, varied.get(entry.key, [])) for entry in reference.entries))


def _is_comparable(reference: Reference, result: EvaluationResult) -> bool:
    test = reference.data.get(result.cell.dataset)
    same_data = test is not None and test.digest == result.data.digest
    return (
        not result.has_diverged
        and result.profile == reference.profile
        and same_data
        and result.settings.protocols == reference.protocols
        and result.settings.metrics == reference.metrics
    )


def _with_tolerance(entry: ReferenceScores, results: Sequence[EvaluationResult]) -> ReferenceScores:
    if not results:
        return entry
    tolerance: dict[str, dict[str, float]] = {}
    for (protocol, metric), values in entry.columns():
        columns = [column for result in results if (column := result.scores.get(protocol, {}).get(metric))]
        means = [mean_of(map(rounded, column.values())) for column in columns]
        differences = [abs(mean - mean_of(values)) for mean in means]
        largest = max(entry.allowed((protocol, metric)), *filter(math.isfinite, differences), 0.0)
        tolerance.setdefault(protocol, {})[metric] = float(f"{largest:.2g}")
    return replace(entry, tolerance=tolerance)


def changes(old: Reference, new: Reference) -> list[str]:
    """Changes of a reference, one line each: conditions of comparability, entries, means, tolerances."""
    lines = [
        f"{name}: {getattr(old, name)} -> {getattr(new, name)}"
        for name in ("protocols", "metrics")
        if getattr(old, name) != getattr(new, name)
    ]
    lines += [f"data set {name}: other images" for name in new.data if name in old.data and new.data[name] != old.data[name]]
    before, after = ({entry.key: entry for entry in reference.entries} for reference in (old, new))
    lines += [f"no longer there: {before[key].title}" for key in before if key not in after]
    for key, entry in after.items():
        lines += _changed_means(before[key], entry) if key in before else [f"new: {entry.title}"]
    lines = lines or ["no score has changed"]
    return lines + [line for key, entry in after.items() if key in before for line in _changed_tolerances(before[key], entry)]


def _changed_means(old: ReferenceScores, new: ReferenceScores) -> list[str]:
    before = dict(old.columns())
    lines = []
    for column, values in new.columns():
        if column not in before:
            lines.append(f"new: {new.title}: {' '.join(column)}")
        elif values != before[column]:
            was, now = mean_of(before[column]), mean_of(values)
            lines.append(f"{new.title}: {' '.join(column)} {was:.6g} -> {now:.6g} ({now - was:+.4g})")
    return lines


def _changed_tolerances(old: ReferenceScores, new: ReferenceScores) -> list[str]:
    return [
        f"{new.title}: {' '.join(column)} tolerance {old.allowed(column):.2g} -> {new.allowed(column):.2g}"
        for column, _ in new.columns()
        if new.allowed(column) != old.allowed(column)
    ]
