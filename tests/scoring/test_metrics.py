"""PSNR and SSIM against scikit-image, BasicSR and pyiqa, with every option named; and invariants."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from benchmarks.measuring.basicsr_oracles import luma_scores, prepare_import
from benchmarks.scoring.metrics import luma, psnr, ssim
from tests.helpers.basicsr import needs_basicsr

Array = NDArray[np.float64]

SEEDS, SIDES, NOISE = st.integers(0, 10_000), st.integers(11, 150), st.floats(1e-3, 0.5)


def images(seed: int, height: int, width: int, noise: float, channels: int = 3) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    truth = generator.random((height, width, channels))
    return np.clip(truth + noise * generator.normal(size=truth.shape), 0, 1), truth


@settings(max_examples=60, deadline=None)
@given(SEEDS, SIDES, SIDES, st.sampled_from([1, 2, 3, 4]), NOISE, st.sampled_from([1.0, 255.0]))
def test_psnr_and_ssim_equal_scikit_image(seed: int, height: int, width: int, channels: int, noise: float, peak: float) -> None:
    sr, hr = (image * peak for image in images(seed, height, width, noise, channels))
    assert psnr(sr, hr, data_range=peak) == pytest.approx(peak_signal_noise_ratio(hr, sr, data_range=peak), abs=1e-9)
    expected = structural_similarity(hr, sr, data_range=peak, gaussian_weights=True, use_sample_covariance=False, channel_axis=2)
    assert ssim(sr, hr, data_range=peak) == pytest.approx(expected, abs=1e-9)
    assert ssim(hr, sr, data_range=peak) == pytest.approx(ssim(sr, hr, data_range=peak), abs=1e-12)


def test_identical_images() -> None:
    image, _ = images(0, 20, 20, 0)
    assert psnr(image, image, data_range=1.0) == math.inf
    assert ssim(image, image, data_range=1.0) == pytest.approx(1, abs=1e-12)


def test_ssim_refuses_images_that_are_smaller_than_its_window() -> None:
    with pytest.raises(ValueError, match="11x11"):
        ssim(np.zeros((10, 20, 3)), np.zeros((10, 20, 3)), data_range=1.0)


def eight_bits(seed: int, height: int, width: int, noise: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    sr, hr = images(seed, height, width, noise)
    return np.rint(sr * 255).astype(np.uint8), np.rint(hr * 255).astype(np.uint8)


def ours_on_luma(sr: NDArray[np.uint8], hr: NDArray[np.uint8]) -> tuple[float, float]:
    a, b = luma(sr)[..., None], luma(hr)[..., None]
    return psnr(a, b, data_range=255.0), ssim(a, b, data_range=255.0)


@needs_basicsr
@settings(max_examples=40, deadline=None)
@given(SEEDS, SIDES, SIDES, NOISE)
def test_luma_equals_basicsr(seed: int, height: int, width: int, noise: float) -> None:
    sr, hr = eight_bits(seed, height, width, noise)
    ours, expected = ours_on_luma(sr, hr), luma_scores(sr, hr, border=0)
    assert ours[0] == pytest.approx(expected[0], abs=1e-4)  # BasicSR's luma is float32: far off 1e-6 at 50 dB and more
    assert ours[1] == pytest.approx(expected[1], abs=1e-6)


@needs_basicsr
@settings(max_examples=20, deadline=None)
@given(SEEDS, SIDES, SIDES, NOISE)
def test_rgb_equals_basicsr(seed: int, height: int, width: int, noise: float) -> None:
    prepare_import()
    from basicsr.metrics import calculate_psnr, calculate_ssim

    sr, hr = eight_bits(seed, height, width, noise)
    a, b = sr.astype(np.float64), hr.astype(np.float64)
    assert psnr(a, b, data_range=255.0) == pytest.approx(calculate_psnr(sr, hr, 0, test_y_channel=False), abs=1e-6)
    assert ssim(a, b, data_range=255.0) == pytest.approx(calculate_ssim(sr, hr, 0, test_y_channel=False), abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(SEEDS, SIDES, SIDES, st.floats(5e-3, 0.05))  # weak noise: pyiqa clips negative contrast-structure terms to 0
def test_rgb_and_luma_equal_pyiqa(seed: int, height: int, width: int, noise: float) -> None:
    from pyiqa.archs.psnr_arch import psnr as pyiqa_psnr
    from pyiqa.archs.ssim_arch import ssim as pyiqa_ssim
    from pyiqa.utils.color_util import rgb2ycbcr

    sr, hr = eight_bits(seed, height, width, noise)
    x, y = (torch.from_numpy(image / 255.0).permute(2, 0, 1)[None] for image in (sr, hr))
    ours = psnr(sr / 255.0, hr / 255.0, data_range=1.0), ssim(sr / 255.0, hr / 255.0, data_range=1.0)
    assert ours[0] == pytest.approx(pyiqa_psnr(x, y, test_y_channel=False, data_range=1.0, eps=0.0).item(), abs=1e-6)
    assert ours[1] == pytest.approx(pyiqa_ssim(x, y, data_range=1.0, downsample=False).item(), abs=1e-4)
    x, y = (rgb2ycbcr(image)[:, :1] for image in (x, y))  # pyiqa's test_y_channel rounds to whole numbers for SSIM
    ours = ours_on_luma(sr, hr)
    assert ours[0] == pytest.approx(pyiqa_psnr(x, y, test_y_channel=False, data_range=1.0, eps=0.0).item(), abs=1e-6)
    assert ours[1] == pytest.approx(pyiqa_ssim(x, y, data_range=1.0, downsample=False).item(), abs=1e-4)


def test_luma_of_black_and_white() -> None:
    assert luma(np.zeros((1, 1, 3), np.uint8)) == 16
    assert luma(np.full((1, 1, 3), 255, np.uint8)) == pytest.approx(235, abs=1e-12)


def test_psnr_refuses_shapes_that_would_broadcast() -> None:
    with pytest.raises(ValueError, match="one shape"):
        psnr(np.zeros((4, 4, 3)), np.zeros((4, 4, 1)), data_range=1.0)


@settings(max_examples=30, deadline=None)
@given(SEEDS, SIDES, SIDES)
def test_more_noise_is_worse(seed: int, height: int, width: int) -> None:
    generator = np.random.default_rng(seed)
    hr = 0.25 + 0.5 * generator.random((height, width, 3))
    noise = generator.normal(size=hr.shape)
    scores = [
        (psnr(hr + s * noise, hr, data_range=1.0), ssim(hr + s * noise, hr, data_range=1.0)) for s in (0.01, 0.03, 0.1, 0.3)
    ]
    assert scores == sorted(scores, reverse=True)
    assert [value for _, value in scores] == sorted((value for _, value in scores), reverse=True)


def test_integers_are_refused_for_their_differences_wrap() -> None:
    for metric in (psnr, ssim):
        with pytest.raises(ValueError, match="floating point"):
            metric(np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8), data_range=255.0)  # type: ignore[arg-type]
