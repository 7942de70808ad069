"""The contract of training stages: networks, losses and probes that do not fit are described before steps are spent on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks.api.entries import Split
from benchmarks.api.settings import TrainingSettings
from benchmarks.catalog.methods import stages
from benchmarks.core.errors import BenchmarkError, TrainingCollapsed, UsageError
from benchmarks.core.lazy import resolve
from benchmarks.training.loop import train
from benchmarks.training.stage import Context, Stage, StageImages
from tests.helpers.stages import DATA, shortened, trained

SETTINGS = TrainingSettings(2, 1, 8, 1e-3, 100, 0.9, 0.999, 0.0, "float32")
IMAGES = torch.rand(1, 3, 8, 8)


class Plain(Stage):
    """A stage that keeps the contract, but for attributes that a test replaces."""

    averaged = ("sr",)

    def __init__(self, **changes: Any) -> None:
        super().__init__(SETTINGS)
        self.networks = {"sr": nn.Conv2d(3, 3, 1)}
        self.optimizers = {"sr": self.adam("sr", learning_rate=1e-3)}
        self.learning_rates = {"sr": 1e-3}
        self.losses: Any = {"l1": torch.tensor(0.5)}
        self.images: Any = (IMAGES, IMAGES)
        vars(self).update(changes)

    def step(self, index: int) -> dict[str, Tensor]:
        return self.losses  # type: ignore[no-any-return]

    def probe(self) -> tuple[Tensor, Tensor]:
        return self.images  # type: ignore[no-any-return]


@pytest.mark.parametrize("declared", [(), ("x",), ("z",), ("x", "z"), ("pairs",), ("x", "z", "pairs")])
def test_a_stage_sees_the_splits_of_its_entry_and_no_others(declared: tuple[Split, ...]) -> None:
    images = StageImages(DATA, "tone", declared)
    reads: dict[Split, Sequence[Callable[[], Sequence[Any]]]] = {
        "x": [images.x],
        "z": [images.z, images.y],
        "pairs": [images.pairs],
    }
    for split, functions in reads.items():
        for read in functions:
            if split in declared:
                assert len(read()) > 0
                continue
            with pytest.raises(UsageError) as caught:
                read()
            text = f"stage 'tone' reads the split '{split}', which its entry does not declare: add \"{split}\" to reads"
            assert str(caught.value) == text
    public = {name for name in dir(images) if not name.startswith("_")}
    assert public == {"scale", "x", "y", "z", "pairs"}, "nothing leads to validation and test images"


@pytest.mark.parametrize("name", stages())
def test_a_stage_declares_no_split_that_it_does_not_read(name: str) -> None:
    """Its cells would have other ids without a reason."""
    entry = stages()[name]
    needs = {needed: trained(needed) for needed in entry.needs}
    for split in entry.reads:
        fewer = StageImages(DATA, name, set(entry.reads) - {split})
        with pytest.raises(UsageError, match=f"reads the split '{split}'"):
            resolve(entry.target)(shortened(name), Context(fewer, torch.Generator(), needs))


LOSSES = "step: expected loss terms, scalar tensors by name, got "
BROKEN = [
    ({"networks": {}}, "stage: expected networks, modules by name, got none"),
    ({"networks": {"sr": torch.zeros(1)}}, "stage: expected networks, modules by name, got sr: Tensor"),
    ({"learning_rates": {"rs": 1e-3}}, "stage: expected a learning rate for each of sr, got rs"),
    ({"averaged": ("sr", "g")}, "stage: averaged: expected names among sr, got g"),
    ({"losses": None}, f"{LOSSES}NoneType"),
    ({"losses": torch.tensor(0.5)}, f"{LOSSES}Tensor"),
    ({"losses": {"l1": 0.5}}, f"{LOSSES}'l1': float 0.5"),
    ({"losses": {"l1": torch.zeros(4)}}, f"{LOSSES}'l1': float32 tensor (4,) with values from 0 to 0"),
    ({"losses": {1: torch.tensor(0.5)}}, f"{LOSSES}1: float32 tensor ()"),
    ({"images": IMAGES}, "probe: expected two float tensors, (N, 3, h, w) and (N, 3, H, W), got float32 tensor (1, 3, 8, 8)"),
    ({"images": (IMAGES, None)}, "probe: expected two float tensors"),
    ({"images": (IMAGES, IMAGES[0])}, "probe: expected two float tensors"),
]


@pytest.mark.parametrize(("changes", "text"), BROKEN)
def test_a_stage_that_does_not_fit_is_described(changes: dict[str, Any], text: str, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError) as caught:
        train(Plain(**changes), torch.Generator(), tmp_path / "checkpoint.pt")
    assert str(caught.value).startswith(text) and not isinstance(caught.value, TrainingCollapsed)


def test_a_learning_rate_of_no_optimiser_is_allowed(tmp_path: Path) -> None:
    stage = Plain(learning_rates={"sr": 1e-3, "d1": 1e-3})
    assert len(train(stage, torch.Generator(), tmp_path / "checkpoint.pt").history) == 2


def test_a_stage_that_fits_is_trained(tmp_path: Path) -> None:
    assert train(Plain(), torch.Generator(), tmp_path / "checkpoint.pt").history == [
        {"step": 1, "l1": 0.5},
        {"step": 2, "l1": 0.5},
    ]


def test_an_output_that_is_not_finite_is_a_collapse(tmp_path: Path) -> None:
    stage = Plain(images=(IMAGES, IMAGES / 0))
    with pytest.raises(TrainingCollapsed, match=r"^step 1: the output is not finite: lower the learning rate"):
        train(stage, torch.Generator(), tmp_path / "checkpoint.pt")
