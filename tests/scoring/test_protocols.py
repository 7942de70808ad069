"""The protocols against their definitions, step by step; the searches over shifts against the direct loops."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.data import chelsea
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from benchmarks.catalog.protocols import PROTOCOLS, get_protocol
from benchmarks.core.errors import UsageError
from benchmarks.measuring import direct
from benchmarks.measuring.basicsr_oracles import luma_scores
from benchmarks.scoring.alignment import REACH, best_overlap, best_window_psnr, overlap
from benchmarks.scoring.tensors import to_tensor
from tests.conftest import ROOT
from tests.helpers.basicsr import needs_basicsr

Pixels = NDArray[np.uint8]

NTIRE, NORESCALE, ALIGNED = (get_protocol(name) for name in ("ntire2018", "ntire2018-norescale", "aligned-rgb"))


def noise(seed: int, height: int = 176, width: int = 184) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(seed: int, height: int = 176, width: int = 184) -> Pixels:
    """Image with structure at all scales, like a photograph."""
    generator = np.random.default_rng(seed)
    walk = generator.normal(size=(height, width, 3)).cumsum(0).cumsum(1)
    walk = (walk - walk.min()) / np.ptp(walk) * 220 + generator.normal(0, 6, walk.shape)
    return np.clip(walk, 0, 255).astype(np.uint8)


def moved(hr: Pixels, shift: tuple[int, int], seed: int, gain: float = 0.9) -> Pixels:
    strength = np.random.default_rng(seed).normal(0, 8, hr.shape)
    return np.clip(np.roll(hr, shift, axis=(0, 1)) * gain + strength, 0, 255).astype(np.uint8)


def test_rgb_and_its_border() -> None:
    hr, sr = smooth(0), moved(smooth(0), (0, 0), 1)
    for name, border in (("rgb", 0), ("rgb-shave4", 4)):
        a, b = (image[border : 176 - border, border : 184 - border] for image in (sr, hr))
        score = get_protocol(name).score(sr, hr)
        assert score.psnr == pytest.approx(peak_signal_noise_ratio(b, a, data_range=255), abs=1e-9)
        expected = structural_similarity(b, a, data_range=255, gaussian_weights=True, use_sample_covariance=False, channel_axis=2)
        assert score.ssim == pytest.approx(expected, abs=1e-9)
        assert score.shift is None


@needs_basicsr
@pytest.mark.parametrize(("name", "border"), [("y", 0), ("y-shave4", 4)])
def test_luma_with_its_border_is_basicsrs(name: str, border: int) -> None:
    hr, sr = smooth(0), moved(smooth(0), (0, 0), 1)
    score, expected = get_protocol(name).score(sr, hr), luma_scores(sr, hr, border=border)
    assert (score.psnr, score.ssim) == pytest.approx(expected, abs=1e-6)


def test_luma_of_the_whole_image_is_pyiqas_as_the_page_says() -> None:
    """PSNR but for an epsilon, SSIM but for rounded luma and products of contrast and structure below zero."""
    import pyiqa

    options = {"device": torch.device("cpu"), "test_y_channel": True, "color_space": "ycbcr"}
    hr: Pixels = chelsea()[:192, 60:252]  # type: ignore[no-untyped-call]
    sr = np.clip(hr + np.random.default_rng(0).normal(0, 6, hr.shape), 0, 255).astype(np.uint8)
    score, images = get_protocol("y").score(sr, hr), (to_tensor([sr]), to_tensor([hr]))
    mean_error = 10 ** (-score.psnr / 10)
    assert float(pyiqa.create_metric("psnr", **options)(*images)) == pytest.approx(-10 * math.log10(mean_error + 1e-8), abs=1e-4)
    assert float(pyiqa.create_metric("ssim", **options)(*images)) == pytest.approx(score.ssim, abs=2e-3)


@pytest.mark.parametrize("seed", range(20))
def test_the_scorers_psnr_equals_the_direct_loop(seed: int) -> None:
    generator = np.random.default_rng(seed)
    shift = tuple(int(value) for value in generator.integers(-REACH, REACH + 1, 2))
    size = [int(value) for value in generator.integers(160, 230, 2)]
    hr = (noise if seed % 2 else smooth)(seed, *size)
    sr = moved(hr, (shift[0], shift[1]), seed)
    for protocol in (NTIRE, NORESCALE):
        expected, at = direct.ntire2018_psnr(sr, hr, rescale=protocol is NTIRE)
        score = protocol.score(sr, hr)
        assert score.psnr == pytest.approx(expected, abs=1e-6)
        assert score.shift == at
    assert at == shift


@pytest.mark.parametrize("seed", range(6))
def test_the_scorers_ssim_equals_the_direct_loop(seed: int) -> None:
    generator = np.random.default_rng(seed)
    planted = 2 * generator.integers(-20, 21, 2)
    hr = (noise if seed % 2 else smooth)(seed)
    sr = moved(hr, (int(planted[0]), int(planted[1])), seed)
    expected, at = direct.ntire2018_ssim(sr, hr)
    assert NTIRE.score(sr, hr).ssim == pytest.approx(expected, abs=1e-6)
    assert at == tuple(planted)
    assert NORESCALE.score(sr, hr).ssim == NTIRE.score(sr, hr).ssim


def test_the_rescale_forgives_brightness_and_nothing_else_does() -> None:
    hr = smooth(1)
    dark = (hr * 0.5).astype(np.uint8)
    assert NTIRE.score(dark, hr).psnr > 45
    assert NORESCALE.score(dark, hr).psnr < 20


def test_identical_images_and_a_black_result() -> None:
    hr = noise(0)
    for protocol in map(get_protocol, PROTOCOLS):
        score = protocol.score(hr, hr)
        assert score.psnr == math.inf
        assert score.ssim == pytest.approx(1, abs=1e-12)
        assert score.shift in (None, (0, 0))
        black = protocol.score(np.zeros_like(hr), hr)
        assert math.isfinite(black.psnr) and black.psnr < 10


def test_a_black_window_in_the_result_does_not_win() -> None:
    generator = np.random.default_rng(3)
    for case in range(8):
        hr = noise(case, 192, 192)
        sr = np.clip(hr.astype(int) + generator.integers(-5, 6, hr.shape), 0, 255).astype(np.uint8)
        sr[: 75 + case, :] = 0
        sr[:, : 75 + case] = 0
        sr[66:126, 66:126] = np.clip(hr[66:126, 66:126].astype(int) + 3, 0, 255)
        assert NTIRE.score(sr, hr).psnr > 35


def direct_overlap(sr: Pixels, hr: Pixels) -> tuple[int, int]:
    errors = {}
    for dy in range(-REACH, REACH + 1):
        for dx in range(-REACH, REACH + 1):
            a, b = overlap(sr, hr, (dy, dx))
            errors[dy, dx] = float(np.mean((a.astype(float) - b) ** 2))
    return min(errors, key=lambda shift: errors[shift])


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 999), st.integers(-REACH, REACH), st.integers(-REACH, REACH), st.integers(140, 170), st.integers(140, 170))
def test_the_overlap_search_equals_the_direct_loop(seed: int, dy: int, dx: int, height: int, width: int) -> None:
    hr = smooth(seed, height, width)
    sr = moved(hr, (dy, dx), seed, gain=1.0)
    assert best_overlap(sr, hr) == direct_overlap(sr, hr)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999), st.integers(-REACH, REACH), st.integers(-REACH, REACH))
def test_aligned_scores_are_those_of_the_overlap(seed: int, dy: int, dx: int) -> None:
    hr = noise(seed)
    sr = moved(hr, (dy, dx), seed)
    score = ALIGNED.score(sr, hr)
    assert score.shift == (dy, dx)
    a, b = (image[max(s, 0) : 176 + min(s, 0), max(t, 0) : 184 + min(t, 0)] for image, s, t in ((sr, dy, dx), (hr, -dy, -dx)))
    plain = get_protocol("rgb").score(np.ascontiguousarray(a), np.ascontiguousarray(b))
    assert (score.psnr, score.ssim) == pytest.approx((plain.psnr, plain.ssim), abs=1e-12)
    assert ALIGNED.view is not None
    for seen, expected in zip(ALIGNED.view(sr, hr, score), (a, b), strict=True):
        np.testing.assert_array_equal(seen, expected)


def test_flat_images_have_no_shift() -> None:
    grey = np.full((176, 184, 3), 90, np.uint8)
    assert ALIGNED.score(grey, grey + 10).shift == (0, 0)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 999), st.sampled_from([name for name in PROTOCOLS if not name.startswith("ntire")]))
def test_symmetry(seed: int, name: str) -> None:
    a, b = smooth(seed), moved(smooth(seed), (3, -2), seed)
    forth, back = get_protocol(name).score(a, b), get_protocol(name).score(b, a)
    assert (forth.psnr, forth.ssim) == pytest.approx((back.psnr, back.ssim), abs=1e-9)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_more_noise_is_worse(name: str) -> None:
    hr = smooth(5)
    strength = np.random.default_rng(0).normal(size=hr.shape)
    noisy = [np.clip(np.rint(hr + sigma * strength), 0, 255).astype(np.uint8) for sigma in (2, 5, 12, 30)]
    scores = [get_protocol(name).score(sr, hr) for sr in noisy]
    assert scores == sorted(scores, key=lambda score: score.psnr, reverse=True)
    assert scores == sorted(scores, key=lambda score: score.ssim, reverse=True)


def test_sizes_are_never_cropped_silently() -> None:
    for protocol in map(get_protocol, PROTOCOLS):
        with pytest.raises(UsageError, match="184x176, the ground truth 184x172: sizes must be equal"):
            protocol.score(noise(0), noise(0, 172))
        least = protocol.smallest
        assert protocol.score(noise(0, least, least), noise(1, least, least)).psnr > 0
        with pytest.raises(UsageError, match=f"{least}x{least} or more"):
            protocol.score(noise(0, least - 1, 200), noise(1, least - 1, 200))


GOLDEN = {  # version, PSNR, SSIM and shift as that version computed them: where one moves, the version must
    "rgb": (1, 20.3823, 0.2078, None),
    "rgb-shave4": (1, 20.6631, 0.2080, None),
    "y": (1, 24.6406, 0.4415, None),
    "y-shave4": (1, 24.8965, 0.4388, None),
    "ntire2018": (1, 29.1241, 0.7567, (6, -4)),
    "ntire2018-norescale": (1, 24.6435, 0.7567, (6, -4)),
    "aligned-rgb": (1, 25.3686, 0.7596, (6, -4)),
}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_golden_values(name: str) -> None:
    score = get_protocol(name).score(moved(smooth(0), (6, -4), 1), smooth(0))
    version, psnr, ssim, shift = GOLDEN[name]
    assert (get_protocol(name).version, score.shift) == (version, shift)
    assert score.psnr == pytest.approx(psnr, abs=1e-4)
    assert score.ssim == pytest.approx(ssim, abs=1e-4)


def test_unknown_protocol() -> None:
    with pytest.raises(UsageError, match="did you mean 'ntire2018'"):
        get_protocol("ntire2108")


def test_the_page_on_protocols_has_every_one_with_its_version() -> None:
    text = (ROOT / "docs" / "protocols.md").read_text(encoding="utf-8")
    for name in PROTOCOLS:
        section = re.search(rf"^## `{name}`, version (\d+)\n(.*?)(?=^## |\Z)", text, re.S | re.M)
        assert section, name
        assert int(section.group(1)) == get_protocol(name).version


@pytest.mark.parametrize("rescale", [True, False])
def test_of_equally_good_shifts_the_scorer_reports_the_smallest(rescale: bool) -> None:
    """Flat images fit at every shift; stripes of period 4 at every fourth column."""
    flat = np.full((140, 140, 3), 90, np.uint8)
    assert best_window_psnr(flat, flat[:60, :60] + np.uint8(7), rescale=rescale)[1] == (0, 0)
    stripes = np.broadcast_to(np.where(np.arange(140) % 4 < 2, 40, 200)[None, :, None], (140, 140, 3)).astype(np.uint8)
    value, shift = best_window_psnr(stripes, stripes[40:100, 41:101], rescale=rescale)
    assert (value, shift) == (float("inf"), (0, 1))
