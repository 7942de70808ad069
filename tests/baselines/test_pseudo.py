"""Pseudo-supervision: its step against a step written by hand, and the networks that each loss trains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch.nn.functional import l1_loss

from baselines.pseudo_supervision.method import PseudoSupervision
from baselines.pseudo_supervision.stage import PseudoStage
from benchmarks.api.method import TrainedStage
from benchmarks.training.stage import make_stage
from tests.helpers.stages import PROFILE, trained, visible
from tests.helpers.steps import adam, assert_same_steps, discriminator_step, generator_loss, update, weights

NEEDS = {"edsr": trained("edsr")}


def stage(**changes: Any) -> PseudoStage:
    settings = PROFILE.stages["pseudo-supervision"]
    plain = replace(
        settings,
        training=replace(settings.training, precision="float32"),
        discriminator=replace(settings.discriminator, instance_noise=0.0),
        generator=replace(settings.generator, residual_window=0, global_skip=False),
        input_noise=0.0,
        **changes,
    )
    fresh, _ = make_stage(PseudoStage, plain, visible("pseudo-supervision"), NEEDS, seed=3)
    assert isinstance(fresh, PseudoStage)
    return fresh


def test_a_step_is_both_discriminators_then_the_generators_then_sr_on_pseudo_pairs() -> None:
    ours, twin = stage(), stage()
    nets, rates = twin.networks, ours.learning_rates
    g, sr = adam(rates["generators"], nets["g_xy"], nets["g_yx"]), adam(rates["sr"], nets["sr"])
    d_x, d_y = adam(rates["d_x"], nets["d_x"]), adam(rates["d_y"], nets["d_y"])
    before = weights(nets)
    for index in range(2):
        ours.step(index)
        x, (y, z) = twin.x.draw(), twin.pairs.draw_pairs()
        degraded = nets["g_yx"](y)
        clean, pseudo, same = nets["g_xy"](x), nets["g_xy"](degraded), nets["g_xy"](y)
        discriminator_step(nets["d_y"], d_y, y, clean)
        discriminator_step(nets["d_x"], d_x, x, degraded)
        adversarial = generator_loss(nets["d_y"], y, clean) + generator_loss(nets["d_x"], x, degraded)
        update(g, adversarial + l1_loss(pseudo, y) + 2 * l1_loss(same, y))
        update(sr, l1_loss(nets["sr"](pseudo.detach()), z))
    assert_same_steps(before, ours, nets)


def test_gradients_of_sr_do_not_reach_the_generators() -> None:
    slow, fast = stage(sr_learning_rate=1e-5), stage(sr_learning_rate=1e-2)
    for twin in (slow, fast):
        twin.step(0)
        twin.step(1)
    a, b = weights(slow.networks), weights(fast.networks)
    assert torch.equal(a["g_xy"], b["g_xy"])
    assert torch.equal(a["g_yx"], b["g_yx"])
    assert not torch.equal(a["sr"], b["sr"])


def test_the_method_cleans_and_then_enlarges() -> None:
    trained_stage = stage()
    trained_stage.step(0)
    saved = TrainedStage(
        trained_stage.settings, {name: network.state_dict() for name, network in trained_stage.networks.items()}, 4
    )
    method = PseudoSupervision.from_stages({**NEEDS, "pseudo-supervision": saved}, 4)
    lr = torch.rand(1, 3, 20, 24)
    sr = method(lr)
    assert sr.shape == (1, 3, 80, 96)
    assert torch.equal(sr, trained_stage.networks["sr"].eval()(trained_stage.networks["g_xy"].eval()(lr)).detach())
