"""Floors: scikit-image's denoisers with defaults or blind estimates, then the method bicubic; and marks of rows below them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle
from torch import Tensor

from baselines.bicubic.method import Bicubic
from baselines.classical import bm3d
from baselines.classical.noise import Pixels, noise_level, subsampled_noise_level
from benchmarks.catalog.methods import get_method, methods
from benchmarks.core.lazy import resolve
from benchmarks.results.record import SanityCheck
from reports.marks import below_floors, text_of

ESTIMATES = (noise_level, subsampled_noise_level)
FLOORS = ("gaussian-bicubic", "tv-bicubic", "nlm-bicubic", "bm3d-bicubic")


def scene(correlation: float = 0.0, seed: int = 0) -> tuple[Pixels, Pixels]:
    """A smooth image ``(48, 48, 3)`` in [0, 1] with an edge, and the same with noise of 14 / 255, correlated or not."""
    y, x = np.mgrid[:48, :48] / 48
    clean = np.stack([0.3 + 0.4 * x, 0.2 + 0.5 * y, 0.4 + 0.2 * (x > y)], axis=-1)
    noise = np.random.default_rng(seed).normal(size=clean.shape)
    if correlation:
        noise = gaussian_filter(noise, (correlation, correlation, 0), mode="wrap")
    return clean.astype(np.float32), (clean + 14 / 255 * noise / noise.std()).astype(np.float32)


def batch(image: Pixels) -> Tensor:
    return torch.from_numpy(image.transpose(2, 0, 1).copy())[None]


def denoised(name: str, image: Pixels) -> Pixels:
    """The floor's denoiser, written down a second time."""
    sigma = subsampled_noise_level(image)
    if name == "gaussian-bicubic":
        return gaussian_filter(image, (1, 1, 0), mode="nearest")
    if name == "tv-bicubic":
        return denoise_tv_chambolle(image, channel_axis=-1).astype(np.float32)  # type: ignore[no-any-return]
    if name == "nlm-bicubic":
        return denoise_nl_means(image, h=0.8 * sigma, sigma=sigma, channel_axis=-1).astype(np.float32)  # type: ignore[no-any-return]
    return bm3d.denoise(image, sigma)


@pytest.mark.parametrize("name", FLOORS)
def test_a_floor_is_a_denoiser_and_then_bicubic(name: str) -> None:
    clean, noisy = scene(0.65)
    method = resolve(get_method(name).target).from_stages({}, 4)
    expected = Bicubic(4)(batch(denoised(name, noisy)))
    torch.testing.assert_close(method(batch(noisy)), expected, atol=1e-5, rtol=0)
    assert (method(batch(noisy)) - Bicubic(4)(batch(clean))).std() < (Bicubic(4)(batch(noisy)) - Bicubic(4)(batch(clean))).std()


@pytest.mark.parametrize("name", FLOORS)
def test_a_flat_image_stays_flat(name: str) -> None:
    flat = torch.full((1, 3, 24, 24), 0.5)
    torch.testing.assert_close(resolve(get_method(name).target).from_stages({}, 4)(flat), torch.full((1, 3, 96, 96), 0.5))


def test_the_subsampled_estimate_is_right_where_the_usual_one_is_not() -> None:
    usual, subsampled = (np.mean([estimate(scene(0.65, seed)[1]) * 255 / 14 for seed in range(5)]) for estimate in ESTIMATES)
    assert usual < 0.5 < 0.8 < subsampled < 1.15
    white = [np.mean([estimate(scene(0, seed)[1]) * 255 / 14 for seed in range(5)]) for estimate in ESTIMATES]
    assert white == pytest.approx([1, 1], abs=0.1)


def test_floors_are_a_group_of_their_own_that_nothing_is_trained_for() -> None:
    classical = [name for name, entry in methods().items() if entry.group == "classical"]
    assert classical == [*FLOORS, "bm3d-edsr", "bm3d-edsr-correlated"]
    assert not any(get_method(name).trains for name in classical)


def test_learned_methods_below_a_floor_are_marked_whichever_floor_it_is() -> None:
    psnr = {"bicubic": 22.0, "nlm-bicubic": 24.0, "tv-bicubic": 23.0, "edsr": 23.9, "cincgan": 24.1, "realsr": 20.0}
    marks = below_floors({"rgb": psnr, "ntire2018": {**psnr, "cincgan": 22.5}})
    assert marks == {
        "edsr": "mean PSNR below 1 of 3 floors (rgb), 1 of 3 floors (ntire2018)",
        "cincgan": "mean PSNR below 2 of 3 floors (ntire2018)",
        "realsr": "mean PSNR below 3 of 3 floors (rgb), 3 of 3 floors (ntire2018)",
    }
    assert below_floors({"rgb": {"edsr": 23.9, "cincgan": 24.1}}) == {}


def test_an_undertrained_row_says_what_it_gained_and_what_it_needs() -> None:
    check = SanityCheck("clean", "validation", 8, 30.04, 30.0, 0.25, "undertrained")
    assert text_of(check) == "undertrained: +0.04 dB over bicubic on clean LR of validation images, +0.25 needed"
