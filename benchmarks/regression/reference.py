"""Baselines of the regression gate: what a profile scored, image by image, where, and how far machines differ; as JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from benchmarks.core.errors import UsageError
from benchmarks.core.files import write_text
from benchmarks.core.strict import build, parse_json
from benchmarks.planning.cells import Cell
from benchmarks.results.files import read_result, to_json
from benchmarks.results.layout import result_files
from benchmarks.results.record import Environment, EvaluationResult, EvaluationSettings

SCHEMA: Literal[1] = 1
DIGITS = 6  # significant, of every score: far finer than any threshold
FOLDER = Path(__file__).parent / "reference_scores"

Number = float | Literal["inf", "-inf"]  # JSON has no infinity
Text = Annotated[str, Meta(min_length=1)]
Column = tuple[str, str]  # protocol, metric


@dataclass(frozen=True)
class ImageSet:
    """The digest of a data set's test split, and its images in the order of all scores."""

    digest: Text
    images: Annotated[tuple[str, ...], Meta(min_length=1)]


@dataclass(frozen=True)
class Entry:
    """What one evaluation cell scored.

    Attributes:
        method: its name.
        dataset: of the test images.
        seed: of training; None where nothing is trained.
        scores: by protocol and metric, one number per image.
        tolerance: by protocol and metric, the largest difference of means that was measured between machines; a column
            without one has not been measured elsewhere.
    """

    method: Text
    dataset: Text
    seed: int | None
    scores: dict[str, dict[str, tuple[Number, ...]]]
    tolerance: dict[str, dict[str, Annotated[float, Meta(ge=0)]]]

    @property
    def key(self) -> tuple[str, str, int | None]:
        """What it is the scores of."""
        return self.method, self.dataset, self.seed

    @property
    def title(self) -> str:
        """In words."""
        return f"{self.method} on {self.dataset}" + ("" if self.seed is None else f", seed {self.seed}")

    def columns(self) -> Iterator[tuple[Column, list[float]]]:
        """Its scores by protocol and metric, infinities as numbers."""
        for protocol, metrics in self.scores.items():
            for metric, values in metrics.items():
                yield (protocol, metric), list(map(float, values))

    def allowed(self, column: Column) -> float:
        """The measured tolerance; 0 where none was."""
        return self.tolerance.get(column[0], {}).get(column[1], 0.0)


@dataclass(frozen=True)
class Baseline:
    """Scores that later ones are held against, and all that makes them comparable.

    Attributes:
        schema: of the file.
        profile: whose cells were measured.
        reason: why it was made.
        date: the day, ISO 8601.
        commit: of the code; None outside a checkout.
        dirty: whether the work tree differed from it.
        environment: of the machine.
        protocols: versions by name.
        metrics: by name what computes it: target, options, digests of its weights.
        data: test splits by data set.
        entries: one per method, data set and seed.
    """

    schema: Literal[1]
    profile: Text
    reason: Text
    date: Text
    commit: str | None
    dirty: bool | None
    environment: Environment
    protocols: dict[str, int]
    metrics: dict[str, dict[str, Any]]
    data: dict[str, ImageSet]
    entries: Annotated[tuple[Entry, ...], Meta(min_length=1)]


def default_path(profile: str) -> Path:
    """Of a profile's committed baseline."""
    return FOLDER / f"{profile}.json"


def read_baseline(path: Path, profile: str) -> Baseline:
    """Read and check a baseline.

    Raises:
        UsageError: it is missing, unreadable, no such JSON, of another schema or profile, or contradicts itself.
    """
    mend = "restore it with git, or make it anew with --update --reason TEXT"
    try:
        data = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such baseline: make it with --update --reason TEXT") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"baseline {path}: cannot be read ({error}): {mend}") from error
    if not isinstance(data, dict):
        raise UsageError(f"baseline {path}: not a JSON object: {mend}")
    if data.get("schema") != SCHEMA:
        raise UsageError(f"baseline {path}: schema {data.get('schema')}, this version reads {SCHEMA}: {mend}")
    baseline = build(Baseline, data, f"baseline {path}")
    if baseline.profile != profile:
        raise UsageError(f"baseline {path}: of profile '{baseline.profile}', not '{profile}': give --profile {baseline.profile}")
    wrong = _contradiction(baseline)
    if wrong:
        raise UsageError(f"baseline {path}: {wrong}: {mend}")
    return baseline


def _contradiction(baseline: Baseline) -> str:
    """What does not fit together, or nothing."""
    keys = [entry.key for entry in baseline.entries]
    for entry in baseline.entries:
        if keys.count(entry.key) > 1:
            return f"{entry.title} is there twice"
        if entry.dataset not in baseline.data:
            return f"{entry.title}: data has no {entry.dataset}"
        if not any(entry.scores.values()):
            return f"{entry.title} has no scores"
        for (protocol, metric), values in entry.columns():
            images = len(baseline.data[entry.dataset].images)
            if protocol not in baseline.protocols or metric not in baseline.metrics:
                return f"{entry.title}: {protocol} {metric} is not among its protocols and metrics"
            if len(values) != images:
                return f"{entry.title}: {protocol} {metric} has {len(values)} scores for {images} images"
    return ""


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write a baseline, one line per column of scores, so that a diff shows which have moved."""
    text = to_json(asdict(baseline))
    write_text(path, re.sub(r"\[\n[^][{}]*\]", _in_one_line, text) + "\n")


def _in_one_line(found: re.Match[str]) -> str:
    return re.sub(r"\n\s*", " ", found[0]).replace("[ ", "[").replace(" ]", "]")


def rounded(value: float) -> float:
    """A score as baselines keep it."""
    return float(f"{value:.{DIGITS}g}")


def mean_of(values: Iterable[float]) -> float:
    """The mean; NaN where infinities of both signs are among the values."""
    numbers = list(values)
    return sum(numbers) / len(numbers)


def make_baseline(profile: str, reason: str, date: str, measured: Sequence[tuple[Cell, EvaluationResult]]) -> Baseline:
    """The baseline that finished evaluation cells make; without tolerances.

    Args:
        profile: its name.
        reason: why it is made.
        date: the day, ISO 8601.
        measured: cells with their results; at least one.
    """
    latest = max((result for _, result in measured), key=lambda result: result.finished_at)
    settings = measured[0][1].settings
    data = {cell.dataset: ImageSet(cell.data_digest, tuple(result.images)) for cell, result in measured}
    return Baseline(
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


def _entry(cell: Cell, result: EvaluationResult, images: Sequence[str]) -> Entry:
    scores: dict[str, dict[str, tuple[Number, ...]]] = {
        protocol: {metric: tuple(rounded(values[image]) for image in images) for metric, values in metrics.items()}
        for protocol, metrics in result.scores.items()
    }
    return Entry(cell.label, cell.dataset, cell.seed, scores, {})


def keep_tolerances(baseline: Baseline, old: Baseline) -> Baseline:
    """The baseline with the tolerances of an older one."""
    known = {entry.key: entry.tolerance for entry in old.entries}
    return replace(baseline, entries=tuple(replace(each, tolerance=known.get(each.key, {})) for each in baseline.entries))


def measure_tolerances(baseline: Baseline, folders: Sequence[Path]) -> Baseline:
    """The baseline with tolerances from runs of the same profile under other conditions; none becomes smaller.

    Args:
        baseline: what the runs are compared with.
        folders: workspaces, whose finished evaluations on the same test images count, whatever the settings of training.

    Raises:
        UsageError: a folder has no such evaluation.
    """
    found: dict[tuple[str, str, int | None], list[EvaluationResult]] = {}
    for folder in folders:
        results = [read_result(path) for path in result_files(folder, "evaluate")]
        same = [result for result in results if isinstance(result, EvaluationResult) and _comparable(baseline, result)]
        if not same:
            raise UsageError(
                f"--variation {folder}: no finished evaluation of profile '{baseline.profile}' there on the baseline's "
                "images, protocols and metrics"
            )
        for result in same:
            found.setdefault((result.cell.label, result.cell.dataset, result.cell.seed), []).append(result)
    return replace(baseline, entries=tuple(_tolerant(entry, found.get(entry.key, [])) for entry in baseline.entries))


def _comparable(baseline: Baseline, result: EvaluationResult) -> bool:
    test = baseline.data.get(result.cell.dataset)
    same_data = test is not None and test.digest == result.data.digest
    return (
        not result.has_diverged
        and result.profile == baseline.profile
        and same_data
        and result.settings.protocols == baseline.protocols
        and result.settings.metrics == baseline.metrics
    )


def _tolerant(entry: Entry, results: Sequence[EvaluationResult]) -> Entry:
    if not results:
        return entry
    tolerance: dict[str, dict[str, float]] = {}
    for (protocol, metric), values in entry.columns():
        scores = [found for result in results if (found := result.scores.get(protocol, {}).get(metric))]
        means = [mean_of(map(rounded, each.values())) for each in scores]
        off = [abs(mean - mean_of(values)) for mean in means]
        largest = max(entry.allowed((protocol, metric)), *filter(math.isfinite, off), 0.0)
        tolerance.setdefault(protocol, {})[metric] = float(f"{largest:.2g}")
    return replace(entry, tolerance=tolerance)


def mismatches(baseline: Baseline, cells: Sequence[Cell]) -> list[str]:
    """Why numbers of these cells must not be held against the baseline's: other protocols, metrics or data; in words."""
    found = dict[str, None]()
    for cell in cells:
        settings = cell.settings
        if not isinstance(settings, EvaluationSettings):
            continue
        for name, version in baseline.protocols.items():
            if settings.protocols.get(name) != version:
                now = settings.protocols.get(name)
                found[f"protocol {name}: baseline has version {version}, this run {now or 'does not have it'}"] = None
        for name, identity in baseline.metrics.items():
            if settings.metrics.get(name) != identity:
                found[f"metric {name}: {_difference(identity, settings.metrics.get(name))}"] = None
        test = baseline.data.get(cell.dataset)
        if test is not None and test.digest != cell.data_digest:
            found[f"data set {cell.dataset}: baseline has digest {test.digest[:12]}, this run {cell.data_digest[:12]}"] = None
    return list(found)


def _difference(old: Mapping[str, Any], new: Mapping[str, Any] | None) -> str:
    if new is None:
        return "this run does not have it"
    parts = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    names = {"weights": "weights", "target": "code that computes it"}
    return f"baseline has other {' and other '.join(names.get(part, f'option {part}') for part in parts)}"


def changes(old: Baseline, new: Baseline) -> list[str]:
    """What a new baseline changes: what makes numbers comparable, entries, means, tolerances; one line each."""
    lines = [
        f"{name}: {getattr(old, name)} -> {getattr(new, name)}"
        for name in ("protocols", "metrics")
        if getattr(old, name) != getattr(new, name)
    ]
    lines += [f"data set {name}: other images" for name in new.data if name in old.data and new.data[name] != old.data[name]]
    before, after = ({entry.key: entry for entry in each.entries} for each in (old, new))
    lines += [f"no longer there: {before[key].title}" for key in before if key not in after]
    for key, entry in after.items():
        lines += _changed_means(before[key], entry) if key in before else [f"new: {entry.title}"]
    lines = lines or ["no score has changed"]
    return lines + [line for key, entry in after.items() if key in before for line in _changed_tolerances(before[key], entry)]


def _changed_means(old: Entry, new: Entry) -> list[str]:
    before = dict(old.columns())
    lines = []
    for column, values in new.columns():
        if column not in before:
            lines.append(f"new: {new.title}: {' '.join(column)}")
        elif values != before[column]:
            was, now = mean_of(before[column]), mean_of(values)
            lines.append(f"{new.title}: {' '.join(column)} {was:.6g} -> {now:.6g} ({now - was:+.4g})")
    return lines


def _changed_tolerances(old: Entry, new: Entry) -> list[str]:
    return [
        f"{new.title}: {' '.join(column)} tolerance {old.allowed(column):.2g} -> {new.allowed(column):.2g}"
        for column, _ in new.columns()
        if new.allowed(column) != old.allowed(column)
    ]
