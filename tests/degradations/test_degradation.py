"""Bicubic resampling against BasicSR's port of MATLAB; bits and properties of the track-2-like operator."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import center_of_mass, shift

from benchmarks.degradations.bicubic import Bicubic
from benchmarks.degradations.imresize import imresize
from benchmarks.degradations.operator import random_stream
from benchmarks.degradations.rounding import to_uint8
from benchmarks.degradations.track2_like import Track2Like
from benchmarks.measuring.basicsr_oracles import matlab_imresize
from tests.helpers.basicsr import needs_basicsr

STRONG = Track2Like(
    blur_sigma_min=0.7,
    blur_sigma_max=1.6,
    motion_max=2.0,
    shift_max=2.0,
    noise_gaussian=12.0,
    noise_signal=8.0,
    noise_correlation=0.0,
    seed=0,
)
CLEAN = replace(STRONG, noise_gaussian=0.0, noise_signal=0.0)
WEAK = Track2Like(
    blur_sigma_min=0.2,
    blur_sigma_max=0.9,
    motion_max=1.5,
    shift_max=1.25,
    noise_gaussian=3.0,
    noise_signal=2.0,
    noise_correlation=0.65,
    seed=7,
)
PHOTO = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)


@needs_basicsr
@settings(max_examples=30, deadline=None)
@given(st.integers(8, 60), st.integers(8, 60), st.sampled_from([0.25, 0.5, 1 / 3, 2.0, 4.0]), st.integers(0, 100))
def test_imresize_equals_the_matlab_port(height: int, width: int, scale: float, seed: int) -> None:
    image = np.random.default_rng(seed).random((height, width, 3))
    expected = matlab_imresize(image, scale)
    ours = imresize(image, scale)
    assert ours.shape == expected.shape
    assert np.abs(ours - expected).max() < 2e-6  # the port computes in float32


def test_imresize_keeps_constants_and_does_not_clip() -> None:
    assert np.allclose(imresize(np.full((13, 17, 3), 0.7), 0.25), 0.7)
    step = np.zeros((16, 16, 3))
    step[:, 8:] = 1
    assert imresize(step, 4).max() > 1


def test_the_same_image_and_seed_give_the_same_bits_and_others_do_not() -> None:
    first = STRONG.degrade(PHOTO, 4, "a")
    assert first.shape == (16, 12, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, STRONG.degrade(PHOTO, 4, "a"))
    assert not np.array_equal(first, STRONG.degrade(PHOTO, 4, "b"))
    assert not np.array_equal(first, replace(STRONG, seed=1).degrade(PHOTO, 4, "a"))


GOLDEN = {
    ("bicubic", 2): "ba4a2561eff83273",
    ("bicubic", 3): "77f93c4a1b83edab",
    ("bicubic", 4): "5355d36b0f722577",
    ("strong", 2): "5667284c6bccdd16",
    ("strong", 3): "a273a70db9f654fa",
    ("strong", 4): "c64b3d718ed8d8f8",
    ("weak", 2): "4a2f27c1b895ea1b",
    ("weak", 3): "e6c6b7f454cfbadf",
    ("weak", 4): "0dbc043468d4fd54",
}


@pytest.mark.parametrize(("kind", "scale"), GOLDEN)
def test_the_bits_are_those_of_the_functions_before(kind: str, scale: int) -> None:
    """Digests of the LR pixels, computed by the functional version before operators were classes."""
    operator, name = {"bicubic": (Bicubic(), "any"), "strong": (STRONG, "a"), "weak": (WEAK, "photo-0-128")}[kind]
    hr = PHOTO[: 64 // scale * scale, : 48 // scale * scale]
    assert hashlib.sha256(operator.degrade(hr, scale, name).tobytes()).hexdigest()[:16] == GOLDEN[kind, scale]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_kernels_sum_to_one_and_stay_within_the_shift(seed: int) -> None:
    kernel = STRONG.blur_kernel(random_stream("k", seed))
    assert kernel.sum() == pytest.approx(1)
    assert kernel.min() >= 0
    offset = np.array(center_of_mass(kernel)) - kernel.shape[0] // 2
    assert np.abs(offset).max() <= STRONG.shift_max + 0.05


def test_the_kernel_moves_the_image_by_its_sub_pixel_shift() -> None:
    rows, columns = np.mgrid[0:96, 0:96]
    smooth = to_uint8(128 + 60 * np.sin(rows / 9) * np.cos(columns / 7))[..., None].repeat(3, axis=2)
    kernel = CLEAN.blur_kernel(random_stream("smooth", 0))
    offset = np.array(center_of_mass(kernel)) - kernel.shape[0] // 2
    assert np.hypot(*offset) > 1
    shifted = to_uint8(shift(smooth.astype(float), (*offset, 0), order=3, mode="mirror"))
    expected = Bicubic().degrade(shifted, 4, "smooth")
    inner = np.s_[4:-4, 4:-4]
    moved = CLEAN.degrade(smooth, 4, "smooth").astype(float)
    with_shift = np.abs(moved - expected)[inner].mean()
    without = np.abs(moved - Bicubic().degrade(smooth, 4, "smooth"))[inner].mean()
    assert with_shift < 2 < without


def test_noise_has_the_stated_strength_and_grows_with_the_signal() -> None:
    dark, bright = (np.full((512, 512, 3), value, np.uint8) for value in (64, 192))
    for image, value in ((dark, 64), (bright, 192)):
        for correlation in (0.0, 0.65):
            measured = replace(STRONG, noise_correlation=correlation).degrade(image, 4, "flat").astype(float).std()
            assert measured == pytest.approx(np.hypot(12, 8 * np.sqrt(value / 255)), rel=0.03)


@pytest.mark.parametrize("sigma", [0.0, 0.65, 1.0])
def test_noise_is_correlated_as_stated_and_channels_are_independent(sigma: float) -> None:
    noise = replace(STRONG, noise_correlation=sigma).degrade(np.full((1024, 1024, 3), 128, np.uint8), 4, "flat") - 128.0
    taps = np.exp(-0.5 * (np.arange(-8, 9) / sigma) ** 2) if sigma else np.eye(1, 17, 8)[0]
    expected = (taps[1:] * taps[:-1]).sum() / (taps**2).sum()  # autocorrelation of the filter at one pixel
    for axis in (0, 1):
        a, b = (np.take(noise, range(start, start + 255), axis=axis).ravel() for start in (0, 1))
        assert np.corrcoef(a, b)[0, 1] == pytest.approx(expected, abs=0.02)
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.02


def test_rounding_is_half_up_and_clipped() -> None:
    assert to_uint8(np.array([-3.0, 0.5, 1.5, 254.49, 254.5, 300.0])).tolist() == [0, 1, 2, 254, 255, 255]
