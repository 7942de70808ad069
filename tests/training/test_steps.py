"""One step of each CinCGAN stage against the same step written by hand, in float32."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, mse_loss

from benchmarks.api.method import TrainedStage
from benchmarks.catalog.profiles import load_profile
from benchmarks.data.cards import load_dataset_card
from benchmarks.data.dataset import Dataset
from benchmarks.training.stage import Stage, make_stage
from cincgan.inner import InnerStage
from cincgan.joint import JointStage
from tests.training.test_training import trained

PROFILE = load_profile("smoke")
DATA = Dataset(load_dataset_card("demo-photos"), PROFILE.degradation, PROFILE.track2_like)
NEEDS = {name: trained(name) for name in ("edsr", "cincgan-inner")}


def plain(stage: str) -> Any:
    """Means everywhere, float32, no instance noise, no warm-up: what the hand-written steps do."""
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
    needs = dict(NEEDS)
    inner = needs["cincgan-inner"]
    quiet = replace(
        inner.settings,
        discriminator=replace(inner.settings.discriminator, instance_noise=0.0),
        generator=replace(inner.settings.generator, residual_window=0, global_skip=False),
    )
    needs["cincgan-inner"] = TrainedStage(quiet, inner.weights, 4)
    made = [make_stage(cls, plain(stage), DATA, needs, seed=3)[0] for _ in range(2)]
    return made[0], made[1]


def adam(rate: float, *networks: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam([p for network in networks for p in network.parameters()], rate, (0.5, 0.999), eps=1e-8)


def update(optimizer: torch.optim.Adam, loss: Tensor, *others: torch.optim.Adam) -> None:
    for each in (optimizer, *others):
        each.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    for each in (optimizer, *others):
        each.step()


def tv(image: Tensor) -> Tensor:
    across, down = image[..., :, 1:] - image[..., :, :-1], image[..., 1:, :] - image[..., :-1, :]
    return across.pow(2).mean() + down.pow(2).mean()


def judge_step(d: nn.Module, optimizer: torch.optim.Adam, real: Tensor, fake: Tensor) -> None:
    real_score, fake_score = d(torch.cat([real, fake.detach()])).chunk(2)
    update(optimizer, mse_loss(real_score, torch.ones_like(real_score)) + mse_loss(fake_score, torch.zeros_like(fake_score)))


def fool_loss(d: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    score = d(torch.cat([real, fake])).chunk(2)[1]
    return mse_loss(score, torch.ones_like(score))


def lr_step(nets: dict[str, nn.Module], g: torch.optim.Adam, d: torch.optim.Adam, x: Tensor, y: Tensor, identity: float) -> None:
    """D1, then G1 and G2 on L_GAN + 10 L_cyc + identity * L_idt + 0.5 L_TV."""
    clean = nets["g1"](x)
    judge_step(nets["d1"], d, y, clean)
    cycle = mse_loss(nets["g2"](clean), x)
    total = fool_loss(nets["d1"], y, clean) + 10 * cycle + identity * l1_loss(nets["g1"](y), y) + 0.5 * tv(clean)
    update(g, total)


def weights(networks: dict[str, nn.Module]) -> dict[str, Tensor]:
    """Convolution kernels by network, flat. A bias before BatchNorm has no gradient but rounding, and Adam steps on that too."""
    return {
        name: torch.cat([p.detach().flatten() for p in network.parameters() if p.ndim == 4]) for name, network in networks.items()
    }


def assert_same_steps(before: dict[str, Tensor], ours: Stage, by_hand: dict[str, nn.Module]) -> None:
    """The difference is small beside the way gone; Adam turns the rounding of a vanishing gradient into a whole step."""
    for name, ended in weights(by_hand).items():
        gone = (ended - before[name]).norm()
        assert gone > 0, name
        assert (weights(ours.networks)[name] - ended).norm() < 0.1 * gone, name


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
        judge_step(nets["d2"], d2, z, sr)
        total = fool_loss(nets["d2"], z, sr) + 10 * mse_loss(nets["g3"](sr), x) + 5 * mse_loss(nets["sr"](y), z) + 2 * tv(sr)
        update(hr, total, g3)
    assert_same_steps(before, ours, nets)


def test_the_warm_up_moves_only_d2_and_g3() -> None:
    settings = replace(PROFILE.stages["cincgan-joint"], warmup_steps=1)
    stage, _ = make_stage(JointStage, settings, DATA, NEEDS, seed=0)
    before = {name: [p.clone() for p in network.parameters()] for name, network in stage.networks.items()}
    stage.step(0)
    assert moved(before, stage) == {"d2", "g3"}
    stage.step(1)
    stage.step(2)
    assert moved(before, stage) == {"g1", "g2", "g3", "sr", "d1", "d2"}


def moved(before: dict[str, list[Tensor]], stage: Stage) -> set[str]:
    return {
        name
        for name, network in stage.networks.items()
        if any(not torch.equal(a, b) for a, b in zip(before[name], network.parameters(), strict=True))
    }
