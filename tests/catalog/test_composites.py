"""Composite scores: their definitions by hand, names that stand for their metrics, and no partial sums."""

from __future__ import annotations

import pytest

from benchmarks.catalog.composites import COMPOSITES, composite_scores, composites_of, expanded
from benchmarks.catalog.metrics import METRICS
from benchmarks.catalog.profiles import load_profile
from tests.conftest import ROOT

NTIRE = COMPOSITES["ntire2026-perceptual"]
MEANS = {"lpips": 0.2, "dists": 0.1, "clipiqa": 0.7, "maniqa": 0.5, "musiq": 68.0, "niqe": 4.0}


def test_the_challenges_score_by_hand() -> None:
    assert NTIRE.score(MEANS) == pytest.approx((1 - 0.2) + (1 - 0.1) + 0.7 + 0.5 + 68 / 100 + (10 - 4) / 10)
    assert NTIRE.score({**MEANS, "niqe": 12.0}) == pytest.approx(0.8 + 0.9 + 0.7 + 0.5 + 0.68), "never below zero"


@pytest.mark.parametrize("metric", MEANS)
def test_a_missing_metric_makes_it_missing(metric: str) -> None:
    means = {name: mean for name, mean in MEANS.items() if name != metric}
    assert NTIRE.score(means) is None and NTIRE.missing(means) == [metric] and composite_scores(means) == {}


def test_a_name_stands_for_its_metrics() -> None:
    assert expanded(["psnr", "niqe", NTIRE.name, "psnr"]) == ["psnr", "niqe", "lpips", "dists", "clipiqa", "maniqa", "musiq"]
    assert composites_of(["psnr", NTIRE.name, NTIRE.name]) == [NTIRE]
    assert all(metric in METRICS for entry in COMPOSITES.values() for metric in entry.metrics)
    profile = load_profile("smoke", [f"metrics=['psnr', '{NTIRE.name}']"])
    assert profile.metrics == ("psnr", *NTIRE.metrics)


def test_the_page_on_protocols_has_every_one_with_its_version() -> None:
    text = (ROOT / "docs" / "protocols.md").read_text(encoding="utf-8")
    assert all(f"| `{entry.name}`, {entry.version} |" in text for entry in COMPOSITES.values())
