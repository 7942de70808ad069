"""Noise injection: windows of its pool, the noise that it adds, the blur that it measures, and the loss of its step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import l1_loss

from baselines.noise_injection.blur import blurred_lr, fitted_width
from baselines.noise_injection.method import NoiseInjection
from baselines.noise_injection.noise_pool import NoisePool, quiet_windows, window_sums
from baselines.noise_injection.settings import NoiseInjectionSettings
from baselines.noise_injection.stage import blurred_pairs
from benchmarks.api.image import Image
from benchmarks.catalog.methods import variants_of
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.training.networks.edsr import EDSR
from benchmarks.training.pair_source import BatchDraws
from tests.helpers.stages import PROFILE, seeded, trained, visible

SETTINGS: NoiseInjectionSettings = load_profile("demo").stages["noise-injection"]
SIDE, SIGMA = SETTINGS.training.patch_size, 14.0


def noisy(level: float, seed: int, size: tuple[int, int] = (72, 72), texture: float = 0.0) -> Image:
    """A grey image with noise of standard deviation ``SIGMA``, and coarse texture."""
    rng = np.random.default_rng(seed)
    coarse = np.kron(rng.normal(0, 1, (size[0] // 8, size[1] // 8, 1)), np.ones((8, 8, 3)))
    return np.clip(level + texture * coarse + rng.normal(0, SIGMA, (*size, 3)), 0, 255).round().astype(np.uint8)


def test_window_sums_are_those_of_a_loop() -> None:
    values = np.random.default_rng(0).uniform(size=(13, 17, 2))
    sums = window_sums(values, 5, 3)
    expected = [[values[top : top + 5, left : left + 5].sum((0, 1)) for left in range(0, 13, 3)] for top in range(0, 9, 3)]
    np.testing.assert_allclose(sums, expected)


def test_the_published_threshold_selects_nothing_and_the_quantile_the_flat_windows() -> None:
    images = [noisy(128, 0, texture=40), noisy(128, 1), noisy(128, 2, texture=40)]
    grey = [image @ np.array([0.299, 0.587, 0.114]) for image in images]
    windows = [g[top : top + SIDE, left : left + SIDE] for g in grey for top in range(0, 49, 4) for left in range(0, 49, 4)]
    assert min(window.var() for window in windows) > 20, "RealSR's threshold, under noise of this strength"
    places = quiet_windows(images, SIDE, replace(SETTINGS, quantile=0.2))
    assert len(places) == pytest.approx(0.2 * len(windows), abs=1) and {place.image for place in places} == {1}
    chosen = sorted(grey[p.image][p.top : p.top + SIDE, p.left : p.left + SIDE].var() for p in places)
    assert chosen == pytest.approx(sorted(window.var() for window in windows)[: len(places)])


def test_clipped_windows_are_left_out_whatever_their_variance() -> None:
    """Night sky has half a noise, and so has a channel that is saturated."""
    night, white, red = noisy(2, 0), noisy(252, 1), noisy(128, 2)
    red[..., 0] = noisy(254, 3)[..., 0]
    assert noisy(2, 0).var() < noisy(128, 4).var() / 2
    assert {place.image for place in quiet_windows([night, white, red, noisy(128, 4)], SIDE, SETTINGS)} == {3}
    small = noisy(128, 5, (SIDE - 8, 72))
    assert quiet_windows([night, white, small], SIDE, SETTINGS) == []
    pool = NoisePool([night, white, small], SETTINGS)
    with pytest.raises(UsageError, match=r"^X has no window of 24x24 pixels with means from 40 to 215 in all channels: --set"):
        pool(torch.zeros(1, 3, SIDE, SIDE), torch.zeros(1), BatchDraws(torch.Generator(), 1))


def test_noise_has_the_strength_of_x_and_no_mean() -> None:
    pool = NoisePool([noisy(128, seed) for seed in range(3)], SETTINGS)
    clean = torch.full((16, 3, SIDE, SIDE), 0.5)
    hr = torch.rand(16, 3, 4, 4)
    lr, same = pool(clean, hr, BatchDraws(torch.Generator().manual_seed(0), 16))
    noise = lr - clean
    assert same is hr
    assert noise.mean((2, 3)).abs().max() < 1e-6
    assert 255 * noise.std() == pytest.approx(SIGMA, rel=0.08)
    assert len({tuple(patch[0, 0, :4].tolist()) for patch in noise}) > 8, "patches of a batch have noise of their own"
    dark, _ = pool(torch.zeros_like(clean), hr, BatchDraws(torch.Generator().manual_seed(0), 16))
    torch.testing.assert_close(dark, noise.clamp(min=0), atol=1e-6, rtol=0)


def scene(rng: np.random.Generator, side: int = 256) -> Image:
    """A random HR image whose amplitudes fall off with the frequency, as those of photographs do."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    frequency[0, 0] = np.inf
    values = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(side, side))) / frequency)
    return np.clip(128 + 40 * (values / values.std())[..., None] * np.ones(3), 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("width", [0.0, 0.4, 0.7])
def test_the_width_of_a_blur_is_measured_under_noise(width: float) -> None:
    """X and Z are of other scenes: LR images of Z are sharp, those of X are blurred and noisy."""
    rng = np.random.default_rng(1)
    hr = [scene(rng) for _ in range(8)]
    clean = [*blurred_lr(hr[:4], width, 4), np.full((64, 64, 3), 128, np.uint8)]
    x = [np.clip(image + rng.normal(0, 6, image.shape), 0, 255).round().astype(np.uint8) for image in clean]
    quiet = quiet_windows(x, SIDE, replace(SETTINGS, quantile=0.05))
    assert {place.image for place in quiet} == {4}, "the image without content"
    assert fitted_width(x, blurred_lr(hr[4:], 0, 4), quiet, SIDE) == pytest.approx(width, abs=0.12)


def test_a_step_is_the_l1_loss_of_the_noisy_patch() -> None:
    stage, _ = seeded("noise-injection")
    before = {key: value.clone() for key, value in stage.networks["sr"].state_dict().items()}
    losses = stage.step(0)
    lr, sr = stage.probe()
    again, _ = seeded("noise-injection")
    twin_lr, hr = again.draw_pairs()  # type: ignore[attr-defined]
    assert torch.equal(lr, twin_lr) and (lr.min(), lr.max()) >= (0, 0) and lr.max() <= 1
    assert list(losses) == ["l1"] and losses["l1"] == l1_loss(sr, hr)
    assert any(not torch.equal(value, before[key]) for key, value in stage.networks["sr"].state_dict().items())


def test_sr_is_edsr_alone_in_the_schedule_of_edsr_paired() -> None:
    for name in ("smoke", "demo", "paper"):
        stages = load_profile(name).stages
        assert stages["noise-injection"].training == stages["edsr-paired"].training
    method = NoiseInjection.from_stages({"edsr": trained("edsr"), "noise-injection": trained("noise-injection")}, 4)
    assert method.descriptor.receptive_field is not None
    assert sum(p.numel() for p in EDSR(channels=64, blocks=16, res_scale=1.0, scale=4).parameters()) == 1_517_571
    assert list(variants_of("noise-injection")) == ["noise-injection/blur-noise"]


def test_the_variant_learns_from_blurred_images() -> None:
    data = visible("noise-injection")
    lr, hr = blurred_pairs(PROFILE.stages["noise-injection"], data)
    assert all(np.array_equal(image, z) for image, z in zip(hr, data.z(), strict=True))
    for image, y in zip(lr, data.y(), strict=True):
        assert image.shape == y.shape and np.diff(image.astype(float)).var() < np.diff(y.astype(float)).var()
