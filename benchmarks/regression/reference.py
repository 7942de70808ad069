"""Reference scores of the regression gate: a JSON file with a profile's scores of every image, and their conditions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from benchmarks.core.errors import UsageError
from benchmarks.core.files import write_text
from benchmarks.core.strict import build, parse_json
from benchmarks.core.text import counted
from benchmarks.planning.cells import Cell
from benchmarks.results.files import to_json
from benchmarks.results.record import Environment, EvaluationResult, EvaluationSettings

SCHEMA: Literal[1] = 1
DIGITS = 6  # significant digits of every score: far finer than any threshold
FOLDER = Path(__file__).parent / "reference_scores"

Number = float | Literal["inf", "-inf"]  # JSON has no infinity
Text = Annotated[str, Meta(min_length=1)]
Column = tuple[str, str]  # protocol, metric
EntryKey = tuple[str, str, int | None]  # method, data set, training seed
Measured = Mapping[EntryKey, EvaluationResult | str]  # a result, or the reason why there is none


@dataclass(frozen=True)
class ReferenceImages:
    """The digest of a data set's test split, and the names of its images in the order of all scores."""

    digest: Text
    images: Annotated[tuple[str, ...], Meta(min_length=1)]


@dataclass(frozen=True)
class ReferenceScores:
    """Scores of one evaluation cell.

    Attributes:
        method: name of the method.
        dataset: name of the data set with the test images.
        seed: of training; None if the method is not trained.
        scores: one number per image, by protocol and metric.
        tolerance: by protocol and metric, the largest difference of means that was measured between machines. A column
            without a tolerance has not been measured on another machine.
        cell: id of the cell, if it was computed on a CPU, where the same cell gives the same scores; empty if it was computed
            on a GPU, and in files of earlier versions.
    """

    method: Text
    dataset: Text
    seed: int | None
    scores: dict[str, dict[str, tuple[Number, ...]]]
    tolerance: dict[str, dict[str, Annotated[float, Meta(ge=0)]]]
    cell: str = ""

    @property
    def key(self) -> EntryKey:
        """Method, data set and training seed."""
        return self.method, self.dataset, self.seed

    @property
    def title(self) -> str:
        """Method, data set and training seed in words."""
        return f"{self.method} on {self.dataset}" + ("" if self.seed is None else f", seed {self.seed}")

    def columns(self) -> Iterator[tuple[Column, list[float]]]:
        """Scores by protocol and metric, with infinities as numbers."""
        for protocol, metrics in self.scores.items():
            for metric, values in metrics.items():
                yield (protocol, metric), list(map(float, values))

    def allowed(self, column: Column) -> float:
        """The measured tolerance of a column; 0 if it was not measured."""
        return self.tolerance.get(column[0], {}).get(column[1], 0.0)


@dataclass(frozen=True)
class Reference:
    """Reference scores of a profile, with all conditions under which other scores are comparable.

    Attributes:
        schema: of the file.
        profile: name of the profile.
        reason: why the reference was made.
        date: the day it was made, ISO 8601.
        commit: of the code; None outside a checkout.
        dirty: True if the work tree differed from the commit.
        environment: machine and versions of packages.
        protocols: versions by name.
        metrics: by name, the metric's code, options and digests of weights.
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
    data: dict[str, ReferenceImages]
    entries: Annotated[tuple[ReferenceScores, ...], Meta(min_length=1)]


def default_path(profile: str) -> Path:
    """Path of a profile's committed reference."""
    return FOLDER / f"{profile}.json"


def read_reference(path: Path, profile: str) -> Reference:
    """Read and check a reference.

    Raises:
        UsageError: the file is missing, unreadable, malformed, of another schema or profile, or contradicts itself.
    """
    mend = "restore it with git, or make it anew with --update --reason TEXT"
    try:
        data = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such reference: make it with --update --reason TEXT") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"reference {path}: cannot be read ({error}): {mend}") from error
    if not isinstance(data, dict):
        raise UsageError(f"reference {path}: not a JSON object: {mend}")
    if data.get("schema") != SCHEMA:
        raise UsageError(f"reference {path}: schema {data.get('schema')}, this version reads {SCHEMA}: {mend}")
    reference = build(Reference, data, f"reference {path}")
    if reference.profile != profile:
        own = reference.profile
        raise UsageError(f"reference {path}: of profile '{own}', not '{profile}': give --profile {own}")
    if contradiction := _contradiction(reference):
        raise UsageError(f"reference {path}: {contradiction}: {mend}")
    return reference


def _contradiction(reference: Reference) -> str:
    """The first contradiction between fields, in words; empty if there is none."""
    keys = [entry.key for entry in reference.entries]
    for entry in reference.entries:
        if keys.count(entry.key) > 1:
            return f"{entry.title} is repeated"
        if entry.dataset not in reference.data:
            return f"{entry.title}: data has no {entry.dataset}"
        if not any(entry.scores.values()):
            return f"{entry.title} has no scores"
        for (protocol, metric), values in entry.columns():
            images = len(reference.data[entry.dataset].images)
            if protocol not in reference.protocols or metric not in reference.metrics:
                return f"{entry.title}: {protocol} {metric} is not among its protocols and metrics"
            if len(values) != images:
                return f"{entry.title}: {protocol} {metric} has {counted(len(values), 'score')} for {counted(images, 'image')}"
    return ""


def write_reference(path: Path, reference: Reference) -> None:
    """Write a reference with one line per column of scores, so that a diff shows the changed columns."""
    text = to_json(asdict(reference))
    write_text(path, re.sub(r"\[\n[^][{}]*\]", _in_one_line, text) + "\n")


def _in_one_line(match: re.Match[str]) -> str:
    return re.sub(r"\n\s*", " ", match[0]).replace("[ ", "[").replace(" ]", "]")


def rounded(value: float) -> float:
    """A score as references keep it, with ``DIGITS`` significant digits."""
    return float(f"{value:.{DIGITS}g}")


def mean_of(values: Iterable[float]) -> float:
    """The mean; NaN if infinities of both signs are among the values."""
    numbers = list(values)
    return sum(numbers) / len(numbers)


def mismatches(reference: Reference, cells: Sequence[Cell]) -> list[str]:
    """Reasons why scores of these cells are not comparable with the reference: other protocols, metrics or data."""
    lines = dict[str, None]()
    for cell in cells:
        settings = cell.settings
        if not isinstance(settings, EvaluationSettings):
            continue
        for name, version in reference.protocols.items():
            if settings.protocols.get(name) != version:
                now = settings.protocols.get(name)
                lines[f"protocol {name}: reference has version {version}, this run {now or 'does not have it'}"] = None
        for name, identity in reference.metrics.items():
            if settings.metrics.get(name) != identity:
                lines[f"metric {name}: {_difference(identity, settings.metrics.get(name))}"] = None
        test = reference.data.get(cell.dataset)
        if test is not None and test.digest != cell.data_digest:
            lines[f"data set {cell.dataset}: reference has digest {test.digest[:12]}, this run {cell.data_digest[:12]}"] = None
    return list(lines)


def _difference(old: Mapping[str, Any], new: Mapping[str, Any] | None) -> str:
    if new is None:
        return "this run does not have it"
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    names = {"weights": "weights", "target": "code that computes it"}
    return f"reference has other {' and other '.join(names.get(key, f'option {key}') for key in keys)}"
