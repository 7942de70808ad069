"""Result files to studies: groups of evaluations that may stand in one table."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from benchmarks.api.entries import ScoredSplit, Split
from benchmarks.catalog.methods import is_method
from benchmarks.core.errors import UsageError
from benchmarks.data.titles import other_degradation, titled
from benchmarks.results.files import read_results
from benchmarks.results.layout import MIRROR_NOTE, result_files
from benchmarks.results.record import COMPLETE, DIVERGED, EvaluationResult, Result, TrainingResult, weights_digests
from reports.measurements import Measurements
from reports.tables import ELSEWHERE, in_order

LONGEST_NAME = 150  # characters
UNKNOWN = "unknown profile"  # of old results, whose files lack it
UNVERIFIED = "unverified: a result file without a digest of its content, in which a changed score is not noticed"


@dataclass(frozen=True)
class FinishedCell:
    """A finished cell, complete or diverged.

    Attributes:
        result: its result.
        folder: its folder; None if the result comes from MLflow.
        mlflow: id of the MLflow run that mirrors it; empty without one.
        place: folder of a user's own images, for its name alone.
        root: results folder that it is from, if several are merged.
        differs: results folders after that one in which the cell has another outcome.
    """

    result: Result
    folder: Path | None
    mlflow: str
    place: str = ""
    root: str = ""
    differs: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name of the method or stage."""
        return self.result.cell.label

    @property
    def seed(self) -> int | None:
        """Seed of the training; None if nothing was trained."""
        return self.result.cell.seed

    @property
    def id(self) -> str:
        """Id of the cell."""
        return self.result.cell.id

    @property
    def is_unverified(self) -> bool:
        """True for a result file without a digest of its content, of an earlier version or another tool."""
        return not self.result.content_digest and self.result.profile != ELSEWHERE

    @property
    def evaluation(self) -> EvaluationResult:
        """The result of an evaluation cell. Raises TypeError for a training cell."""
        if not isinstance(self.result, EvaluationResult):
            raise TypeError(f"{self.label} ({self.id}) is no evaluation")
        return self.result

    @property
    def degradation(self) -> str:
        """The degradation of the cell's images if it is not the profile's own; else empty."""
        return other_degradation(self.result.data.degradation, self.result.data.parameters, self.result.profile)

    @property
    def changes(self) -> tuple[str, ...]:
        """Changes to the profile. For untrained methods, changes to ``stages.*`` are left out: they have no effect."""
        return tuple(change for change in self.result.changes if self.seed is not None or not change.startswith("stages."))


@dataclass(frozen=True)
class Study:
    """Evaluations of one split of a data set, under one profile, of methods trained on one data set.

    Attributes:
        profile: name of the profile.
        dataset: data set of the scored images.
        trained_on: data set that methods were trained on.
        methods: for each method, in the order of tables, one complete evaluation a seed.
        left_out: evaluations replaced by a later evaluation, or by an evaluation with unchanged settings.
        diverged: for each method, evaluations whose training has diverged.
        split: images that are scored.
        training_origins: origin of the images that each method was trained on, as pairs of split and digest; the digest is empty
            where it is not known.
        steps: training steps in all that each method had, stages of other methods included; None if they are not known.
        distinct: a suffix that tells studies of the same names apart, which differ in images or protocols.
        mixed_code: for each method whose seeds were computed by different code, the parts and their codes as text.
        uncommitted: methods with an evaluation or a training that was computed with uncommitted changes of the code.
        place: folder of a user's own images.
        degradation: of the scored images, if it is not the profile's own.
        parts: number of parts of its path that tell it from the folders of other studies.
    """

    profile: str
    dataset: str
    trained_on: str
    methods: Mapping[str, tuple[FinishedCell, ...]]
    left_out: tuple[FinishedCell, ...]
    diverged: Mapping[str, tuple[FinishedCell, ...]] = field(default_factory=dict)
    split: ScoredSplit = "test"
    distinct: str = ""
    steps: Mapping[str, int | None] = field(default_factory=dict)
    training_origins: Mapping[str, Collection[tuple[str, str]]] = field(default_factory=dict)
    mixed_code: Mapping[str, str] = field(default_factory=dict)
    uncommitted: Collection[str] = ()
    place: str = ""
    degradation: str = ""
    parts: int = 1

    @property
    def is_of_run(self) -> bool:
        """False for SR images that were made elsewhere and scored alone."""
        return self.profile != ELSEWHERE

    @property
    def title(self) -> str:
        """Name of the data set, with the name of a user's own folder, and with a degradation that is not the profile's own."""
        return titled(self.dataset, self.place, self.degradation, parts=self.parts)

    def has_data_of(self, dataset: str, origin: Mapping[Split, str]) -> bool:
        """True if the scored images are those of a data set, under the profile's own degradation.

        Args:
            dataset: its name.
            origin: of its images, by split; without that of the scored split, the name decides alone.
        """
        if self.dataset != dataset or self.degradation:
            return False
        known = {result.data.origin.get(self.split, "") for results in self.results.values() for result in results}
        return self.split not in origin or known == {origin[self.split]}

    @property
    def results(self) -> dict[str, list[EvaluationResult]]:
        """Results of each method, one a seed."""
        return {method: [cell.evaluation for cell in evidence] for method, evidence in self.methods.items()}

    @cached_property
    def measurements(self) -> Measurements:
        """Scores of all methods as arrays."""
        return Measurements.of(self.results)

    @property
    def name(self) -> str:
        """Name for files, short enough for every file system."""
        trained = f"-trained-on-{self.trained_on}" if self.trained_on != self.dataset else ""
        validation = "-validation" if self.split == "validation" else ""
        degradation = f"-{self.degradation}" if self.degradation else ""
        distinct = f"-{self.distinct}" if self.distinct else ""
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{self.profile}-{self.dataset}{degradation}{validation}{trained}")
        return name[:LONGEST_NAME] + distinct


def load_evidence(
    root: Path, directories: Collection[str] = (), leave_out: Callable[[str], None] | None = None
) -> list[FinishedCell]:
    """Every finished cell of a results folder, in the order of ids.

    Args:
        root: the folder.
        directories: folders of the user's own images. No other folder is read, whatever a result file names.
        leave_out: called with a line for each corrupt result file. None: such a file is an error.

    Raises:
        UsageError: the folder has no results, or none that can be read, or a file is corrupt and ``leave_out`` is None.
    """
    paths = result_files(root)
    if not paths:
        raise UsageError(f"{root}: no results here: give the folder of a run, or run python -m benchmarks.run --all first")
    evidence = [
        FinishedCell(
            _without_strange_folder(result, directories),
            path.parent,
            _mlflow_run(path.with_name(MIRROR_NOTE)),
            result.data.place,
        )
        for path, result in read_results(paths, leave_out)
    ]
    return sorted(evidence, key=lambda cell: cell.id)


def without_replaced_weights(evidence: Sequence[FinishedCell]) -> tuple[list[FinishedCell], list[str]]:
    """Finished cells but evaluations whose trainings were computed again with other weights, and a line for each of those."""
    digests = weights_digests(cell.result for cell in evidence)
    kept, lines = list[FinishedCell](), list[str]()
    for cell in evidence:
        stages = cell.result.replaced_weights(digests) if isinstance(cell.result, EvaluationResult) else []
        if stages:
            seed = "" if cell.seed is None else f", seed {cell.seed}"
            why = f"{', '.join(stages)} has other weights now than those that were scored"
            where = titled(cell.result.cell.dataset, cell.place, cell.degradation)
            lines.append(f"evaluate {cell.label} on {where}{seed}: {why}: it is left out: run it again")
        else:
            kept.append(cell)
    return kept, lines


def _without_strange_folder(result: Result, directories: Collection[str]) -> Result:
    """The result without the folder of a user's images, unless the folder is among ``directories``."""
    if result.data.directory in directories:
        return result
    return replace(result, data=replace(result.data, directory=""))


def _mlflow_run(path: Path) -> str:
    """Run id in a note about the mirror; empty if the note is missing or broken."""
    try:
        run_id = json.loads(path.read_text(encoding="utf-8"))["run_id"] if path.is_file() else ""
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
    return run_id if isinstance(run_id, str) and re.fullmatch(r"[\w-]{1,64}", run_id, re.ASCII) else ""


def make_studies(evidence: Iterable[FinishedCell]) -> list[Study]:
    """Sort evaluations into studies, ordered by name, whatever the order of the evidence."""
    evidence = list(evidence)
    steps = {cell.id: cell.result.settings.steps for cell in evidence if isinstance(cell.result, TrainingResult)}
    origins = {cell.id: cell.result.data.origin for cell in evidence if isinstance(cell.result, TrainingResult)}
    codes = {cell.id: cell.result.cell.code for cell in evidence}
    groups: dict[tuple[str, ...], list[FinishedCell]] = {}
    evaluations = [cell for cell in evidence if isinstance(cell.result, EvaluationResult)]
    for cell in (cell for cell in evaluations if is_method(cell.label) or cell.evaluation.is_own):
        groups.setdefault(_images_of(cell.evaluation), []).append(cell)
    for group in groups.values():
        refuse_other_images(group)
    studies = []
    for (profile, dataset, *_), group in groups.items():
        split = group[0].evaluation.settings.split
        untrained = [cell for cell in group if not cell.result.cell.needs]
        trained: dict[str, list[FinishedCell]] = {}
        for cell in group:
            if cell not in untrained:
                trained.setdefault(cell.result.data.trained_on or dataset, []).append(cell)
        for trained_on, methods in (trained or {dataset: []}).items():
            studies.append(replace(_study(profile, dataset, trained_on, [*untrained, *methods]), split=split))
    uncommitted = {cell.id for cell in evidence if cell.result.git.dirty}
    studies = [
        replace(
            study,
            steps=_steps(study, steps),
            training_origins=_training_origins(study, origins),
            mixed_code=_mixed_code(study, codes),
            uncommitted=[method for method, own in study.methods.items() if uncommitted & _cells_behind(own)],
        )
        for study in studies
        if study.methods
    ]
    return _distinct(studies)


def _steps(study: Study, by_cell: Mapping[str, int | None]) -> dict[str, int | None]:
    """Training steps of each method of a study, from those of its training cells."""
    totals: dict[str, int | None] = {}
    for method, evidence in study.methods.items():
        seeds = [[by_cell.get(needed) for needed in cell.result.cell.needs.values()] for cell in evidence]
        sums = {sum(numbers) for steps in seeds if len(numbers := [n for n in steps if n is not None]) == len(steps)}
        totals[method] = sums.pop() if len(sums) == 1 and all(None not in steps for steps in seeds) else None
    return totals


def _training_origins(study: Study, by_cell: Mapping[str, Mapping[str, str]]) -> dict[str, set[tuple[str, str]]]:
    """Split and digest of the images that each method of a study was trained on; of a training without them, empty texts."""
    return {
        method: {
            pair
            for cell in evidence
            for needed in cell.result.cell.needs.values()
            for pair in (by_cell.get(needed) or {"": ""}).items()
        }
        for method, evidence in study.methods.items()
    }


def _mixed_code(study: Study, by_cell: Mapping[str, str]) -> dict[str, str]:
    """Methods whose seeds have evaluations, or trainings of a stage, of different code: parts with the digests of their code."""
    mixed = {}
    for method, evidence in study.methods.items():
        parts: dict[str, set[str]] = {}
        for cell in evidence:
            for part, needed in (("evaluation", cell.id), *cell.result.cell.needs.items()):
                parts.setdefault(part, set()).add(by_cell.get(needed, ""))
        differing = {part: sorted(" ".join(code.split()[1:]) or code for code in codes - {""}) for part, codes in parts.items()}
        mixed[method] = ", ".join(f"{part} {' / '.join(codes)}" for part, codes in differing.items() if len(codes) > 1)
    return {method: text for method, text in mixed.items() if text}


def _cells_behind(evaluations: Iterable[FinishedCell]) -> set[str]:
    """Ids of evaluations and of the trainings that they need."""
    return {name for cell in evaluations for name in (cell.id, *cell.result.cell.needs.values())}


def refuse_other_images(group: Iterable[FinishedCell]) -> None:
    """Raise UsageError if results have one data digest but scores of different images."""
    first: tuple[FinishedCell, set[str]] | None = None
    for cell in group:
        images = set(cell.evaluation.images)
        if not images:
            continue
        first = first or (cell, images)
        if images != first[1]:
            pair = f"{first[0].label} ({first[0].id}) and {cell.label} ({cell.id})"
            raise UsageError(f"results of {pair}: one data digest, but scores of other images: move the wrong one away")


def _distinct(studies: Sequence[Study]) -> list[Study]:
    """Studies in order; studies of one name get the first digits of a hash of their images and protocols as a suffix."""
    names = Counter(study.name for study in studies)
    named = [replace(study, distinct=_digest(study)) if names[study.name] > 1 else study for study in studies]
    places = {study.place for study in named if study.place}
    parts = next((n for n in range(1, 9) if len({titled("", place, parts=n) for place in places}) == len(places)), 9)
    named = [replace(study, parts=parts) for study in named]
    return sorted(named, key=_order)


def _order(study: Study) -> tuple[str, ...]:
    """Sort key of chapters."""
    return (study.profile, study.dataset, study.degradation, study.split, study.trained_on, study.distinct)


def _digest(study: Study) -> str:
    result = next(iter(study.methods.values()))[0].evaluation
    return hashlib.sha256("".join(_images_of(result)).encode()).hexdigest()[:6]


def _images_of(result: EvaluationResult) -> tuple[str, ...]:
    """Pixels and protocols of an evaluation, which must be equal for a comparison image by image."""
    protocols = json.dumps(result.settings.protocols, sort_keys=True)
    return (result.profile or UNKNOWN, result.cell.dataset, result.settings.split, result.data.digest, protocols)


def _study(profile: str, dataset: str, trained_on: str, evidence: Iterable[FinishedCell]) -> Study:
    """A study with one evaluation for each method and seed: the last by ``_rank``."""
    chosen: dict[tuple[str, int | None], FinishedCell] = {}
    left_out: list[FinishedCell] = []
    for cell in sorted(evidence, key=_rank):
        key = (cell.label, cell.seed)
        if key in chosen:
            left_out.append(chosen[key])
        chosen[key] = cell
    complete, diverged = (
        _by_method(cell for cell in chosen.values() if cell.result.status == status) for status in (COMPLETE, DIVERGED)
    )
    place = max((cell.place for cell in chosen.values()), default="")
    degradation = next((cell.degradation for cell in chosen.values()), "")
    left_out.sort(key=lambda cell: cell.id)
    return Study(profile, dataset, trained_on, complete, tuple(left_out), diverged, place=place, degradation=degradation)


def _by_method(evidence: Iterable[FinishedCell]) -> dict[str, tuple[FinishedCell, ...]]:
    """Evaluations by method, in the order of methods and seeds."""
    ordered = sorted(evidence, key=lambda cell: cell.seed or 0)
    names = in_order({cell.label for cell in ordered})
    return {name: tuple(cell for cell in ordered if cell.label == name) for name in names}


def _rank(cell: FinishedCell) -> tuple[bool, str, str]:
    """Sort key: changed settings before unchanged ones, then by time."""
    return (not cell.changes, cell.result.finished_at, cell.id)
