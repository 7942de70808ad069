"""Blind-synthetic training: its pool of pairs, the step's loss and the method."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import l1_loss

from baselines.blind_synthetic import stage as stage_module
from baselines.blind_synthetic.method import BlindSynthetic
from baselines.blind_synthetic.stage import BlindSyntheticStage, synthetic_pairs
from benchmarks.api.method import TrainedStage
from benchmarks.catalog.profiles import load_profile
from benchmarks.degradations.bicubic import Bicubic
from benchmarks.training.stage import make_stage
from tests.helpers.stages import PROFILE, trained, visible

NEEDS = {"edsr": trained("edsr")}
SETTINGS = PROFILE.stages["blind-synthetic"]


def pool(seed: int = 3, **changes: Any) -> tuple[list[Any], list[Any]]:
    lr, hr = synthetic_pairs(replace(SETTINGS, pool=6, **changes), visible("blind-synthetic").z(), 4, seed)
    return list(lr), list(hr)


def test_each_pair_of_the_pool_has_strengths_of_its_own() -> None:
    """The trap: one choice for a whole batch, as in the public code."""
    lr, hr = pool(degradation="first-order")
    side = SETTINGS.training.patch_size
    assert all(image.shape == (side, side, 3) and image.dtype == np.uint8 for image in lr)
    assert all(image.shape == (4 * side, 4 * side, 3) and image.dtype == np.uint8 for image in hr)
    errors = [np.abs(Bicubic().degrade(large, 4, "") - small.astype(float)).mean() for small, large in zip(lr, hr, strict=True)]
    assert max(errors) > 2 * min(errors)


def test_hr_patches_are_those_of_z_and_the_seed_decides_all_pairs() -> None:
    first, again, other = pool(), pool(), pool(seed=4)
    for image, same in zip((*first[0], *first[1]), (*again[0], *again[1]), strict=True):
        assert np.array_equal(image, same)
    assert not any(np.array_equal(image, others) for image, others in zip(first[0], other[0], strict=True))
    images = [image.tobytes() for image in visible("blind-synthetic").z()]
    assert all(any(row.tobytes() in image for image in images) for patch in first[1] for row in patch[::32])


def test_the_pool_is_made_in_the_first_step_of_a_seed_that_the_stage_has_from_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed stage has another random state by then; and stages are built to count parameters."""
    seeds: list[int] = []
    make = stage_module.synthetic_pairs

    def recorded(settings: Any, images: Any, scale: int, seed: int) -> Any:
        seeds.append(seed)
        return make(settings, images, scale, seed)

    monkeypatch.setattr(stage_module, "synthetic_pairs", recorded)
    for steps_before in (0, 5):
        stage, generator = make_stage(BlindSyntheticStage, SETTINGS, visible("blind-synthetic"), NEEDS, seed=3)
        assert len(seeds) == bool(steps_before)
        torch.rand(steps_before, generator=generator)
        stage.step(0)
        stage.step(1)
    assert len(seeds) == 2 and seeds[0] == seeds[1]


@pytest.mark.parametrize("change", [{"degradation": "bsrgan"}, {"degradation": "first-order"}, {"jpeg": False}])
def test_the_settings_choose_the_model_for_the_same_hr_patches(change: dict[str, Any]) -> None:
    (lr, hr), (other_lr, other_hr) = pool(), pool(**change)
    assert all(np.array_equal(image, same) for image, same in zip(hr, other_hr, strict=True))
    assert not any(np.array_equal(image, others) for image, others in zip(lr, other_lr, strict=True))


def test_a_step_is_the_l1_loss_of_pairs_of_the_pool() -> None:
    settings = replace(SETTINGS, training=replace(SETTINGS.training, precision="float32"))
    stages = [make_stage(BlindSyntheticStage, settings, visible("blind-synthetic"), NEEDS, seed=3)[0] for _ in range(2)]
    ours, twin = stages
    assert isinstance(twin, BlindSyntheticStage)
    lr, hr = twin.draw_pairs()
    expected = l1_loss(twin.networks["sr"](lr), hr)
    assert ours.step(0)["l1"] == pytest.approx(expected.item(), rel=1e-5)
    assert all(torch.equal(twin.networks["sr"].state_dict()[key], value) for key, value in NEEDS["edsr"].weights["sr"].items())


@pytest.mark.parametrize("profile", ["smoke", "demo", "paper"])
def test_the_row_differs_from_edsr_paired_by_its_pairs_alone(profile: str) -> None:
    stages = load_profile(profile).stages
    assert stages["blind-synthetic"].training == stages["edsr-paired"].training


def test_the_method_is_sr_alone() -> None:
    stage, _ = make_stage(BlindSyntheticStage, SETTINGS, visible("blind-synthetic"), NEEDS, seed=3)
    stage.step(0)
    saved = TrainedStage(SETTINGS, {"sr": stage.networks["sr"].state_dict()}, 4)
    lr = torch.rand(1, 3, 20, 24)
    method = BlindSynthetic.from_stages({**NEEDS, "blind-synthetic": saved}, 4)
    assert torch.equal(method(lr), stage.networks["sr"].eval()(lr).detach())
