"""Costs of cells, in seconds and GPUs, from measured steps or from a profile's estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.catalog.profiles import Profile, load_profile
from benchmarks.core.errors import UsageError
from benchmarks.planning.cells import Cell
from benchmarks.planning.step_times import StepFigure, read_figures


@dataclass(frozen=True)
class Cost:
    """Cost of a cell on one worker.

    Attributes:
        seconds: on one worker; None where they are not known.
        gpus: set aside for the cell. k GPUs are assumed to be k times as fast as one. A share of one counts as one, for how much
            cells side by side slow each other down depends on the GPU.
    """

    seconds: float | None
    gpus: float

    @property
    def workers(self) -> int:
        """Workers that the cell occupies. A worker is a GPU with the cores that a cell gets, or these cores alone."""
        return max(1, int(self.gpus))

    @property
    def wall(self) -> float:
        """Seconds from the cell's start to its end; 0 where they are not known."""
        return (self.seconds or 0.0) / self.workers


@dataclass(frozen=True)
class Costs:
    """Costs of a plan.

    Attributes:
        worker: description of a worker, for example ``two CPU cores``.
        unit: name of a worker, ``GPU`` or ``worker``.
        by_cell: costs by the cell's id.
    """

    worker: str
    unit: str
    by_cell: Mapping[str, Cost]


def estimated(cells: Sequence[Cell], profile: Profile) -> Costs:
    """Costs by the profile's estimates, in proportion to the steps of a training.

    Args:
        cells: of the profile.
        profile: perhaps with changed steps; its estimates are of the unchanged ones.
    """
    unchanged = load_profile(profile.name)

    def seconds(cell: Cell) -> float | None:
        estimate = profile.estimate_for(cell.kind, cell.label)
        if estimate is None:
            return None
        if cell.steps is None:
            return estimate.seconds
        return estimate.seconds * float(cell.steps / unchanged.stages[cell.label].training.steps)

    by_cell = {cell.id: Cost(seconds(cell), _gpus(cell, profile)) for cell in cells}
    return Costs(profile.machine, "GPU" if any(cost.gpus for cost in by_cell.values()) else "worker", by_cell)


def measured(cells: Sequence[Cell], profile: Profile, path: Path) -> Costs:
    """Costs of trainings by measured steps, in proportion to the pixels of a batch; of evaluations by the profile's estimate.

    Args:
        cells: of the profile.
        profile: whose steps were measured.
        path: figures, as ``python -m benchmarks.speed training --json`` prints them.

    Raises:
        UsageError: no such file; figures of several devices; a stage that was not measured.
    """
    figures = [figure for figure in read_figures(path) if figure.profile == profile.name and figure.seconds]
    devices = sorted({f"{figure.device} ({figure.threads} threads)" for figure in figures})
    if len(devices) > 1:
        raise UsageError(f"{path}: its figures are of several devices ({'; '.join(devices)}): give those of one")

    def seconds(cell: Cell) -> float | None:
        training = cell.stage_settings.training
        figure = _figure(figures, cell.label, training.precision)
        if figure is None:
            again = f"python -m benchmarks.speed training --profile {profile.name} --stages {cell.label} --json"
            raise UsageError(f"{path}: no step of {cell.label} in profile {profile.name}: measure it with {again}")
        pixels = training.batch_size * training.patch_size**2 / (figure.batch_size * figure.patch_size**2)
        return float(training.steps * pixels * (figure.seconds or 0))

    costs = estimated(cells, profile)
    trained = {cell.id: Cost(seconds(cell), costs.by_cell[cell.id].gpus) for cell in cells if cell.kind == "train"}
    return Costs(devices[0] if devices else costs.worker, "worker", {**costs.by_cell, **trained})


def _figure(figures: Sequence[StepFigure], stage: str, precision: str) -> StepFigure | None:
    """The figure of a stage in the training's precision, or else in float32, in which a device without bfloat16 trains."""
    by_precision = {figure.precision: figure for figure in figures if figure.stage == stage}
    return by_precision.get(precision, by_precision.get("float32"))


def _gpus(cell: Cell, profile: Profile) -> float:
    return profile.resources_for(cell.kind, cell.label).gpus
