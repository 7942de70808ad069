"""Result files to studies: the evaluations that may stand in one table."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.catalog.methods import every_method
from benchmarks.core.errors import UsageError
from benchmarks.results.files import read_result
from benchmarks.results.layout import MIRROR_NOTE, result_files
from benchmarks.results.record import COMPLETE, DIVERGED, EvaluationResult, Result

UNKNOWN = "unknown profile"  # of results from before they said it


@dataclass(frozen=True)
class Evidence:
    """A finished cell, complete or diverged: its result, its folder, the MLflow run that mirrors it (empty where none does)."""

    result: Result
    folder: Path | None
    mlflow: str

    @property
    def label(self) -> str:
        """The method's or the stage's name."""
        return self.result.cell.label

    @property
    def seed(self) -> int | None:
        """Of training; None where nothing was trained."""
        return self.result.cell.seed

    @property
    def id(self) -> str:
        """The cell's id."""
        return self.result.cell.id

    @property
    def evaluation(self) -> EvaluationResult:
        """The result of an evaluation cell. Raises TypeError for a training cell."""
        if not isinstance(self.result, EvaluationResult):
            raise TypeError(f"{self.label} ({self.id}) is no evaluation")
        return self.result

    @property
    def changes(self) -> tuple[str, ...]:
        """What was changed in the profile, as far as it can have counted."""
        return tuple(change for change in self.result.changes if self.seed is not None or not change.startswith("stages."))


@dataclass(frozen=True)
class Study:
    """Evaluations of one data set's test images, under one profile, of methods trained on one data set.

    Attributes:
        profile: whose name tables carry.
        dataset: that is tested on.
        trained_on: the data set that methods were trained on.
        methods: by method, in the registry's order, one complete evaluation per seed.
        left_out: evaluations that a later one, or one without changed settings, stands for.
        diverged: by method, those whose training came to nothing.
        distinct: what tells it from another study of the same names: other images or protocols.
    """

    profile: str
    dataset: str
    trained_on: str
    methods: Mapping[str, tuple[Evidence, ...]]
    left_out: tuple[Evidence, ...]
    diverged: Mapping[str, tuple[Evidence, ...]] = field(default_factory=dict)
    distinct: str = ""

    @property
    def results(self) -> dict[str, list[EvaluationResult]]:
        """Results of each method, one per seed."""
        return {method: [each.evaluation for each in evidence] for method, evidence in self.methods.items()}

    @property
    def name(self) -> str:
        """For files and headings."""
        trained = f"-trained-on-{self.trained_on}" if self.trained_on != self.dataset else ""
        distinct = f"-{self.distinct}" if self.distinct else ""
        return re.sub(r"[^A-Za-z0-9._-]+", "-", f"{self.profile}-{self.dataset}{trained}{distinct}")


def load_evidence(root: Path, directories: Collection[str] = ()) -> list[Evidence]:
    """Every finished cell of a results folder, in the order of ids.

    Args:
        root: the folder.
        directories: of the user's own images. No other folder is looked into, whatever a result file names.

    Raises:
        UsageError: there is none, or a file is corrupt.
    """
    paths = result_files(root)
    if not paths:
        raise UsageError(f"{root}: no results here: give the folder of a run, or run python -m benchmarks.run --all first")
    found = [
        Evidence(_without_strange_folder(read_result(path), directories), path.parent, _mlflow_run(path.with_name(MIRROR_NOTE)))
        for path in paths
    ]
    return sorted(found, key=lambda each: each.id)


def _without_strange_folder(result: Result, directories: Collection[str]) -> Result:
    """The result without the folder of a user's images, unless it is one of these."""
    if result.data.directory in directories:
        return result
    return replace(result, data=replace(result.data, directory=""))


def _mlflow_run(path: Path) -> str:
    """The mirror is only a mirror: what cannot be read is not there."""
    try:
        run_id = json.loads(path.read_text(encoding="utf-8"))["run_id"] if path.is_file() else ""
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
    return run_id if isinstance(run_id, str) and re.fullmatch(r"[\w-]{1,64}", run_id, re.ASCII) else ""


def make_studies(evidence: Iterable[Evidence]) -> list[Study]:
    """Sort evaluations into studies; their order is that of their names, whatever that of the evidence."""
    groups: dict[tuple[str, ...], list[Evidence]] = {}
    known = _known_methods()
    for each in (each for each in evidence if isinstance(each.result, EvaluationResult) and each.label in known):
        groups.setdefault(_images_of(each.evaluation), []).append(each)
    for group in groups.values():
        _refuse_other_images(group)
    studies = []
    for (profile, dataset, *_), group in groups.items():
        untrained = [each for each in group if not each.result.cell.needs]
        trained: dict[str, list[Evidence]] = {}
        for each in group:
            if each not in untrained:
                trained.setdefault(each.result.data.trained_on or dataset, []).append(each)
        for trained_on, methods in (trained or {dataset: []}).items():
            studies.append(_study(profile, dataset, trained_on, [*untrained, *methods]))
    return _distinct([study for study in studies if study.methods])


def _refuse_other_images(group: Iterable[Evidence]) -> None:
    """Raise UsageError where results say that they are of the same images and have scores of others."""
    first: tuple[Evidence, set[str]] | None = None
    for each in group:
        images = set(each.evaluation.images)
        if not images:
            continue
        first = first or (each, images)
        if images != first[1]:
            pair = f"{first[0].label} ({first[0].id}) and {each.label} ({each.id})"
            raise UsageError(f"results of {pair}: one data digest, but scores of other images: move the wrong one away")


def _distinct(studies: Sequence[Study]) -> list[Study]:
    """Sorted; where several have one name, each with the first digits of a hash of what it is about."""
    names = Counter(study.name for study in studies)
    told = [replace(study, distinct=_about(study)) if names[study.name] > 1 else study for study in studies]
    return sorted(told, key=lambda study: (study.profile, study.dataset, study.trained_on, study.distinct))


def _about(study: Study) -> str:
    result = next(iter(study.methods.values()))[0].evaluation
    return hashlib.sha256("".join(_images_of(result)).encode()).hexdigest()[:6]


def _images_of(result: EvaluationResult) -> tuple[str, ...]:
    """What two evaluations must share to be compared image by image: pixels and protocols."""
    protocols = json.dumps(result.settings.protocols, sort_keys=True)
    return (result.profile or UNKNOWN, result.cell.dataset, result.data.digest, protocols)


def _study(profile: str, dataset: str, trained_on: str, evidence: Iterable[Evidence]) -> Study:
    chosen: dict[tuple[str, int | None], Evidence] = {}
    left_out: list[Evidence] = []
    for each in sorted(evidence, key=_rank):
        place = (each.label, each.seed)
        if place in chosen:
            left_out.append(chosen[place])
        chosen[place] = each
    complete, diverged = (
        _by_method(each for each in chosen.values() if each.result.status == status) for status in (COMPLETE, DIVERGED)
    )
    return Study(profile, dataset, trained_on, complete, tuple(sorted(left_out, key=lambda each: each.id)), diverged)


def _by_method(evidence: Iterable[Evidence]) -> dict[str, tuple[Evidence, ...]]:
    """In the registry's order, and in that of seeds."""
    ordered = sorted(evidence, key=lambda each: each.seed or 0)
    found = {name: tuple(each for each in ordered if each.label == name) for name in _known_methods()}
    return {name: evaluations for name, evaluations in found.items() if evaluations}


def _rank(each: Evidence) -> tuple[bool, str, str]:
    """The last stands for all of its method and seed: unchanged settings before changed ones, then the latest."""
    return (not each.changes, each.result.finished_at, each.id)


def _known_methods() -> list[str]:
    return [method.name for method in every_method()]
