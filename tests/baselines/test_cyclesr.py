"""CycleSR: its steps against steps written by hand, the networks that each loss trains, and what a variant leaves out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn.functional import l1_loss, mse_loss

from baselines.cyclesr.method import CycleSR
from baselines.cyclesr.stage import CycleSRStage
from baselines.cyclesr.translation import TranslationStage
from benchmarks.api.method import TrainedStage
from benchmarks.catalog.methods import get_method
from benchmarks.catalog.profiles import load_profile
from benchmarks.planning.plan import make_plan
from benchmarks.training.stage import make_stage
from tests.helpers.stages import PROFILE, trained, visible
from tests.helpers.steps import adam, assert_same_steps, discriminator_step, generator_loss, update, weights

EDSR = trained("edsr")


def translation(**changes: Any) -> TranslationStage:
    """Stage 1 in float32, without noise and without the deviations of small budgets."""
    settings = PROFILE.stages["cyclesr-translation"]
    plain = replace(
        settings,
        training=replace(settings.training, precision="float32"),
        discriminator=replace(settings.discriminator, instance_noise=0.0),
        generator=replace(settings.generator, residual_window=0, global_skip=False),
        **{"input_noise": 0.0, **changes},
    )
    stage, _ = make_stage(TranslationStage, plain, visible("cyclesr-translation"), {}, seed=3)
    assert isinstance(stage, TranslationStage)
    return stage


def saved(stage: TranslationStage | CycleSRStage) -> TrainedStage:
    return TrainedStage(stage.settings, {name: net.state_dict() for name, net in stage.networks.items()}, 4)


def joint(first: TranslationStage, **changes: Any) -> CycleSRStage:
    settings = PROFILE.stages["cyclesr"]
    plain = replace(settings, training=replace(settings.training, precision="float32"), **changes)
    needs = {"edsr": EDSR, "cyclesr-translation": saved(first)}
    stage, _ = make_stage(CycleSRStage, plain, visible("cyclesr"), needs, seed=4)
    assert isinstance(stage, CycleSRStage)
    return stage


def test_a_step_is_both_discriminators_then_the_generators_then_sr() -> None:
    ours, twin = (joint(translation(), generator_interval=1) for _ in range(2))
    nets, rates = twin.networks, ours.learning_rates
    g_yx, g_xy, sr = nets["g_yx"], nets["g_xy"], nets["sr"]
    g, s = adam(rates["generators"], g_yx, g_xy), adam(rates["sr"], sr)
    d_x, d_y = adam(rates["d_x"], nets["d_x"]), adam(rates["d_y"], nets["d_y"])
    before = weights(nets)
    for index in range(2):
        losses = ours.step(index)
        x, (y, z) = twin.x.draw(), twin.pairs.draw_pairs()
        degraded, clean = g_yx(y), g_xy(x)
        discriminator_step(nets["d_y"], d_y, y, clean)
        discriminator_step(nets["d_x"], d_x, x, degraded)
        adversarial = generator_loss(nets["d_y"], y, clean) + generator_loss(nets["d_x"], x, degraded)
        cycle = l1_loss(g_yx(clean), x) + l1_loss(g_xy(degraded), y)
        identity = l1_loss(g_yx(x), x) + l1_loss(g_xy(y), y)
        collaborative = 1000 * mse_loss(sr(degraded), z)
        update(g, adversarial + 10 * cycle + 5 * identity + collaborative)
        reconstruction = l1_loss(sr(degraded.detach()), z)
        update(s, reconstruction)
        assert losses["collaborative"].item() == pytest.approx(collaborative.item(), rel=1e-3)
        assert losses["reconstruction"].item() == pytest.approx(reconstruction.item(), rel=1e-3)
    assert_same_steps(before, ours, nets)


def test_the_collaborative_term_moves_the_degrading_generator_alone() -> None:
    first = translation()
    with_term, without = joint(first), joint(first, collaborative=0.0)
    for stage in (with_term, without):
        stage.step(0)
    a, b = weights(with_term.networks), weights(without.networks)
    assert {name for name in a if not torch.equal(a[name], b[name])} == {"g_yx"}
    assert all(parameter.requires_grad for parameter in with_term.networks["sr"].parameters())


def test_between_the_turns_of_the_generators_sr_learns_alone() -> None:
    stage = joint(translation(), generator_interval=3)
    stage.step(0)
    before = weights(stage.networks)
    losses = stage.step(1)
    after = weights(stage.networks)
    assert {name for name in after if not torch.equal(before[name], after[name])} == {"sr"}
    assert set(losses) == {"reconstruction"}
    assert "cycle_x" in stage.step(3)


def test_without_a_cycle_one_direction_is_left() -> None:
    first = translation(cycle=0.0)
    stage = joint(first)
    assert set(first.networks) == {"g_yx", "d_x"} and set(stage.networks) == {"g_yx", "d_x", "sr"}
    twin = translation(cycle=0.0)
    losses = first.step(0)
    x, y = twin.x.draw(), twin.y.draw()
    g_yx, d_x = twin.networks["g_yx"], twin.networks["d_x"]
    degraded = g_yx(y)
    discriminator_step(d_x, adam(first.learning_rates["d_x"], d_x), x, degraded)
    assert losses["adversarial_x"].item() == pytest.approx(generator_loss(d_x, x, degraded).item(), rel=1e-3)
    assert losses["identity_x"].item() == pytest.approx(5 * l1_loss(g_yx(x), x).item(), rel=1e-3)
    assert set(losses) == {"d_x", "adversarial_x", "identity_x"}


def test_degraded_images_differ_from_step_to_step_by_the_input_noise() -> None:
    """A generator without chance would tie its noise to the content."""
    stage = translation(input_noise=0.05)
    y = torch.rand(1, 3, 16, 16)
    draws = [stage.networks["g_yx"](y + 0.05 * torch.randn_like(y)) for _ in range(2)]
    assert not torch.equal(*draws)
    assert all(load_profile(profile).stages["cyclesr-translation"].input_noise > 0 for profile in ("paper", "demo", "smoke"))


def test_the_method_is_sr_alone() -> None:
    stage = joint(translation())
    stage.step(0)
    method = CycleSR.from_stages({"edsr": EDSR, "cyclesr": saved(stage)}, 4)
    lr = torch.rand(1, 3, 20, 24)
    assert torch.equal(method(lr), stage.networks["sr"].eval()(lr).detach())


@pytest.mark.parametrize(
    ("variant", "anew"), [("no-collaboration", {"cyclesr"}), ("no-cycle", {"cyclesr-translation", "cyclesr"})]
)
def test_a_variant_trains_anew_what_it_changes(variant: str, anew: set[str]) -> None:
    full = {cell.id for cell in make_plan(load_profile("demo"), ["cyclesr"])}
    cells = make_plan(load_profile("demo"), [f"cyclesr/{variant}"])
    assert {cell.label.partition(" ")[0] for cell in cells if cell.kind == "train" and cell.id not in full} == anew


@pytest.mark.parametrize("profile", ["paper", "demo", "smoke"])
def test_sr_has_the_schedule_of_the_supervised_reference(profile: str) -> None:
    """Rows differ by their pairs alone."""
    stages = load_profile(profile).stages
    ours, reference = stages["cyclesr"].training, stages["edsr-paired"].training
    same = ("steps", "batch_size", "patch_size", "learning_rate", "halve_every")
    assert [getattr(ours, name) for name in same] == [getattr(reference, name) for name in same]
    assert get_method("cyclesr").uses == ("edsr",)
