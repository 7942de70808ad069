"""DSGAN: sizes of its networks, frequency separation, the ties of its variants, and pairs of the frozen generator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter
from torch import Tensor

from baselines.dsgan.degradation import DegradationStage, cross_entropy, tie_loss
from baselines.dsgan.method import DSGAN
from baselines.dsgan.network import Discriminator, Generator, HighPass
from baselines.dsgan.settings import DegradationSettings
from baselines.dsgan.stage import DSGANStage
from benchmarks.api.method import TrainedStage
from benchmarks.catalog.methods import get_method
from benchmarks.catalog.profiles import changed, load_profile
from benchmarks.core.errors import UsageError
from benchmarks.training.stage import make_stage
from tests.helpers.stages import PROFILE, trained, visible

PAPER: DegradationSettings = load_profile("paper").stages["dsgan-degradation"]


def parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def pair(size: int = 32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, size, size, generator=generator), torch.rand(2, 3, size, size, generator=generator)


def variant(name: str) -> DegradationSettings:
    """Settings of a variant in the profile ``paper``."""
    profile = changed(load_profile("paper"), get_method(f"dsgan/{name}").changes)
    settings: DegradationSettings = profile.stages["dsgan-degradation"]
    return settings


def test_the_networks_have_the_published_sizes() -> None:
    assert parameters(Generator(PAPER.generator)) == 594_380
    assert parameters(Discriminator(PAPER.discriminator)) == 1_030_273
    assert Generator(PAPER.generator)(torch.randn(1, 3, 9, 8)).sigmoid().shape == (1, 3, 9, 8)


def test_a_score_depends_on_17_pixels_with_the_filter_and_13_without() -> None:
    with_filter = replace(PAPER.discriminator, channels=4)
    for settings, side in ((with_filter, 17), (replace(with_filter, highpass_window=0), 13)):
        network = Discriminator(settings).eval()
        image = torch.rand(1, 3, 41, 41, requires_grad=True)
        network(image)[0, 0, 20, 20].backward()
        assert image.grad is not None
        rows, columns = np.nonzero(image.grad[0].abs().sum(0).numpy())
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20 - side // 2, 20 + side // 2) * 2


def test_the_filter_keeps_no_colour_and_counts_no_pixels_beyond_the_border() -> None:
    image, _ = pair()
    filtered = HighPass(5)(image)
    torch.testing.assert_close(HighPass(5)(torch.full_like(image, 0.7)), torch.full_like(image, 0.5))
    middle = (slice(None), slice(None), slice(4, -4), slice(4, -4))
    expected = (image - torch.from_numpy(uniform_filter(image.numpy(), (0, 0, 5, 5)))) / 2 + 0.5
    torch.testing.assert_close(filtered[middle], expected[middle])
    assert filtered[0, 0, 0, 0].item() == pytest.approx(((image[0, 0, 0, 0] - image[0, 0, :3, :3].mean()) / 2 + 0.5).item())


def test_ties_are_errors_of_local_means() -> None:
    degraded, clean = pair()
    difference = (degraded - clean).numpy()
    means = uniform_filter(difference, (0, 0, 5, 5))[:, :, 2:-2, 2:-2]
    assert tie_loss(degraded, clean, PAPER).item() == pytest.approx(np.abs(means).mean(), rel=1e-4)
    assert tie_loss(degraded, clean, variant("high-to-low")).item() == pytest.approx((difference**2).mean(), rel=1e-4)
    boxes = difference.reshape(2, 3, 2, 16, 2, 16).mean(axis=(3, 5))
    assert tie_loss(degraded, clean, variant("low-frequency")).item() == pytest.approx(np.abs(boxes).mean(), rel=1e-4)


def test_a_tie_of_wide_means_forbids_neither_blur_nor_noise() -> None:
    """With a tie of pixels bicubic images are a comfortable optimum."""
    clean, _ = pair()
    noise = 0.05 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    losses = {name: tie_loss(clean + noise, clean, variant(name)).item() for name in ("high-to-low", "low-frequency")}
    assert losses["low-frequency"] < 0.1 * losses["high-to-low"] ** 0.5


def test_the_adversarial_loss_is_the_logarithmic_one() -> None:
    scores, _ = pair(8)
    assert cross_entropy(scores, True).item() == pytest.approx(-torch.log(scores.sigmoid()).mean().item(), rel=1e-5)
    assert cross_entropy(scores, False).item() == pytest.approx(-torch.log(1 - scores.sigmoid()).mean().item(), rel=1e-5)


def test_a_window_larger_than_a_patch_is_one_clear_line() -> None:
    with pytest.raises(UsageError, match="tie_window 33 is larger than patch_size 24"):
        load_profile("demo", ["stages.dsgan-degradation.tie_window=33"])


def sr_stage(**changes: Any) -> DSGANStage:
    first = trained("dsgan-degradation")
    first = TrainedStage(replace(first.settings, **changes), first.weights, 4)
    needs = {"edsr": trained("edsr"), "dsgan-degradation": first}
    stage, _ = make_stage(DSGANStage, PROFILE.stages["dsgan"], visible("dsgan"), needs, seed=3)
    assert isinstance(stage, DSGANStage)
    return stage


def test_sr_learns_from_8_bit_images_of_a_generator_that_stays_as_it_is() -> None:
    stage, twin = sr_stage(), sr_stage()
    before = {name: value.clone() for name, value in stage.generator.state_dict().items()}
    lr, hr = twin.sampler.draw_pairs()
    noise = twin.draws.normal(3, *lr.shape[2:])
    with torch.no_grad():
        expected = twin.generator(lr + stage.input_noise * noise)
    stage.step(0)
    seen, _ = stage.probe()
    torch.testing.assert_close(seen, expected.clamp(0, 1), atol=0.51 / 255, rtol=0)
    torch.testing.assert_close((255 * seen).round() / 255, seen, atol=1e-6, rtol=0)
    assert hr.shape[-1] == 4 * seen.shape[-1]
    assert all(torch.equal(value, before[name]) for name, value in stage.generator.state_dict().items())


def test_the_degradation_does_not_collapse_to_the_clean_image() -> None:
    """Generators of the small profiles start as white noise on the clean image."""
    stage, _ = make_stage(DegradationStage, PROFILE.stages["dsgan-degradation"], visible("dsgan-degradation"), {}, seed=3)
    stage.step(0)
    clean, degraded = stage.probe()
    assert (degraded - clean).std().item() == pytest.approx(PAPER.input_noise, rel=0.1)


def test_the_method_is_sr_alone() -> None:
    stage = sr_stage()
    stage.step(0)
    weights = {name: network.state_dict() for name, network in stage.networks.items()}
    method = DSGAN.from_stages({"edsr": trained("edsr"), "dsgan": TrainedStage(None, weights, 4)}, 4)
    lr = torch.rand(1, 3, 20, 24)
    assert torch.equal(method(lr), stage.networks["sr"].eval()(lr).detach())
