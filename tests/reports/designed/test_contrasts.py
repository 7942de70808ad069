"""Comparisons and verdict of a designed study, from invented scores whose effects are known."""

from __future__ import annotations

import pytest

from benchmarks.statistics.significance import holm
from reports.designed.contrasts import COLUMNS, Contrasts, make_contrasts
from reports.designed.verdict import smallest, verdict
from reports.studies import make_studies
from tests.helpers.study_results import DESIGN, as_evidence, study_results

RGB, NTIRE, LPIPS = ("rgb", "psnr"), ("ntire2018", "psnr"), ("rgb", "lpips")
START = DESIGN.start
NO_STEP = "`cincgan/steps-0` (no joint step: G1 of the inner stage, then EDSR)"


def contrasts(effects: dict[str, float] | None = None, **options: object) -> Contrasts:
    (study,) = make_studies(as_evidence(study_results(effects or {}, **options)))  # type: ignore[arg-type]
    return make_contrasts(DESIGN, study)


def test_effects_are_told_and_noise_is_not() -> None:
    """Differences of 0.2 dB beside noise of 0.01, under seeds that differ by half a dB in all configurations alike."""
    found = contrasts({"cincgan/steps-360": -0.2, "cincgan/rate-1e-5": 0.2})
    assert len(found.all) == 3 * (19 + 4) and found.columns == list(COLUMNS)
    told = {(own.pair, own.column): own.effect for own in found.all if own.effect}
    without = "cincgan/steps-360-no-outer-cycle"
    assert told == {
        (pair, column): "better" if pair[0] == "cincgan/rate-1e-5" else "worse"
        for pair in (("cincgan/steps-360", START), ("cincgan/rate-1e-5", START), ("cincgan/steps-360", without))
        for column in (RGB, NTIRE, LPIPS)
    }
    sentence = verdict(found)
    assert (
        f"Of 19 configurations beside {NO_STEP}, in PSNR under `ntire2018` 1 is better (most: `cincgan/rate-1e-5`, +" in sentence
    )
    assert " and 1 is worse (most: `cincgan/steps-360`, -0." in sentence
    assert "PSNR under `ntire2018` is worse with the outer cycle than without the outer cycle at 360 steps (-0." in sentence
    assert not any(name in sentence for name in ("180 steps", "rate-3e-4", "seed"))
    assert smallest(found.least).count(" 0.0") == 3


def test_p_values_are_corrected_over_all_comparisons_and_metrics() -> None:
    found = contrasts({"cincgan/steps-360": -0.02})
    raw = [own.difference.p() for own in found.all]
    assert [own.comparison.p for own in found.all] == pytest.approx(holm(raw))


def test_nothing_is_told_of_equal_configurations() -> None:
    found = contrasts()
    metrics = "PSNR under `ntire2018` or PSNR under `rgb` or LPIPS under `rgb`"
    places = "30 steps, 90 steps, 180 steps, 360 steps"
    curves = f"with the outer cycle and without the outer cycle, scores cannot be told apart at {places}"
    assert verdict(found) == f"None of 19 configurations can be told from {NO_STEP} in {metrics}; {curves}."


def test_five_photographs_tell_nothing_whatever_the_effect() -> None:
    found = contrasts({"cincgan/steps-360": -3.0}, photographs=5)
    assert verdict(found) == "Nothing can be told: 5 photographs, at least 6 are needed."
    assert not any(own.effect for own in found.all) and set(found.least.values()) == {None}


def test_ten_photographs_are_too_few_for_so_many_comparisons() -> None:
    """2^-9 times 69 is above 0.05: no difference of any size is told."""
    found = contrasts({"cincgan/steps-360": -3.0}, photographs=10)
    assert not any(own.effect for own in found.all)
    assert smallest(found.least).count("no difference of any size") == 3


def test_a_verdict_on_one_training_says_so() -> None:
    found = contrasts({"cincgan/steps-360": -0.2}, seeds=[100])
    assert verdict(found).endswith(", in these trainings alone (one seed).")
    assert {own.comparison.verdict for own in found.all if own.effect} == {"differs in this training"}


def test_what_is_missing_is_not_compared() -> None:
    absent = ["cincgan/steps-30-no-outer-cycle", "cincgan/raw-d2"]
    found = contrasts({"cincgan": 0.2}, left_out=absent, diverged=[("cincgan/rate-3e-4", 100), ("cincgan/hr-sums", 101)])
    assert found.find(("cincgan/raw-d2", START), RGB) is None
    assert len(found.from_start) == 3 * 17 and len(found.between_curves) == 3 * 3
    sums = found.find(("cincgan/hr-sums", START), RGB)
    assert sums is not None and sums.seeds == (100,)
    assert [cell.seed for cell in found.study.diverged["cincgan/rate-3e-4"]] == [100]
    assert "19 configurations" not in verdict(found)


def test_without_the_start_curves_alone_are_compared() -> None:
    found = contrasts({"cincgan": 0.3}, left_out=[START])
    sentence = verdict(found)
    assert sentence.startswith("`cincgan/steps-0` has no scores, so that nothing is compared with it; PSNR under `ntire2018` is")
    assert "PSNR under `rgb` is better with the outer cycle than without the outer cycle at `cincgan` (+0." in sentence
    nothing = contrasts(left_out=DESIGN.tried[1:])
    assert verdict(nothing) == "Nothing can be told: no configuration has scores beside those of `cincgan/steps-0`."
