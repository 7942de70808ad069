"""Random degradation models: their parts against libraries, and the draws of each image."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import convolve
from torch.nn.functional import interpolate

from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.degradations import blur_kernels
from benchmarks.degradations.bsrgan import BSRGAN, STEPS, _random_order
from benchmarks.degradations.first_order import FirstOrder
from benchmarks.degradations.jpeg import jpeg
from benchmarks.degradations.operator import random_stream
from benchmarks.degradations.ranges import odd_size
from benchmarks.degradations.real_esrgan import BETAS, RealESRGAN
from benchmarks.degradations.resizing import INTERPOLATIONS, Interpolation, resize
from benchmarks.degradations.sensor_noise import correlated_noise, gaussian_noise, shot_noise

MODELS = (FirstOrder, RealESRGAN, BSRGAN)
GENERATOR = np.random.default_rng(0)


def photograph(height: int, width: int) -> Any:
    """Smooth colours with a sharp edge and some grain, on the 0-255 scale."""
    rows, columns = np.mgrid[0:height, 0:width]
    image = 128 + 70 * np.sin(rows / 11)[..., None] * np.cos(columns[..., None] / np.array([7.0, 9.0, 13.0]))
    image[:, width // 2 :] -= 40
    return np.clip(image + np.random.default_rng(1).normal(scale=3, size=image.shape), 0, 255)


# JPEG


@pytest.mark.parametrize("quality", [30, 60, 95])
def test_jpeg_loses_what_a_library_loses(quality: int) -> None:
    image = np.round(photograph(70, 93))
    stream = io.BytesIO()
    Image.fromarray(image.astype(np.uint8)).save(stream, "JPEG", quality=quality)
    decoded = np.asarray(Image.open(stream)).astype(float)
    ours = jpeg(image, quality)
    lost = np.abs(decoded - image).mean()
    assert ours.shape == image.shape and np.abs(ours - decoded).mean() < 1.1 < lost
    assert np.abs(ours - image).mean() == pytest.approx(lost, rel=0.1)


def test_jpeg_keeps_flat_images_to_the_rounding_of_a_quantisation_step() -> None:
    for value in range(0, 256, 5):
        flat = jpeg(np.full((9, 9, 3), float(value)), 50)
        assert np.ptp(flat) == 0 and abs(flat[0, 0, 0] - value) <= 1  # half a step of the mean is 16 / 2 / 8


# Resizing, blur and noise


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("size", [(7, 5), (31, 40), (20, 33), (13, 50), (1, 1)])
def test_resizing_is_pytorchs(interpolation: Interpolation, size: tuple[int, int]) -> None:
    image = np.random.default_rng(2).random((20, 33, 3))
    batch = torch.from_numpy(image).permute(2, 0, 1)[None]
    options = {} if interpolation == "area" else {"align_corners": False}
    expected = interpolate(batch, size=size, mode=interpolation, **options)[0].permute(1, 2, 0).numpy()
    assert np.allclose(resize(image, *size, interpolation), expected, atol=1e-6)


def test_blur_is_a_convolution_with_mirrored_borders() -> None:
    image, kernel = photograph(24, 31), np.random.default_rng(3).random((7, 7))
    expected = np.stack([convolve(image[..., c], kernel, mode="mirror") for c in range(3)], axis=-1)
    assert np.allclose(blur_kernels.blur(image, kernel), expected)


def test_kernels_have_the_stated_widths_and_shapes() -> None:
    gaussian = blur_kernels.gaussian(31, (3.0, 1.5))
    offsets = np.arange(31) - 15
    assert (gaussian.sum(0) * offsets**2).sum() == pytest.approx(9, rel=0.01)  # along the rows' direction
    assert (gaussian.sum(1) * offsets**2).sum() == pytest.approx(2.25, rel=0.01)
    assert np.allclose(blur_kernels.generalised_gaussian(31, (3.0, 1.5), 0.0, 1.0), gaussian)
    turned = blur_kernels.gaussian(31, (3.0, 1.5), np.pi / 2)
    assert np.allclose(turned, gaussian.T)
    flat = blur_kernels.plateau(31, (3.0, 3.0), 0.0, 2.0)
    assert flat[15, 15] == pytest.approx(2 * flat[15, 18]), "half its height at the width"
    for kernel in (gaussian, flat, blur_kernels.low_pass(13, 1.0)):
        assert kernel.sum() == pytest.approx(1)


def test_a_low_pass_filter_stops_what_is_above_its_cut_off() -> None:
    response = np.abs(np.fft.fft2(blur_kernels.low_pass(21, np.pi / 3), (96, 96)))[0]
    assert response[:10].min() > 0.8  # up to 0.2 pi, below the cut-off at a third of it
    assert response[26:48].max() < 0.15


def test_noise_is_grey_coloured_or_correlated_and_has_the_stated_strength() -> None:
    shape = (128, 128, 3)
    assert gaussian_noise(shape, 10.0, GENERATOR, grey=True).shape == (128, 128, 1)
    assert gaussian_noise(shape, 10.0, GENERATOR, grey=False).std() == pytest.approx(10, rel=0.03)
    correlated = correlated_noise(shape, 10.0, GENERATOR).reshape(-1, 3)
    covariance = np.cov(correlated.T)
    assert covariance.min() > -1 and np.diag(covariance).max() <= 105
    assert np.abs(np.corrcoef(correlated.T) - np.eye(3)).max() > 0.05
    signal = np.full(shape, 51.0)
    signal[:64] = 204.0
    noise = shot_noise(signal, GENERATOR, grey=False)  # two values: two photons at full white
    for half, level in ((noise[:64], 0.8), (noise[64:], 0.2)):
        assert half.std() == pytest.approx(255 * np.sqrt(level / 2), rel=0.05) and abs(half.mean()) < 3
    assert shot_noise(signal, GENERATOR, grey=True).shape == (128, 128, 1)


# Draws


def test_odd_sizes_are_drawn_from_all_within_bounds() -> None:
    assert {odd_size((7, 13), GENERATOR) for _ in range(200)} == {7, 9, 11, 13}
    assert {odd_size((6, 10), GENERATOR) for _ in range(200)} == {7, 9}
    assert odd_size((8, 8), GENERATOR) == 9


def test_strengths_are_drawn_for_each_image() -> None:
    flat = np.full((64, 64, 3), 128, np.uint8)
    noise = [FirstOrder().degrade(flat, 4, str(index)).astype(float).std() for index in range(60)]
    assert 0.8 < min(noise) < 5 and 25 < max(noise) < 34
    assert np.mean(noise) == pytest.approx(15.5, rel=0.2)  # the middle of 1 to 30


@pytest.mark.parametrize("model", MODELS)
def test_ranges_decide_the_strength(model: Callable[..., Any]) -> None:
    image = photograph(64, 64).astype(np.uint8)
    quiet: dict[str, Any] = {"noise_sigma": (0.0, 0.0)}
    if model is RealESRGAN:
        quiet |= {"second_noise_sigma": (0.0, 0.0), "poisson_scale": (0.0, 0.0), "second_poisson_scale": (0.0, 0.0)}
    if model is not FirstOrder:
        quiet |= {"jpeg": False}
    clean = resize(image.astype(float), 16, 16, "area")

    def error(operator: Any) -> float:
        lr = [operator.degrade(image, 4, str(name)).astype(float) for name in range(12)]
        return float(np.mean([np.abs(image - clean).mean() for image in lr]))

    assert error(model(**quiet)) < 0.75 * error(model())


def test_the_order_of_bsrgans_steps_is_random_but_for_the_last_downscaling() -> None:
    orders = [_random_order(np.random.default_rng(seed)) for seed in range(300)]
    assert len({tuple(order) for order in orders}) > 120  # of 180
    for order in orders:
        assert sorted(order) == sorted(STEPS) and order.index("shrink") < order.index("fit")


def test_subsampling_by_bsrgan_takes_the_middle_of_a_lr_pixel() -> None:
    ramp = np.arange(96.0)[:, None, None] + np.zeros((96, 96, 3))
    shrunk = BSRGAN(resize_share=0.0)._shrunk(ramp, 4, random_stream("ramp", 0))
    assert shrunk.shape == (24, 24, 3)
    assert np.allclose(shrunk[6:-6, :, 0], (4 * np.arange(24) + 1.5)[6:-6, None])


def test_real_esrgans_shapes_have_ranges_on_both_sides_of_a_gaussian() -> None:
    assert all(low <= 1 <= high for low, high in BETAS.values())
    kernels = [RealESRGAN()._kernel((0.2, 3.0), random_stream("kernel", seed)) for seed in range(150)]
    assert {kernel.shape[0] for kernel in kernels} == set(range(7, 22, 2))
    assert all(kernel.sum() == pytest.approx(1) for kernel in kernels)
    assert 3 < sum(bool(kernel.min() < -1e-4) for kernel in kernels) < 30, "a tenth are low-pass filters"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("noise_sigma=[9, 3]", "noise_sigma: 9.0 is larger than 3.0"),
        ("noise_sigma=[1]", "noise_sigma is .* a list is needed|noise_sigma"),
        ("noise_sigma=5", "noise_sigma is a whole number .5.: a list is needed"),
        ("noise_sigma=[1, 300]", r"noise_sigma\[1\] is 300: a number from 0 to 255 is needed"),
    ],
)
def test_ranges_that_do_not_fit_are_one_line(change: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        load_profile("smoke", ["degradation=bsrgan", f"degradations.bsrgan.{change}"])
    assert "\n" not in str(caught.value)
