"""Cells: one training of a stage, or one evaluation of a method on a data set. Equal ids mean equal results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from benchmarks.api.entries import Split
from benchmarks.api.method import TrainedStage
from benchmarks.catalog.methods import CHECKPOINT, get_method, inference_stage
from benchmarks.core.errors import UsageError
from benchmarks.core.values import plain, set_values
from benchmarks.data.dataset import Dataset
from benchmarks.results.layout import cell_folder_name
from benchmarks.results.record import CellRecord, EvaluationSettings, TrainingSettingsRecord

Kind = Literal["train", "evaluate"]


@dataclass(frozen=True)
class StageSettings:
    """Settings of a training cell.

    Attributes:
        stage: the stage's settings, an instance of its dataclass.
        threads: of torch on a CPU, which bits depend on.
        weights: digests of the published weights that losses use, by card.
    """

    stage: Any
    threads: int
    weights: Mapping[str, str]

    @property
    def record(self) -> TrainingSettingsRecord:
        """The settings as result files have them, defaults included."""
        return TrainingSettingsRecord(plain(self.stage), self.threads, dict(self.weights))

    @property
    def identity(self) -> dict[str, Any]:
        """The settings as identities have them, without those that have their default."""
        return {"stage": set_values(self.stage), "threads": self.threads, "weights": dict(self.weights)}


@dataclass(frozen=True)
class Cell:
    """A unit of work: train a stage, or evaluate a method. Its id is a hash of all that decides its outcome.

    Attributes:
        kind: ``train`` or ``evaluate``.
        label: name of the stage or of the method.
        dataset: name of the data set.
        seed: of training; None where nothing is random.
        data: the data set under a degradation.
        settings: of the stage or of the evaluation.
        data_digest: of the splits that the cell sees.
        code: the code's name and digest.
        needs: cells whose weights this one starts from, by stage.
        splits: splits that the cell sees.
        sources: digests of the code's modules, by name; ``code`` has their digest.
        variant: the variant that the cell was first needed for, where it is not the full model's; no part of the identity.
        profile: the profile that the cell was planned for; no part of the identity.
        changes: made to the profile's values on the command line; no part of the identity.
        exploratory: why scores are no results of a frozen profile; empty for results and trainings; no part of the identity.
        file: checkpoint that the method consists of, whose hash the settings have; no part of the identity.
    """

    kind: Kind
    label: str
    dataset: str
    seed: int | None
    data: Dataset
    settings: StageSettings | EvaluationSettings
    data_digest: str
    code: str
    needs: Mapping[str, Cell]
    splits: tuple[Split, ...]
    sources: Mapping[str, str] = field(default_factory=dict)
    variant: str = ""
    profile: str = ""
    changes: tuple[str, ...] = ()
    exploratory: str = ""
    file: Path | None = None

    @property
    def method(self) -> str:
        """Name by which the catalog finds the method of an evaluation: of a checkpoint, with its path."""
        return f"{CHECKPOINT}{self.file}" if self.file else self.label

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that decides the outcome, as plain data."""
        return {
            "kind": self.kind,
            "label": self.label,
            "seed": self.seed,
            "settings": self.settings.identity,
            "data": self.data_digest,
            "code": self.code,
            "needs": {stage: cell.id for stage, cell in self.needs.items()},
        }

    @cached_property
    def id(self) -> str:
        """16 hexadecimal digits of the SHA-256 of the identity."""
        return hashlib.sha256(json.dumps(self.identity, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def record(self) -> CellRecord:
        """The cell as its result file has it."""
        needs = {stage: cell.id for stage, cell in self.needs.items()}
        return CellRecord(self.id, self.kind, self.label, self.dataset, self.seed, needs, self.code)

    @property
    def training_data(self) -> Dataset | None:
        """The data set that the needed stages were trained on; None if there are none."""
        return next((cell.data for cell in self.needs.values()), None)

    @property
    def inputs(self) -> list[tuple[Dataset, tuple[Split, ...], str]]:
        """Data sets whose images the cell reads: each with the splits, and their digest."""
        inputs = [(self.data, self.splits, self.data_digest)]
        if isinstance(self.settings, EvaluationSettings) and self.training_data:
            inputs += [(self.training_data, (check.split,), check.digest) for check in self.settings.sanity]
        return inputs

    @property
    def inference_stage(self) -> dict[str, TrainedStage]:
        """Settings of a method that trains inside its call, as a stage without weights; none for other methods."""
        if not isinstance(self.settings, EvaluationSettings) or not self.settings.inference:
            return {}
        return inference_stage(get_method(self.method), self.settings.inference, self.data.card.scale)

    @property
    def stage_settings(self) -> Any:
        """The stage's settings of a training cell, an instance of its dataclass."""
        if not isinstance(self.settings, StageSettings):
            raise TypeError(f"{self} trains nothing")
        return self.settings.stage

    @property
    def steps(self) -> int | None:
        """Optimisation steps of a training cell; None for an evaluation."""
        return int(self.settings.stage.training.steps) if isinstance(self.settings, StageSettings) else None

    @property
    def folder(self) -> str:
        """Name of the cell's folder in a results folder."""
        return cell_folder_name(self.kind, self.label, self.dataset, self.seed, self.id)

    def __str__(self) -> str:
        seed = "" if self.seed is None else f", seed {self.seed}"
        variant = f" ({self.variant})" if self.variant else ""
        return f"{self.kind} {self.label}{variant} on {self.dataset}{seed}"


def find_cell(cells: Iterable[Cell], prefix: str) -> Cell:
    """The one cell whose id starts with ``prefix``. Raises UsageError where none or several do."""
    matches = [cell for cell in cells if cell.id.startswith(prefix)]
    if len(matches) != 1:
        if not matches:
            raise UsageError(f"--cell {prefix}: no cell of this run has an id that begins so: --dry-run lists the ids")
        raise UsageError(f"--cell {prefix}: the ids of {len(matches)} cells of this run begin so: give more digits")
    return matches[0]
