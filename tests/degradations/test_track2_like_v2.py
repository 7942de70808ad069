"""Version 2 of the track-2-like operator: shift, kernel and noise against their definitions."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import shift

from benchmarks.catalog.profiles import load_profile
from benchmarks.degradations.imresize import imresize
from benchmarks.degradations.track2_like_v2 import Track2LikeV2, _shifted
from tests.conftest import ROOT

QUIET = Track2LikeV2(blur_sigma=0.05, motion_length=0.0, shift_max=0, noise_gaussian=0.0, noise_signal=0.0, noise_correlation=0.0)
PHOTO = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)


def test_without_blur_shift_and_noise_it_is_bicubic() -> None:
    assert np.allclose(QUIET.apply(PHOTO.astype(float), 4, "a"), np.clip(imresize(PHOTO.astype(float), 0.25), 0, 255))


@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, -5), (-16, 16), (1, 0)])
def test_a_shift_moves_pixels_and_mirrors_borders(down: int, right: int) -> None:
    image = PHOTO.astype(float)
    assert np.array_equal(_shifted(image, down, right), shift(image, (down, right, 0), order=0, mode="reflect"))


def test_shifts_are_whole_pixels_drawn_from_all_of_the_range() -> None:
    """Recovered from LR images of an impulse: scale 1 keeps every pixel."""
    operator, image = replace(QUIET, shift_max=2), np.zeros((15, 15, 1))
    image[7, 7] = 255
    drawn = set()
    for index in range(200):
        row, column = np.unravel_index(np.argmax(operator.apply(image, 1, f"{index}")[..., 0]), (15, 15))
        drawn.add((int(row) - 7, int(column) - 7))
    assert drawn == {(down, right) for down in range(-2, 3) for right in range(-2, 3)}


@settings(max_examples=25, deadline=None)
@given(st.floats(0.8, 3), st.floats(0, 12), st.floats(0, math.pi))
def test_the_kernel_has_the_moments_of_a_gaussian_and_a_path(sigma: float, length: float, heading: float) -> None:
    """Variance along the path: that of the Gaussian, and that of a uniform distribution, length² / 12; across: the Gaussian's."""
    kernel = replace(QUIET, blur_sigma=sigma, motion_length=length).blur_kernel(heading)
    radius = len(kernel) // 2
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    along = rows * np.sin(heading) + columns * np.cos(heading)
    across = columns * np.sin(heading) - rows * np.cos(heading)
    assert kernel.sum() == pytest.approx(1) and (kernel >= 0).all()
    assert (kernel * along).sum() == pytest.approx(0, abs=1e-9)
    assert (kernel * across**2).sum() == pytest.approx(sigma**2, rel=0.05)
    assert (kernel * along**2).sum() == pytest.approx(sigma**2 + length**2 / 12, rel=0.12)


@pytest.mark.parametrize("correlation", [0.0, 0.65])
@pytest.mark.parametrize("level", [20.0, 120.0, 230.0])
def test_the_variance_of_the_noise_is_linear_in_the_signal(level: float, correlation: float) -> None:
    operator = replace(QUIET, noise_gaussian=3.0, noise_signal=8.0, noise_correlation=correlation)
    noise = operator.apply(np.full((512, 512, 3), level), 4, "a") - level
    assert noise.std() == pytest.approx(math.sqrt(9 + 64 * level / 255), rel=0.02)
    neighbours = np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]
    assert (neighbours > 0.2) == bool(correlation)


def test_random_numbers_hang_on_names_alone_so_that_a_fit_is_smooth() -> None:
    operator = replace(QUIET, blur_sigma=1.5, motion_length=4.0, shift_max=16, noise_gaussian=4.0, noise_signal=8.0)
    first = operator.degrade(PHOTO, 4, "a")
    assert np.array_equal(first, operator.degrade(PHOTO, 4, "a")) and first.dtype == np.uint8
    assert not np.array_equal(first, operator.degrade(PHOTO, 4, "b"))
    assert not np.array_equal(first, replace(operator, seed=1).degrade(PHOTO, 4, "a"))
    stronger = replace(operator, noise_gaussian=2 * operator.noise_gaussian, noise_signal=2 * operator.noise_signal)
    silent = replace(operator, noise_gaussian=0.0, noise_signal=0.0)
    image = PHOTO.astype(float)
    once, twice, clean = (each.apply(image, 4, "a") for each in (operator, stronger, silent))
    assert np.allclose(twice - clean, 2 * (once - clean))
    flat = [replace(operator, shift_max=most).apply(np.full((64, 48, 3), 90.0), 4, "a") for most in (0, 2, 16)]
    assert np.array_equal(flat[0], flat[1]) and np.array_equal(flat[1], flat[2]), "the noise is the same for every shift_max"


def test_the_parameters_of_the_document_are_those_of_the_profiles() -> None:
    (line,) = re.findall(r"^parameters: (.*)$", (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8"), re.M)
    for profile in ("paper", "demo"):
        assert load_profile(profile, ["degradation=track2-like-v2"]).degradation == Track2LikeV2(**json.loads(line))
