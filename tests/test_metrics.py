"""PSNR and SSIM against scikit-image, the ntire2018 scorer against its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from benchmarks.errors import UsageError
from benchmarks.metrics import psnr, ssim
from benchmarks.protocols import PROTOCOLS, get_protocol, score

NTIRE = get_protocol("ntire2018")


def images(seed: int, height: int, width: int, noise: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    generator = np.random.default_rng(seed)
    truth = generator.random((height, width, 3))
    return np.clip(truth + noise * generator.normal(size=truth.shape), 0, 1), truth


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(11, 48), st.integers(11, 48), st.floats(1e-3, 0.5), st.sampled_from([1.0, 255.0]))
def test_psnr_and_ssim_equal_scikit_image(seed: int, height: int, width: int, noise: float, peak: float) -> None:
    sr, hr = (image * peak for image in images(seed, height, width, noise))
    assert psnr(sr, hr, data_range=peak) == pytest.approx(peak_signal_noise_ratio(hr, sr, data_range=peak), abs=1e-9)
    expected = structural_similarity(hr, sr, data_range=peak, gaussian_weights=True, use_sample_covariance=False, channel_axis=2)
    assert ssim(sr, hr, data_range=peak) == pytest.approx(expected, abs=1e-9)
    assert ssim(hr, sr, data_range=peak) == pytest.approx(ssim(sr, hr, data_range=peak), abs=1e-12)


def test_identical_images() -> None:
    image, _ = images(0, 20, 20, 0)
    assert psnr(image, image, data_range=1.0) == math.inf
    assert ssim(image, image, data_range=1.0) == pytest.approx(1, abs=1e-12)


def test_ssim_refuses_what_it_has_no_window_for() -> None:
    with pytest.raises(ValueError, match="11x11"):
        ssim(np.zeros((10, 20, 3)), np.zeros((10, 20, 3)), data_range=1.0)


def direct_ntire2018(sr: NDArray[np.uint8], hr: NDArray[np.uint8]) -> tuple[float, float]:
    """The challenge's list of steps, one shift after the other."""
    height, width = (side // 4 * 4 for side in hr.shape[:2])
    result, truth = (image[10 : height - 10, 10 : width - 10] / 255.0 for image in (sr, hr))
    top, left = (truth.shape[0] - 60) // 2, (truth.shape[1] - 60) // 2
    target = truth[top : top + 60, left : left + 60]
    best_psnr, best_ssim = -math.inf, -math.inf
    for dy in range(-40, 41):
        for dx in range(-40, 41):
            window = result[top + dy : top + dy + 60, left + dx : left + dx + 60]
            error = np.mean((window * (target.mean() / window.mean()) - target) ** 2)
            best_psnr = max(best_psnr, math.inf if error == 0 else -10 * math.log10(error))
            if dy % 10 == 0 and dx % 10 == 0:  # a coarser grid than the scorer's: it must contain the planted shift
                value = structural_similarity(
                    target, window, data_range=1.0, gaussian_weights=True, use_sample_covariance=False, channel_axis=2
                )
                best_ssim = max(best_ssim, float(value))
    return best_psnr, best_ssim


@pytest.mark.parametrize(
    ("seed", "shift", "size"), [(0, (0, 0), (160, 160)), (1, (10, -20), (171, 190)), (2, (-40, 40), (192, 192))]
)
def test_ntire2018_equals_the_direct_loop(seed: int, shift: tuple[int, int], size: tuple[int, int]) -> None:
    generator = np.random.default_rng(seed)
    hr = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
    moved = np.roll(hr, shift, axis=(0, 1)).astype(float) * 0.9 + generator.normal(0, 8, hr.shape)
    sr = np.clip(moved, 0, 255).astype(np.uint8)
    found = score(NTIRE, sr, hr)
    expected = direct_ntire2018(sr, hr)
    assert found["psnr"] == pytest.approx(expected[0], abs=1e-6)
    assert found["ssim"] == pytest.approx(expected[1], abs=1e-6)
    assert found["psnr"] > 25


def test_ntire2018_of_identical_images_and_of_a_black_result() -> None:
    hr = np.random.default_rng(0).integers(0, 256, (192, 192, 3), dtype=np.uint8)
    assert score(NTIRE, hr, hr)["psnr"] == math.inf
    assert math.isfinite(score(NTIRE, np.zeros_like(hr), hr)["psnr"])


def test_a_black_window_in_the_result_does_not_win() -> None:
    generator = np.random.default_rng(3)
    for case in range(8):
        hr = generator.integers(0, 256, (192, 192, 3), dtype=np.uint8)
        sr = np.clip(hr.astype(int) + generator.integers(-5, 6, hr.shape), 0, 255).astype(np.uint8)
        sr[: 75 + case, :] = 0
        sr[:, : 75 + case] = 0
        sr[66:126, 66:126] = np.clip(hr[66:126, 66:126].astype(int) + 3, 0, 255)
        assert score(NTIRE, sr, hr)["psnr"] > 35


def test_sizes_are_never_cropped_silently() -> None:
    with pytest.raises(UsageError, match="160x160"):
        score(NTIRE, np.zeros((159, 200, 3), np.uint8), np.zeros((159, 200, 3), np.uint8))
    for protocol in PROTOCOLS.values():
        with pytest.raises(UsageError, match="equal"):
            score(protocol, np.zeros((192, 192, 3), np.uint8), np.zeros((192, 191, 3), np.uint8))
