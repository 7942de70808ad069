"""The ablation in the reproduction notes: effects that are told apart have a number, others their interval alone."""

from __future__ import annotations

import re
from typing import Any

import pytest

from reports.chapters import Chapter, make_chapters
from reports.designed.ablation import ablation_block
from tests.helpers.study_results import as_evidence, study_results

VARIANT = "cincgan/no-outer-cycle"


def chapters(effect: float, split: str = "test", **options: Any) -> dict[str, list[Chapter]]:
    results = study_results({VARIANT: effect}, split=split, **options)
    return {"night": make_chapters(as_evidence(results), [])}


def row(text: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {VARIANT} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("effect", [-0.3, 0.3])
def test_a_variant_that_is_told_apart_has_its_mean_and_the_side(effect: float) -> None:
    text = ablation_block("cincgan", chapters(effect))
    _, title, ntire, rgb, lpips, told = row(text)
    assert title.startswith("structure 2")
    for shown, mean in ((ntire, effect), (rgb, effect), (lpips, -effect / 10)):
        assert float(shown.split(" ")[0]) == pytest.approx(mean, abs=0.02) and re.search(r"\(.*….*\)", shown)
    assert told.count("better" if effect > 0 else "worse") == 3
    assert "set night: 20 photographs, seeds 100, 101" in text
    assert "3 comparisons corrected together. Smallest difference" in text


def test_one_training_says_so() -> None:
    assert row(ablation_block("cincgan", chapters(-0.3, seeds=[100])))[-1].endswith(" (in these trainings alone)")


def test_a_difference_that_is_not_told_apart_has_no_mean() -> None:
    *_, ntire, rgb, lpips, told = row(ablation_block("cincgan", chapters(0.0)))
    assert all(shown.startswith("(") for shown in (ntire, rgb, lpips)) and told == "no"


@pytest.mark.parametrize(("method", "split"), [("cincgan", "validation"), ("edsr", "test")])
def test_validation_images_and_methods_without_variants_have_no_table(method: str, split: str) -> None:
    assert ablation_block(method, chapters(-0.3, split)) == "No reference results have variants."
