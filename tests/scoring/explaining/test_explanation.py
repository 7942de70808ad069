"""Steps of protocols lead to the protocols' own scores; variants that are protocols have their PSNR."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.catalog.protocols import PROTOCOLS, get_protocol
from benchmarks.core.errors import UsageError
from benchmarks.scoring.explaining.explanation import STEPS, explain
from benchmarks.scoring.explaining.variants import PROTOCOLS as VARIANT_PROTOCOLS
from benchmarks.scoring.explaining.variants import Variant, psnr_of, squared_errors, variants

Pixels = NDArray[np.uint8]


def pair(shift: tuple[int, int] = (2, -1)) -> tuple[Pixels, Pixels]:
    """A SR image that is darker, moved and noisy, and its HR image."""
    generator = np.random.default_rng(3)
    walk = generator.normal(size=(171, 182, 3)).cumsum(0).cumsum(1)
    hr = ((walk - walk.min()) / np.ptp(walk) * 240).astype(np.uint8)
    sr = np.clip(np.roll(hr, shift, (0, 1)) * 0.95 + generator.normal(0, 6, hr.shape), 0, 255)
    return sr.astype(np.uint8), hr


@pytest.mark.parametrize("name", STEPS)
def test_the_last_error_is_that_of_the_protocols_psnr(name: str) -> None:
    sr, hr = pair()
    explanation, score = explain(get_protocol(name), sr, hr), get_protocol(name).score(sr, hr)
    (error,) = [step.error for step in explanation.steps if step.error is not None]
    assert psnr_of(error) == pytest.approx(score.psnr, abs=1e-9)
    assert (explanation.psnr, explanation.ssim) == (score.psnr, score.ssim)
    assert [step.name for step in explanation.steps][-2:] == ["PSNR", "SSIM"]
    assert f"{score.psnr:.4f} dB" in explanation.steps[-2].text


def test_shift_and_gain_of_the_challenges_scorer_are_told() -> None:
    steps = {step.name: step.text for step in explain(get_protocol("ntire2018"), *pair()).steps}
    assert "+2, -1 (down, right)" in steps["shift"]
    assert steps["gain"].startswith("1.05")
    assert "to multiples of 4, then 160x148" in steps["crop and shave 10"]


def test_a_protocol_without_steps_of_its_own_tells_its_view() -> None:
    other = replace(get_protocol("rgb-shave4"), name="of-a-plug-in")
    assert "174x163" in {step.name: step.text for step in explain(other, *pair()).steps}["view"]
    steps = explain(replace(get_protocol("ntire2018"), name="of-another"), *pair()).steps
    assert [step.name for step in steps] == ["images", "PSNR", "SSIM"]


def test_images_that_do_not_suit_a_protocol() -> None:
    with pytest.raises(UsageError, match="ntire2018 needs images of 160x160"):
        explain(get_protocol("ntire2018"), *(image[:50] for image in pair()))


def test_variants_that_are_protocols_have_their_psnr() -> None:
    pairs = [pair(), pair((0, 0))]
    errors = [squared_errors(*images) for images in pairs]
    for (colour, border), name in VARIANT_PROTOCOLS.items():
        assert name in PROTOCOLS
        expected = np.mean([get_protocol(name).score(*images).psnr for images in pairs])
        assert Variant(colour, border, pooled=False).psnr(errors) == pytest.approx(expected, abs=1e-9)
        pooled = psnr_of(float(np.mean([error[colour, border] for error in errors])))
        assert Variant(colour, border, pooled=True).psnr(errors) == pytest.approx(pooled)
        assert Variant(colour, border, pooled=True).protocol == ""
    assert len(variants(2)) == 2 * len(variants(1))


def test_equal_images_and_small_ones() -> None:
    _, hr = pair()
    assert set(map(psnr_of, squared_errors(hr, hr).values())) == {math.inf}
    assert {border for _, border in squared_errors(hr[:9, :9], hr[:9, :9])} == {0, 2, 3, 4}
