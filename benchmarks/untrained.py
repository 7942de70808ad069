"""Networks as a profile sizes them, freshly initialised: to count their parameters, and to measure without training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.data.images import DataSpec, Pair
from benchmarks.plan import Cell, make_plan
from benchmarks.profile import Profile
from benchmarks.registry import get_method, get_stage, resolve

if TYPE_CHECKING:
    from benchmarks.data.decode import Image
    from benchmarks.method import Method
    from benchmarks.training import Stage, TrainedStage


@dataclass(frozen=True)
class _BlankData(DataSpec):
    """One black image of the least size in every split: networks can be built where the data set is not at hand."""

    side: int

    def _black(self, scale: int) -> Image:
        import numpy as np

        return np.zeros((self.side * scale, self.side * scale, 3), np.uint8)

    def x_images(self) -> list[Image]:
        return [self._black(1)]

    def z_images(self) -> list[Image]:
        return [self._black(self.card.scale)]

    def y_images(self) -> list[Image]:
        return [self._black(1)]

    def training_pairs(self) -> list[Pair]:
        return [Pair("black", self._black(1), self._black(self.card.scale))]


def _fresh_stages(cells: Sequence[Cell]) -> Iterator[tuple[Cell, Stage, TrainedStage]]:
    """Every training cell with its stage on blank images, and with that stage as if it had been trained for no step."""
    import torch

    from benchmarks.stored import stage_settings
    from benchmarks.training import Context, TrainedStage

    built: dict[str, TrainedStage] = {}
    for cell in (cell for cell in cells if cell.kind == "train"):
        settings = stage_settings(cell.label, cell.settings, str(cell))
        needs = {name: built[needed.id] for name, needed in cell.needs.items()}
        blank = _BlankData(cell.data.card, cell.data.degradation, cell.data.track2, settings.training.patch_size)
        stage: Stage = resolve(get_stage(cell.label).target)(settings, Context(blank, torch.Generator(), needs))
        weights = {name: network.state_dict() for name, network in stage.networks.items()}
        built[cell.id] = TrainedStage(settings, weights, cell.data.card.scale)
        yield cell, stage, built[cell.id]


def count_parameters(cells: Sequence[Cell]) -> dict[str, int]:
    """Parameters of all networks of every training cell, by its id."""
    return {
        cell.id: sum(each.numel() for network in stage.networks.values() for each in network.parameters())
        for cell, stage, _ in _fresh_stages(cells)
    }


def untrained_method(name: str, profile: Profile) -> Method:
    """A method with the profile's sizes and fresh weights (released ones are loaded). Raises UsageError for an unknown name."""
    entry = get_method(name)
    cells = make_plan(profile, [name], profile.datasets[:1], profile.seeds[:1])
    stages = {cell.label: stage for cell, _, stage in _fresh_stages(cells) if cell.label in entry.stages}
    method: Method = resolve(entry.target).from_stages(stages, cells[0].data.card.scale)
    return method
