"""Cells and the plan: which units of work a run consists of, in an order that respects what each needs.

No torch here: planning, ``--list`` and ``--dry-run`` answer at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from benchmarks.data.cards import DatasetCard, UserFolder, load_dataset_card
from benchmarks.data.folders import Split
from benchmarks.data.images import DataSpec
from benchmarks.data.weights import card_digest
from benchmarks.errors import UsageError
from benchmarks.profile import Profile, changed
from benchmarks.protocols import get_protocol
from benchmarks.registry import MethodEntry, get_method, get_metric, get_stage
from benchmarks.source import code_digest

Kind = Literal["train", "evaluate"]


@dataclass(frozen=True)
class Cell:
    """One unit of work. Its identity is the hash of all that decides its outcome.

    Attributes:
        kind: ``train`` a stage, or ``evaluate`` a method.
        label: the stage's or the method's name.
        dataset: name of the data set's card.
        seed: of training; None where nothing is random.
        data: what it sees of the data set.
        settings: all that the profile says about it, as plain data.
        data_digest: of the splits that it sees.
        code: digest of the source that computes it.
        needs: cells whose weights it starts from, by stage name.
        splits: those that it sees.
        variant: the variant that it was first needed for, where it is not the full model's; no part of the identity.
        profile: the profile that it was planned for; no part of the identity either.
        changes: those made to the profile's values from the command line; nor these.
    """

    kind: Kind
    label: str
    dataset: str
    seed: int | None
    data: DataSpec
    settings: Mapping[str, Any]
    data_digest: str
    code: str
    needs: Mapping[str, Cell]
    splits: tuple[Split, ...]
    variant: str = ""
    profile: str = ""
    changes: tuple[str, ...] = ()

    def identity(self) -> dict[str, Any]:
        """What decides the outcome, as plain data."""
        return {
            "kind": self.kind,
            "label": self.label,
            "seed": self.seed,
            "settings": self.settings,
            "data": self.data_digest,
            "code": self.code,
            "needs": {stage: cell.id for stage, cell in self.needs.items()},
        }

    @cached_property
    def id(self) -> str:
        """16 hex digits of the SHA-256 of the identity."""
        return hashlib.sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()[:16]

    def describe(self) -> dict[str, Any]:
        """The identity, less what a result file says elsewhere, with the id."""
        rest = {key: value for key, value in self.identity().items() if key not in ("settings", "data")}
        return {"id": self.id, "dataset": self.dataset, **rest}

    @property
    def folder(self) -> str:
        """Name of its folder in the workspace."""
        seed = "" if self.seed is None else f"-seed{self.seed}"
        return f"{self.kind}-{self.label.replace('/', '.')}-{self.dataset}{seed}-{self.id}"

    def __str__(self) -> str:
        seed = "" if self.seed is None else f", seed {self.seed}"
        variant = f" ({self.variant})" if self.variant else ""
        return f"{self.kind} {self.label}{variant} on {self.dataset}{seed}"


def make_plan(
    profile: Profile,
    methods: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    train_on: str | None = None,
    data_dir: Path | None = None,
) -> list[Cell]:
    """All cells of a run, each after what it needs, method by method, so that cheap rows appear early.

    Args:
        profile: sizes and schedules.
        methods: names; the profile's where None.
        datasets: names; the profile's where None.
        seeds: of training; the profile's where None.
        train_on: name of the data set that all methods are trained on. Where None, each data set with training splits trains
            its own, and the others are scored with what the profile's first data set trains.
        data_dir: the folder of the data set ``folder``.

    Raises:
        UsageError: an unknown name, a data set without the splits that it is asked for, or a stage without a section in the
            profile.
    """
    cells: dict[str, Cell] = {}
    specs: dict[DataSpec, DataSpec] = {}  # one of each, which remembers its digests
    chosen = [get_method(name) for name in methods or profile.methods]
    pairs = [_cards(profile, name, train_on, data_dir) for name in datasets or profile.datasets]
    for method in chosen:
        theirs = changed(profile, method.changes)
        for both in pairs:
            made = (DataSpec(card, theirs.degradation, theirs.track2_like) for card in both)
            test, training = (specs.setdefault(spec, spec) for spec in made)
            for seed in seeds if seeds is not None else profile.seeds:
                for cell in _method_cells(theirs, method, test, training, seed):
                    variant = method.name.partition("/")[2] if cell.kind == "train" else ""
                    cells.setdefault(cell.id, replace(cell, variant=variant, profile=profile.name, changes=profile.changes))
    return list(cells.values())


def _cards(profile: Profile, name: str, train_on: str | None, data_dir: Path | None) -> tuple[DatasetCard, DatasetCard]:
    """The card of a data set that is tested on, and of the one that its methods are trained on."""
    card = _card(name, data_dir)
    if train_on is None and card.trains:
        return card, card
    training = _card(train_on or profile.datasets[0], data_dir)
    if not training.trains and not isinstance(training, UserFolder):
        raise UsageError(f"data set '{training.name}' has no training images: name another with --train-on")
    if training == card and not card.trains:
        raise UsageError(f"--data-dir {data_dir}: it would be tested on what it was trained on: sort it into train and test")
    return card, training


def _card(name: str, data_dir: Path | None) -> DatasetCard:
    card = load_dataset_card(name)
    if not isinstance(card, UserFolder):
        return card
    if data_dir is None:
        raise UsageError(f"data set '{name}': give the folder that holds your images: --data-dir DIR")
    return replace(card, directory=str(data_dir.absolute()))


def _method_cells(profile: Profile, method: MethodEntry, test: DataSpec, training: DataSpec, seed: int) -> list[Cell]:
    trained: dict[str, Cell] = {}
    for stage in method.stages:
        _add_stage(profile, stage, training, seed, trained, method.without)
    return [*trained.values(), _evaluate_cell(profile, method, test, seed, trained)]


def _add_stage(profile: Profile, name: str, spec: DataSpec, seed: int, trained: dict[str, Cell], without: Sequence[str]) -> None:
    if name in trained:
        return
    entry = get_stage(name)
    needs = [needed for needed in entry.needs if needed not in without]
    for needed in needs:
        _add_stage(profile, needed, spec, seed, trained, without)
    if name not in profile.stages:
        raise UsageError(f"profile '{profile.name}' has no section [stages.{name}], which training it needs: add one")
    published = profile.stages[entry.weights_of].weights if entry.weights_of else ()
    trained[name] = Cell(
        kind="train",
        label=name,
        dataset=spec.card.name,
        seed=seed,
        data=spec,
        settings={**_plain(asdict(profile.stages[name])), "threads": profile.threads, **_weights(published)},
        data_digest=spec.digest(*entry.reads),
        code=code_of("train", name, {}),
        needs={needed: trained[needed] for needed in needs},
        splits=entry.reads,
    )


def _evaluate_cell(profile: Profile, method: MethodEntry, spec: DataSpec, seed: int, trained: Mapping[str, Cell]) -> Cell:
    protocols = {name: get_protocol(name).version for name in profile.protocols}
    metrics = [get_metric(name) for name in profile.metrics]
    settings = {
        "protocols": protocols,
        "metrics": {m.name: {"target": m.target, **m.options, **_weights(m.weights)} for m in metrics},
        "tile": profile.tile,
        "threads": profile.threads,
        **_weights(method.weights),
    }
    return Cell(
        kind="evaluate",
        label=method.name,
        dataset=spec.card.name,
        seed=seed if method.stages else None,
        data=spec,
        settings=settings,
        data_digest=spec.digest("test"),
        code=code_of("evaluate", method.name, settings),
        needs={stage: trained[stage] for stage in method.stages},
        splits=("test",),
    )


def code_of(kind: Kind, label: str, settings: Mapping[str, Any]) -> str:
    """What computes such a cell: its name in the source, and the digest of the source that is here."""
    if kind == "train":
        target, others = get_stage(label).target, ["benchmarks.training"]
    else:
        target = get_method(label).target
        metrics = [metric["target"].partition(":")[0] for metric in settings["metrics"].values() if metric["target"]]
        others = [*metrics, "benchmarks.evaluation", "benchmarks.statistics"]
    return f"{target} {code_digest(target.partition(':')[0], *others)}"


def _weights(cards: Sequence[str]) -> dict[str, Any]:
    """The published weights that a cell uses, by card, with their digests."""
    return {"weights": {name: card_digest(name) for name in cards}} if cards else {}


def _plain(data: Any) -> Any:
    """Tuples as lists, as they come back from JSON."""
    return json.loads(json.dumps(data))


def find_cell(cells: Iterable[Cell], prefix: str) -> Cell:
    """The one cell whose id starts with ``prefix``. Raises UsageError where none or several do."""
    found = [cell for cell in cells if cell.id.startswith(prefix)]
    if len(found) != 1:
        what = "no cell" if not found else f"{len(found)} cells"
        raise UsageError(f"--cell {prefix}: {what} of this run have such an id: --dry-run lists them")
    return found[0]
