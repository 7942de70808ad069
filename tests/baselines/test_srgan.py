"""SRGAN: published sizes, its step against a step written by hand, fine-tuning, and settings of the perceptual loss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, l1_loss

from baselines.srgan.method import SRGAN
from baselines.srgan.network import Discriminator, Generator, MSRResNet
from baselines.srgan.paired_stage import PairedSRGANStage
from baselines.srgan.stage import SRGANStage
from benchmarks.api.method import TrainedStage
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.planning.plan import make_plan
from benchmarks.training.loop import train
from benchmarks.training.networks.resampling import resample
from benchmarks.training.stage import Stage, make_stage
from tests.helpers.stages import PROFILE, trained, visible
from tests.helpers.steps import assert_same_steps, update, weights


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_published_sizes() -> None:
    assert count(MSRResNet(channels=64, blocks=16, scale=4)) == 1_517_571  # AIM 2019 constrained SR challenge, MSRResNet
    assert count(Discriminator(channels=64)) == 14_499_401


def test_the_generator_is_msrresnet_but_for_its_skip_connection() -> None:
    network, lr = Generator(PROFILE.stages["srgan"], 4), torch.rand(2, 3, 12, 10)
    bilinear = nn.functional.interpolate(lr, scale_factor=4, mode="bilinear", align_corners=False)
    torch.testing.assert_close(network(lr) - resample(lr, 4), network.net(lr) - bilinear, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["smoke", "demo", "paper"])
def test_the_loss_weights_are_basicsrs_in_every_profile(name: str) -> None:
    srgan = load_profile(name).stages["srgan"]
    assert (srgan.pixel, srgan.perceptual, srgan.adversarial) == (1e-2, 1.0, 5e-3)
    assert srgan.pixel_steps < srgan.training.steps


class Edges(nn.Module):
    """Stand-in for VGG16: differences of neighbouring pixels."""

    def forward(self, image: Tensor) -> Tensor:
        return image.diff(dim=-1)


def twins(**changes: Any) -> tuple[Stage, Stage]:
    settings = PROFILE.stages["srgan"]
    settings = replace(settings, training=replace(settings.training, precision="float32"), **changes)
    first, second = (make_stage(SRGANStage, settings, visible("srgan"), {}, seed=3)[0] for _ in range(2))
    for stage in (first, second):
        stage.__dict__["features"] = Edges()
    return first, second


def cross_entropy(scores: Tensor, target: float) -> Tensor:
    return binary_cross_entropy_with_logits(scores, torch.full_like(scores, target))


def test_a_gan_step_is_d_and_then_the_generator_on_three_losses() -> None:
    ours, twin = twins(pixel_steps=0)
    assert isinstance(twin, SRGANStage)
    nets, rates = twin.networks, ours.learning_rates
    g, d = (torch.optim.Adam(nets[name].parameters(), rates[name], (0.9, 0.999), eps=1e-8) for name in ("sr", "d"))
    before = weights(nets)
    for index in range(2):
        ours.step(index)
        lr, hr = twin.sampler.draw_pairs()
        sr = nets["sr"](lr)
        update(d, cross_entropy(nets["d"](hr), 1.0) + cross_entropy(nets["d"](sr.detach()), 0.0))
        perceptual = l1_loss(sr.diff(dim=-1), hr.diff(dim=-1))
        update(g, 1e-2 * l1_loss(sr, hr) + perceptual + 5e-3 * cross_entropy(nets["d"](sr), 1.0))
    assert_same_steps(before, ours, nets)


def test_the_pixel_phase_trains_the_generator_alone() -> None:
    ours, _ = twins(pixel_steps=2)
    before = weights(ours.networks)
    assert set(ours.step(0)) == {"l1"}
    after = weights(ours.networks)
    assert torch.equal(before["d"], after["d"])
    assert not torch.equal(before["sr"], after["sr"])
    assert set(ours.step(2)) == {"d", "pixel", "perceptual", "adversarial"}
    assert not torch.equal(before["d"], weights(ours.networks)["d"])


@pytest.mark.train
@pytest.mark.parametrize("steps", [0, 3])
def test_a_training_that_ends_in_the_pixel_phase_keeps_its_weights(steps: int, tmp_path: Path) -> None:
    settings = PROFILE.stages["srgan"]
    settings = replace(settings, training=replace(settings.training, steps=steps), pixel_steps=5)
    stage, generator = make_stage(SRGANStage, settings, visible("srgan"), {}, seed=0)
    before = weights(stage.networks)["sr"]
    saved = train(stage, generator, tmp_path / "none").weights
    assert torch.equal(before, weights(stage.networks)["sr"]) == (steps == 0)
    assert all(torch.equal(saved["sr"][name], tensor) for name, tensor in stage.networks["sr"].state_dict().items())


def unlike_bicubic(lr: Tensor, hr: Tensor) -> float:
    return float(l1_loss(lr, nn.functional.interpolate(hr, scale_factor=0.25, mode="bicubic", antialias=True)))


def test_fine_tuning_starts_from_srgan_and_sees_degraded_pairs() -> None:
    base = trained("srgan")
    settings = replace(PROFILE.stages["srgan-paired"], pixel_steps=0)
    clean, _ = make_stage(SRGANStage, base.settings, visible("srgan"), {}, seed=3)
    stage, _ = make_stage(PairedSRGANStage, settings, visible("srgan-paired"), {"srgan": base}, seed=3)
    assert isinstance(stage, PairedSRGANStage)
    assert isinstance(clean, SRGANStage)
    for name, network in stage.networks.items():
        assert all(torch.equal(base.weights[name][key], tensor) for key, tensor in network.state_dict().items())
    assert stage.settings == replace(base.settings, training=settings.training, pixel_steps=0)
    assert unlike_bicubic(*clean.sampler.draw_pairs()) < 0.005  # rounding, and what is beyond a patch's border
    assert unlike_bicubic(*stage.sampler.draw_pairs()) > 0.03  # blur, shift and noise
    stage.__dict__["features"] = Edges()
    before = weights(stage.networks)
    stage.step(0)
    after = weights(stage.networks)
    assert all(not torch.equal(before[name], after[name]) for name in ("sr", "d"))


def test_the_method_enlarges_by_the_last_stage() -> None:
    base = trained("srgan")
    finer = TrainedStage(PROFILE.stages["srgan-paired"], {"sr": {k: 2 * w for k, w in base.weights["sr"].items()}}, 4)
    lr = torch.rand(1, 3, 20, 24)
    first, second = (SRGAN.from_stages(stages, 4)(lr) for stages in ({"srgan": base}, {"srgan": base, "srgan-paired": finer}))
    assert first.shape == second.shape == (1, 3, 80, 96)
    assert not torch.equal(first, second)


def test_a_guessing_discriminator_has_the_loss_that_the_health_check_looks_for() -> None:
    blind = torch.zeros(4, 1)
    assert SRGANStage.guessing_loss == pytest.approx(float(cross_entropy(blind, 1.0) + cross_entropy(blind, 0.0)))


def test_another_patch_size_is_refused() -> None:
    for stage in ("srgan", "srgan-paired"):
        with pytest.raises(UsageError, match="patch_size must be 32"):
            load_profile("smoke", [f"stages.{stage}.training.patch_size=24"])


def test_the_network_of_the_loss_is_a_setting_that_the_cell_names() -> None:
    cells = {cell.label: cell for cell in make_plan(load_profile("paper"), ["srgan-paired"]) if cell.kind == "train"}
    assert list(cells["srgan"].settings.weights) == list(cells["srgan-paired"].settings.weights) == ["vgg19"]
    other = ["stages.srgan.vgg=vgg16", "stages.srgan.vgg_layer=conv5_3"]
    cells = {cell.label: cell for cell in make_plan(load_profile("paper", other), ["srgan-paired"]) if cell.kind == "train"}
    assert list(cells["srgan-paired"].settings.weights) == ["lpips-vgg"]
    with pytest.raises(UsageError, match="vgg_layer conv5_4: vgg16 has conv2_2, conv3_3, conv4_3, conv5_3"):
        load_profile("paper", other[:1])
