"""Profiles load strictly; every mistake is one line with advice."""

from __future__ import annotations

import pytest
from benchmarks.catalog.registry import METHODS, STAGES

from benchmarks.catalog.profiles import load_profile, profile_names
from benchmarks.core.errors import UsageError


def test_all_profiles_load_with_every_stage() -> None:
    assert profile_names() == ["demo", "paper", "smoke"]
    for name in profile_names():
        profile = load_profile(name)
        assert profile.name == name
        assert set(profile.stages) == set(STAGES)
        assert set(profile.methods) == set(METHODS)
        assert set(profile.estimates) == {*profile.stages, "evaluate"}


@pytest.mark.parametrize("name", ["demo", "paper", "smoke"])
def test_the_weights_are_the_papers_in_every_profile(name: str) -> None:
    stages = load_profile(name).stages
    inner, joint = stages["cincgan-inner"], stages["cincgan-joint"]
    assert [getattr(inner.losses, term) for term in ("adversarial", "cycle", "identity", "tv")] == [1, 10, 5, 0.5]
    assert [getattr(joint.lr_losses, term) for term in ("adversarial", "cycle", "identity", "tv")] == [1, 10, 1, 0.5]
    assert [getattr(joint.hr_losses, term) for term in ("adversarial", "cycle", "identity", "tv")] == [1, 10, 5, 2]
    assert (inner.training.beta1, inner.training.beta2) == (0.5, 0.999)


def test_the_paper_profile_has_the_papers_schedule() -> None:
    stages = load_profile("paper").stages
    inner, joint = stages["cincgan-inner"].training, stages["cincgan-joint"].training
    assert (inner.steps, inner.learning_rate, inner.halve_every, inner.batch_size, inner.patch_size) == (
        400_000,
        2e-4,
        40_000,
        16,
        32,
    )
    assert (joint.steps, joint.learning_rate, joint.halve_every, joint.batch_size, joint.patch_size) == (
        400_000,
        1e-4,
        40_000,
        16,
        32,
    )
    assert (stages["edsr"].blocks, stages["edsr"].channels, stages["edsr"].res_scale) == (32, 256, 0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("stages.edsr.training.stesp=1", "unknown key 'stesp': did you mean 'steps'"),
        ("stages.esdr.training.steps=1", "unknown key 'esdr': did you mean 'edsr'"),
        ("stages.edsr.training.steps.more=1", "unknown key 'more'"),
        ("stages.edsr.training.steps", "write key=value"),
        ("stages.edsr.training.steps=many", "Expected `int`, got `str`"),
        ("stages.edsr.training.steps=-1", "Expected `int` >= 0"),
        ("stages.edsr.training.precision=float16", "Invalid enum value 'float16'"),
        ("stages.cincgan-inner.losses.tv_reduction=median", "Invalid enum value 'median'"),
        ("methods=['bicubc']", "unknown method 'bicubc': did you mean 'bicubic'"),
        ("methods=[]", "length >= 1"),
        ("protocols=['rbg']", "unknown protocol 'rbg': did you mean 'rgb'"),
        ("seeds=[-1]", "Expected `int` >= 0"),
        ("methods=[1", "not valid TOML"),
        ("degradation=track-2", "Invalid enum value"),
        ("track2_like.blur_sigma_min=4", "blur_sigma_min is larger than blur_sigma_max"),
        ("track2_like.motion_max=inf", "Expected `float` <= 64"),
        ("track2_like.noise_signal=nan", "Expected `float`"),
        ("threads=99999999999999", "Expected `int` <= 1024"),
        ("stages.edsr.training.patch_size=2", "Expected `int` >= 8"),
        ("stages.cincgan-inner.generator.global_skip=false", "residual_window needs global_skip"),
        ("estimates.edsr={second=1, megabytes=1}", "unknown key 'second': did you mean 'seconds'"),
    ],
)
def test_a_wrong_change_is_one_clear_line(change: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_profile("demo", [change])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_changes_take_toml_values_and_bare_words() -> None:
    profile = load_profile("demo", ["metrics=['psnr', 'ssim']", "seeds=[3, 4]", "stages.edsr.training.learning_rate=2e-4"])
    assert profile.metrics == ("psnr", "ssim")
    assert profile.seeds == (3, 4)
    assert profile.stages["edsr"].training.learning_rate == 2e-4


def test_an_unknown_profile_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'demo'"):
        load_profile("demmo")
