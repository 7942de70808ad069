"""The step of each stage of CinCGAN against the same step written by hand, in float32."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, mse_loss

from benchmarks.api.method import TrainedStage
from benchmarks.training.loop import train
from benchmarks.training.stage import Stage, make_stage
from cincgan.inner import InnerStage
from cincgan.joint import JointStage
from tests.helpers.stages import PROFILE, trained, visible
from tests.helpers.steps import adam, assert_same_steps, discriminator_step, generator_loss, update, weights

NEEDS = {name: trained(name) for name in ("edsr", "cincgan-inner")}


def plain(stage: str) -> Any:
    """Settings of the hand-written steps: means everywhere, float32, no instance noise, no warm-up."""
    settings = PROFILE.stages[stage]
    changes: dict[str, Any] = {"training": replace(settings.training, precision="float32")}
    if stage == "cincgan-joint":
        means = dict.fromkeys(("cycle_reduction", "identity_reduction", "tv_reduction"), "mean")
        changes |= {"warmup_steps": 0, "hr_losses": replace(settings.hr_losses, **means)}
        changes["d2"] = replace(settings.d2, instance_noise=0.0)
        changes["g3"] = replace(settings.g3, global_skip=False)
    else:
        changes["discriminator"] = replace(settings.discriminator, instance_noise=0.0)
        changes["generator"] = replace(settings.generator, residual_window=0, global_skip=False)
    return replace(settings, **changes)


def twins(cls: type, stage: str) -> tuple[Stage, Stage]:
    """Two stages with the same settings, weights and random numbers."""
    needs = dict(NEEDS)
    inner = needs["cincgan-inner"]
    quiet = replace(
        inner.settings,
        discriminator=replace(inner.settings.discriminator, instance_noise=0.0),
        generator=replace(inner.settings.generator, residual_window=0, global_skip=False),
    )
    needs["cincgan-inner"] = TrainedStage(quiet, inner.weights, 4)
    first, second = (make_stage(cls, plain(stage), visible(stage), needs, seed=3)[0] for _ in range(2))
    return first, second


def tv(image: Tensor) -> Tensor:
    across, down = image[..., :, 1:] - image[..., :, :-1], image[..., 1:, :] - image[..., :-1, :]
    return across.pow(2).mean() + down.pow(2).mean()


def lr_step(nets: dict[str, nn.Module], g: torch.optim.Adam, d: torch.optim.Adam, x: Tensor, y: Tensor, identity: float) -> None:
    """D1, then G1 and G2 on L_GAN + 10 L_cyc + identity * L_idt + 0.5 L_TV."""
    clean = nets["g1"](x)
    discriminator_step(nets["d1"], d, y, clean)
    cycle = mse_loss(nets["g2"](clean), x)
    total = generator_loss(nets["d1"], y, clean) + 10 * cycle + identity * l1_loss(nets["g1"](y), y) + 0.5 * tv(clean)
    update(g, total)


def test_an_inner_step_is_d1_then_g1_and_g2() -> None:
    ours, twin = twins(InnerStage, "cincgan-inner")
    assert isinstance(twin, InnerStage)
    rates = ours.learning_rates
    g, d = adam(rates["generators"], twin.networks["g1"], twin.networks["g2"]), adam(rates["d1"], twin.networks["d1"])
    before = weights(twin.networks)
    for index in range(3):
        ours.step(index)
        lr_step(twin.networks, g, d, twin.x.draw(), twin.y.draw(), identity=5)
    assert_same_steps(before, ours, twin.networks)


def test_a_joint_step_is_d1_g1_g2_then_d2_then_g1_sr_g3() -> None:
    ours, twin = twins(JointStage, "cincgan-joint")
    assert isinstance(twin, JointStage)
    nets, rates = twin.networks, ours.learning_rates
    lr, hr, g3 = (
        adam(rates["lr"], nets["g1"], nets["g2"]),
        adam(rates["hr"], nets["g1"], nets["sr"]),
        adam(rates["g3"], nets["g3"]),
    )
    d1, d2 = adam(rates["d1"], nets["d1"]), adam(rates["d2"], nets["d2"])
    before = weights(nets)
    for index in range(2):
        ours.step(index)
        x, (y, z) = twin.x.draw(), twin.pairs.draw_pairs()
        lr_step(nets, lr, d1, x, y, identity=1)
        sr = nets["sr"](nets["g1"](x))
        discriminator_step(nets["d2"], d2, z, sr)
        total = generator_loss(nets["d2"], z, sr) + 10 * mse_loss(nets["g3"](sr), x) + 5 * mse_loss(nets["sr"](y), z) + 2 * tv(sr)
        update(hr, total, g3)
    assert_same_steps(before, ours, nets)


def test_the_warm_up_moves_only_d2_and_g3() -> None:
    settings = replace(PROFILE.stages["cincgan-joint"], warmup_steps=1)
    stage, _ = make_stage(JointStage, settings, visible("cincgan-joint"), NEEDS, seed=0)
    before = {name: [p.clone() for p in network.parameters()] for name, network in stage.networks.items()}
    stage.step(0)
    assert moved(before, stage) == {"d2", "g3"}
    stage.step(1)
    stage.step(2)
    assert moved(before, stage) == {"g1", "g2", "g3", "sr", "d1", "d2"}


def test_a_joint_stage_of_no_step_leaves_g1_and_sr_as_they_were(tmp_path: Path) -> None:
    """So its scores are those of EDSR behind G1 of the inner stage, moving averages included."""
    settings = PROFILE.stages["cincgan-joint"]
    settings = replace(settings, training=replace(settings.training, steps=0))
    stage, generator = make_stage(JointStage, settings, visible("cincgan-joint"), NEEDS, seed=0)
    trained = train(stage, generator, tmp_path / "checkpoint.pt")
    assert trained.history == [] and settings.training.ema_decay
    for name, start in (("g1", NEEDS["cincgan-inner"].weights["g1"]), ("sr", NEEDS["edsr"].weights["sr"])):
        assert trained.weights[name].keys() == start.keys()
        assert all(torch.equal(tensor, start[key]) for key, tensor in trained.weights[name].items())


def moved(before: dict[str, list[Tensor]], stage: Stage) -> set[str]:
    return {
        name
        for name, network in stage.networks.items()
        if any(not torch.equal(a, b) for a, b in zip(before[name], network.parameters(), strict=True))
    }
