"""The plan: cells of a run, in an order that respects their needs.

No torch here: planning, ``--list`` and ``--dry-run`` answer at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from benchmarks.api.entries import MethodEntry, ScoredSplit
from benchmarks.catalog.methods import get_method, get_stage
from benchmarks.catalog.metrics import get_metric
from benchmarks.catalog.profiles import Profile, changed
from benchmarks.catalog.protocols import get_protocol
from benchmarks.core.errors import UsageError
from benchmarks.data.acquisition.weights import card_digest, file_digest
from benchmarks.data.cards import NOTHING_APART, Apart, DatasetCard, load_dataset_card
from benchmarks.data.dataset import Dataset
from benchmarks.degradations.operator import Degradation, label
from benchmarks.planning.cells import Cell, StageSettings
from benchmarks.planning.frozen import why_data_are_exploratory, why_exploratory
from benchmarks.planning.identity import evaluation_code, training_code
from benchmarks.planning.sanity import sanity_settings
from benchmarks.planning.variants import varied
from benchmarks.results.record import NO_REFERENCE, EvaluationSettings


@dataclass(frozen=True)
class Selection:
    """Data and seeds of a run; arguments of ``make_plan``, where None stands for the profile's."""

    datasets: Sequence[str] | None = None
    seeds: Sequence[int] | None = None
    train_on: str | None = None
    data_dir: Path | None = None
    apart: Apart = NOTHING_APART
    split: ScoredSplit = "test"
    also_degraded: Sequence[str] = ()

    def plan(self, profile: Profile, methods: Sequence[str] | None) -> list[Cell]:
        """The cells of methods; see ``make_plan``."""
        data = (self.datasets, self.seeds, self.train_on, self.data_dir, self.apart)
        return make_plan(profile, methods, *data, split=self.split, also_degraded=self.also_degraded)

    def training_cards(self, profile: Profile) -> list[DatasetCard]:
        """Cards of the data sets that methods are trained on, one for each data set that is scored."""
        names = self.datasets or profile.datasets
        return [_cards(profile, name, self.train_on, self.data_dir, self.apart)[1] for name in names]

    def unsuited(self, profile: Profile, methods: Sequence[str] | None) -> list[str]:
        """Sentences on methods that the data do not suit; see ``unsuited``."""
        return unsuited(profile, methods, self.datasets, self.train_on, self.data_dir, self.apart)


def make_plan(
    profile: Profile,
    methods: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    train_on: str | None = None,
    data_dir: Path | None = None,
    apart: Apart = NOTHING_APART,
    split: ScoredSplit = "test",
    also_degraded: Sequence[str] = (),
) -> list[Cell]:
    """All cells of a run, each after the cells that it needs, method by method, so that cheap rows appear early.

    Methods that ``unsuited`` names have no cells.

    Args:
        profile: sizes and schedules.
        methods: names; the profile's where None.
        datasets: names; the profile's where None.
        seeds: of training; the profile's where None.
        train_on: name of the data set that all methods are trained on. Where None, each data set with training splits trains
            its own, and the others are scored with the methods that the profile's ``training_dataset`` trains.
        data_dir: the folder of the data set ``folder``.
        apart: parts of the data set ``folder`` that lie elsewhere.
        split: images that are scored.
        also_degraded: names of degradations under which images are scored as well, by methods that are trained without them.

    Raises:
        UsageError: an unknown name, a data set without the splits that it is asked for, or a stage without settings in the
            profile.
    """
    cells: dict[str, Cell] = {}
    shared: dict[Dataset, Dataset] = {}  # one object of each, which remembers its digests
    cards = [_cards(profile, name, train_on, data_dir, apart) for name in datasets or profile.datasets]
    for card, _ in cards:
        if not card.has(split):
            raise UsageError(f"data set '{card.name}' has no {split} images: name another with --datasets")
        if also_degraded and not card.makes_lr(split):
            mend = "leave --also-degraded out, or name another with --datasets"
            raise UsageError(f"data set '{card.name}' has LR images of its own, which no degradation makes: {mend}")
    for method in _entries(methods or profile.methods):
        settings = varied(profile, method)
        for test_card, training_card in cards:
            if _lacks_pairs(method, training_card):
                continue
            training, *scored = (
                shared.setdefault(dataset, dataset)
                for dataset in (
                    Dataset(training_card, settings.degradation),
                    Dataset(test_card, settings.degradation),
                    *(Dataset(test_card, degradation) for degradation in _degradations(settings, also_degraded)),
                )
            )
            for test, seed in product(scored, seeds if seeds is not None else profile.seeds):
                for cell in _method_cells(settings, method, test, training, seed, split):
                    variant = method.name.partition("/")[2] if cell.kind == "train" else ""
                    cell = replace(cell, variant=variant, profile=profile.name, changes=profile.changes)
                    if cell.kind == "evaluate" and split == "test":
                        cell = replace(cell, exploratory=_exploratory(profile, method, cell, test is not scored[0]))
                    cells.setdefault(cell.id, cell)
    return list(cells.values())


def _degradations(profile: Profile, names: Sequence[str]) -> list[Degradation]:
    """The degradations of these names with the profile's settings. Raises UsageError for an unknown name."""
    return [changed(profile, [f"degradation={name}"]).degradation for name in names]


def _exploratory(profile: Profile, method: MethodEntry, cell: Cell, is_other: bool) -> str:
    """Reason why test scores are no results of a frozen profile; ``is_other`` tells a degradation that is not its own."""
    if reason := why_exploratory(profile, method, cell.seed):
        return reason
    if is_other:
        return f"scored under {label(cell.data.degradation)}, on which nothing was frozen"
    training = cell.training_data.card if cell.training_data else None
    return why_data_are_exploratory(profile.name, cell.data.card, training)


def _entries(names: Sequence[str]) -> list[MethodEntry]:
    """Methods of the names. Raises UsageError for unknown ones, and for checkpoints whose files have one name."""
    files: dict[str, str] = {}
    entries = [get_method(name) for name in names]
    for entry in entries:
        if files.setdefault(entry.name, entry.file) != entry.file:
            raise UsageError(f"{files[entry.name]} and {entry.file} would both be the row '{entry.name}': rename one of them")
    return entries


def unsuited(
    profile: Profile,
    methods: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    train_on: str | None = None,
    data_dir: Path | None = None,
    apart: Apart = NOTHING_APART,
) -> list[str]:
    """Sentences on methods that cannot be trained on the data, with the reasons; arguments as for ``make_plan``."""
    training_cards = [_cards(profile, name, train_on, data_dir, apart)[1] for name in datasets or profile.datasets]
    return [
        f"{method.name}: not run: it learns from pairs of LR and HR images, and the training images of '{card.name}' are unpaired"
        for method in [get_method(name) for name in methods or profile.methods]
        for card in dict.fromkeys(training_cards)
        if _lacks_pairs(method, card)
    ]


def _lacks_pairs(method: MethodEntry, card: DatasetCard) -> bool:
    """True if a method learns from pairs, and the data set that it would be trained on has none."""
    return any("pairs" in get_stage(name).reads for name in method.stages) and card.is_unpaired


def _cards(
    profile: Profile, name: str, train_on: str | None, data_dir: Path | None, apart: Apart
) -> tuple[DatasetCard, DatasetCard]:
    """Cards of the test data set and of the training data set."""
    card = load_dataset_card(name).located_in(data_dir, apart)
    if train_on is None and card.trains:
        return card, card
    training = load_dataset_card(train_on or profile.training_dataset).located_in(data_dir, apart)
    if not training.trains and not training.location:
        raise UsageError(f"data set '{training.name}' has no training images: name another with --train-on")
    if training == card and not card.trains:
        mend = "move the images into subfolders train and test"
        raise UsageError(f"--data-dir {data_dir}: methods would be tested on their training images: {mend}")
    return card, training


def _method_cells(
    profile: Profile, method: MethodEntry, scored: Dataset, training: Dataset, seed: int, split: ScoredSplit
) -> list[Cell]:
    trained: dict[str, Cell] = {}
    for stage in method.stages:
        _add_stage(profile, stage, training, seed, trained, method.without)
    return [*trained.values(), _evaluation(profile, method, scored, seed, trained, split)]


def _add_stage(profile: Profile, name: str, data: Dataset, seed: int, trained: dict[str, Cell], without: Sequence[str]) -> None:
    """Add the training cell of a stage, and before it those of the stages that it needs."""
    if name in trained:
        return
    entry = get_stage(name)
    needs = [needed for needed in entry.needs if needed not in without]
    for needed in needs:
        _add_stage(profile, needed, data, seed, trained, without)
    published = profile.stage(entry.weights_of).weights if entry.weights_of else ()
    code = training_code(name, data, entry.reads)
    trained[name] = Cell(
        kind="train",
        label=name,
        dataset=data.card.name,
        seed=seed,
        data=data,
        settings=StageSettings(profile.stage(name), profile.threads, _digests(published)),
        data_digest=data.digest(*entry.reads),
        code=code.name,
        needs={needed: trained[needed] for needed in needs},
        splits=entry.reads,
        sources=code.sources,
    )


def _evaluation(
    profile: Profile, method: MethodEntry, data: Dataset, seed: int, trained: Mapping[str, Cell], split: ScoredSplit
) -> Cell:
    has_truth = data.card.has_truth(split)
    protocols = {name: get_protocol(name).version for name in profile.protocols}
    training = next((cell.data for cell in trained.values()), None)
    settings = EvaluationSettings(
        protocols=protocols if has_truth else {NO_REFERENCE: 1},
        metrics={
            metric.name: {"target": metric.target, **metric.options, "weights": _digests(metric.weights)}
            for metric in map(get_metric, profile.metrics)
            if has_truth or metric.no_reference
        },
        threads=profile.threads,
        tile=0 if method.inference else profile.tile,
        weights={method.name: file_digest(Path(method.file))} if method.file else _digests(method.weights),
        split=split,
        sanity=sanity_settings(method, training) if training and has_truth else (),
        inference=profile.inference_values(method),
    )
    code = evaluation_code(method.name, settings, data, training)
    return Cell(
        kind="evaluate",
        label=method.name,
        dataset=data.card.name,
        seed=seed if method.stages else None,
        data=data,
        settings=settings,
        data_digest=data.digest(split),
        code=code.name,
        needs={stage: trained[stage] for stage in method.stages},
        splits=(split,),
        sources=code.sources,
        file=Path(method.file).absolute() if method.file else None,
    )


def _digests(cards: Sequence[str]) -> dict[str, str]:
    """Digests of published weights, by card."""
    return {name: card_digest(name) for name in cards}
