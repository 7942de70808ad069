"""Networks of a profile's sizes, freshly initialised: to count their parameters, and to measure without training."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.api.entries import Split
from benchmarks.api.image import Image, Pair
from benchmarks.api.method import Descriptor, Method, TrainedStage
from benchmarks.catalog.methods import get_method, method_class, stage_class
from benchmarks.catalog.profiles import Profile
from benchmarks.core.errors import BenchmarkError
from benchmarks.core.files import cache_root, write_text
from benchmarks.data.dataset import Dataset
from benchmarks.data.pixels.images import DatasetImages
from benchmarks.planning.cells import Cell
from benchmarks.planning.plan import make_plan

if TYPE_CHECKING:
    from benchmarks.training.stage import Stage


class _BlankImages(DatasetImages):
    """Black images, one in every split: networks can be built where the data set is not at hand.

    Args:
        data: the data set.
        side: of LR images, in pixels.
    """

    def __init__(self, data: Dataset, side: int) -> None:
        super().__init__(data.card.name, data.card.scale, data.card.sources, data.degradation, data.degradation)
        self._side = side

    def _black(self, scale: int) -> Image:
        import numpy as np

        return np.zeros((self._side * scale, self._side * scale, 3), np.uint8)

    def x(self) -> list[Image]:
        return [self._black(1)]

    def z(self) -> list[Image]:
        return [self._black(self.scale)]

    def y(self) -> list[Image]:
        return [self._black(1)]

    def pairs(self, split: Split, only: Collection[str] | None = None) -> list[Pair]:
        return [Pair("black", self._black(1), self._black(self.scale))]


def _fresh_stages(cells: Sequence[Cell]) -> Iterator[tuple[Cell, Stage, TrainedStage]]:
    """Every training cell with its stage on blank images, and the stage's initial weights as a ``TrainedStage``."""
    import torch

    from benchmarks.training.stage import Context, StageImages

    built: dict[str, TrainedStage] = {}
    for cell in (cell for cell in cells if cell.kind == "train"):
        settings = cell.stage_settings
        needs = {name: built[needed.id] for name, needed in cell.needs.items()}
        side = settings.training.patch_size * cell.data.card.scale  # for methods that make their LR images of X
        blank = StageImages(_BlankImages(cell.data, side), cell.label, cell.splits)
        stage: Stage = stage_class(cell.label)(settings, Context(blank, torch.Generator(), needs))
        weights = {name: network.state_dict() for name, network in stage.networks.items()}
        built[cell.id] = TrainedStage(settings, weights, cell.data.card.scale)
        yield cell, stage, built[cell.id]


def count_parameters(cells: Sequence[Cell]) -> dict[str, int]:
    """Parameters of all networks of every training cell, by its id.

    Building networks takes seconds, most of them for imports, so counts are kept in the cache. A cell id covers all that decides
    them.
    """
    folder = cache_root() / "parameters"
    trained = [cell for cell in cells if cell.kind == "train"]
    counts = {cell.id: count for cell in trained if (count := _kept_count(folder / cell.id)) is not None}
    if len(counts) < len(trained):
        for cell, stage, _ in _fresh_stages(cells):
            networks = stage.networks.values()
            counts[cell.id] = sum(parameter.numel() for network in networks for parameter in network.parameters())
            with suppress(BenchmarkError):  # a cache that cannot be written
                write_text(folder / cell.id, f"{counts[cell.id]}\n")
    return counts


def _kept_count(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def descriptors(evaluations: Sequence[Cell]) -> list[Descriptor]:
    """Size needs of the methods of evaluations, with the sizes of networks in the cells' settings and fresh weights."""
    stages = {cell.id: stage for cell, _, stage in _fresh_stages(_with_needs(evaluations))}
    return [
        method_class(cell.label)
        .from_stages(
            {name: stages[needed.id] for name, needed in cell.needs.items()} | cell.inference_stage, cell.data.card.scale
        )
        .descriptor
        for cell in evaluations
    ]


def _with_needs(cells: Sequence[Cell]) -> list[Cell]:
    """The cells, each after the cells that it needs, directly or not."""
    ordered: dict[str, Cell] = {}
    for cell in cells:
        for needed in (*_with_needs(list(cell.needs.values())), cell):
            ordered.setdefault(needed.id, needed)
    return list(ordered.values())


def untrained_method(name: str, profile: Profile) -> Method:
    """A method with the profile's sizes and fresh weights (released ones are loaded). Raises UsageError for an unknown name."""
    entry = get_method(name)
    cells = make_plan(profile, [name], profile.datasets[:1], profile.seeds[:1])
    stages = {cell.label: stage for cell, _, stage in _fresh_stages(cells) if cell.label in entry.stages}
    method: Method = method_class(name).from_stages(stages | cells[-1].inference_stage, cells[0].data.card.scale)
    return method
