"""The fit of a degradation to published figures: found again where they can be met, the same twice, rows as scored elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import calibrate as command
from benchmarks.catalog.methods import method_class
from benchmarks.catalog.protocols import get_protocol
from benchmarks.core.errors import UsageError
from benchmarks.degradations.operator import Degradation
from benchmarks.degradations.track2_like_v2 import Track2LikeV2
from benchmarks.measuring import calibration
from benchmarks.measuring.calibration import BOUNDS, GAP, START, TARGETS, fit, loss, measure, names_on_bounds
from benchmarks.scoring.evaluation import super_resolve
from reports.paper import load_papers
from tests.helpers.stand_ins import photograph

METHODS = {"bicubic": None, "edsr": None, "bm3d-edsr": None}
TRUE = Track2LikeV2(blur_sigma=1.4, motion_length=5.0, shift_max=8, noise_gaussian=4.0, noise_signal=9.0, noise_correlation=0.5)


def rows_of(degradation: Degradation, images: object, methods: Mapping[str, object]) -> dict[str, dict[str, float]]:
    """Rows that meet every target at ``TRUE`` and move away from it linearly, a parameter for each figure."""
    assert isinstance(degradation, Track2LikeV2)
    apart = {name: getattr(degradation, name) - getattr(TRUE, name) for name in BOUNDS}
    psnr, ssim = 22.85 + apart["blur_sigma"], 0.65
    gap = 22.85 - 17.56 + 0.7 * (degradation.shift_max - TRUE.shift_max)
    return {
        "bicubic": {"plain": psnr - gap, "psnr": psnr, "ssim": ssim},
        "edsr": {"plain": 0.0, "psnr": psnr - 0.18 + 0.1 * apart["motion_length"], "ssim": 0.62 + 0.01 * apart["noise_gaussian"]},
        "bm3d-edsr": {
            "plain": 0.0,
            "psnr": psnr + 0.03 + 0.1 * apart["noise_signal"],
            "ssim": 0.68 + 0.1 * apart["noise_correlation"],
        },
    }


def test_a_fit_finds_the_parameters_that_meet_the_figures_and_is_the_same_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "measure", rows_of)
    assert loss(rows_of(TRUE, {}, METHODS)) == pytest.approx(0)
    first, second = (fit(START, {}, METHODS, every=1, shifts=(2, 8, 16), evaluations=600) for _ in range(2))  # type: ignore[arg-type]
    assert first == second and first.loss < 0.05
    assert first.degradation.shift_max == 8 and first.degradation.seed == 0
    for name in BOUNDS:
        value = getattr(first.degradation, name)
        assert value == pytest.approx(getattr(TRUE, name), abs=0.6) and value == round(value, 2)


def test_parameters_on_a_bound_are_named() -> None:
    assert names_on_bounds(TRUE) == []
    low, high = BOUNDS["blur_sigma"]
    assert names_on_bounds(replace(TRUE, blur_sigma=low, motion_length=12.0)) == ["blur_sigma", "motion_length"]
    assert names_on_bounds(replace(TRUE, blur_sigma=high, noise_correlation=0.0, noise_gaussian=0.0)) == ["blur_sigma"]


def test_published_figures_are_those_of_the_paper() -> None:
    table = {each.method: each.metrics for each in load_papers()["cincgan"].reported if not each.image}
    published = {
        name: {"plain": 17.56, "psnr": table[name]["psnr"], "ssim": table[name]["ssim"]}
        for name in ("bicubic", "edsr", "bm3d-edsr")
    }
    for target in (GAP, *TARGETS):
        assert target.measure(published) == pytest.approx(target.published), target.name


def test_rows_are_means_of_scores_under_the_protocols() -> None:
    images = {f"photo {number}": photograph(number, 168) for number in (1, 2)}
    degradation = replace(START, shift_max=3)
    bicubic = method_class("bicubic").from_stages({}, 4)
    row = measure(degradation, images, {"bicubic": bicubic})["bicubic"]
    scores = []
    for name, hr in images.items():
        sr = super_resolve(bicubic, degradation.degrade(hr, 4, name))
        plain, scorer = (get_protocol(protocol).score(sr, hr) for protocol in ("rgb", "ntire2018"))
        scores.append((plain.psnr, scorer.psnr, scorer.ssim))
    assert list(row.values()) == pytest.approx(np.mean(scores, axis=0))


def test_wrong_options_are_one_line(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["--hr", str(tmp_path), "--train", str(tmp_path)]
    assert command.main([*line, "--every", "0"]) == UsageError.exit_code
    assert command.main(line) == UsageError.exit_code
    assert "give a folder of HR images" in capsys.readouterr().err.replace("\n", " ")
