"""Verdicts on differences between methods: against SciPy and brute force, invariants, and cases that must not be verdicts."""

from __future__ import annotations

import math
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import permutation_test, ttest_1samp

from benchmarks.statistics.intervals import Photographs, ScoreMatrix
from benchmarks.statistics.significance import (
    EXACT,
    LEAST,
    Comparison,
    Difference,
    compare,
    differences_of,
    holm,
    letters,
    paired,
    rank_groups,
    resolved,
    sign_flips,
)


def single(count: int) -> list[str]:
    """Each image shows a photograph of its own."""
    return [str(place) for place in range(count)]


def fixed(values: object) -> ScoreMatrix:
    return ScoreMatrix.fixed(list(np.asarray(values, dtype=float)))


def test_holm_on_a_worked_example() -> None:
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_raw_and_the_bonferroni_values(p: list[float]) -> None:
    corrected = holm(p)
    for raw, value in zip(p, corrected, strict=True):
        assert raw <= value <= min(1, raw * len(p)) + 1e-15
    assert [corrected[index] for index in np.argsort(p, kind="stable")] == sorted(corrected)


@given(st.lists(st.sampled_from([-3.0, -1.5, -1.0, 0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=9))
def test_sign_flips_count_all_assignments_of_signs(differences: list[float]) -> None:
    sums = [abs(np.dot(signs, differences)) for signs in product((-1, 1), repeat=len(differences))]
    expected = np.mean(np.array(sums) >= abs(sum(differences)) - 1e-9) if any(differences) else 1.0
    assert sign_flips(np.array(differences)) == pytest.approx(expected)


def test_sign_flips_are_scipys() -> None:
    differences = np.random.default_rng(0).normal(0.3, 1, 12)
    exact = permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flips(differences) == pytest.approx(exact.pvalue)


def test_random_signs_agree_with_all_signs() -> None:
    differences = np.random.default_rng(3).normal(0.25, 1, EXACT)
    more = np.append(differences, 0.0)  # one photograph more that changes no sum
    assert sign_flips(more) == pytest.approx(sign_flips(differences), abs=0.01)
    assert sign_flips(more) == sign_flips(more)


@pytest.mark.parametrize(("count", "p"), [(5, 0.0625), (6, 0.03125)])
def test_the_least_p_value_of_a_number_of_photographs(count: int, p: float) -> None:
    assert sign_flips(np.arange(1.0, count + 1)) == p


def test_p_is_the_larger_of_signs_and_t() -> None:
    differences = np.random.default_rng(1).normal(0.5, 1, 12)
    difference = Difference(fixed(differences), fixed(np.zeros(12)), Photographs(single(12)))
    t = ttest_1samp(differences, 0.0)
    assert difference.p() == pytest.approx(max(float(t.pvalue), sign_flips(differences)))
    assert (difference.estimate.low, difference.estimate.high) == pytest.approx(tuple(t.confidence_interval(0.95)))
    shifted = ttest_1samp(differences, 0.3)
    assert difference.p(0.3) == pytest.approx(max(float(shifted.pvalue), sign_flips(differences - 0.3)))


def scores(seed: int, shift: float, count: int = 30) -> list[float]:
    base = np.random.default_rng(0).normal(25, 3, count)
    return list(base + shift + np.random.default_rng(seed).normal(0, 0.2, count))


def test_pairs_are_told_apart_where_they_differ_and_only_there() -> None:
    values = {"a": fixed(scores(1, 0.0)), "b": fixed(scores(2, 0.0)), "c": fixed(scores(3, 0.5))}
    comparisons = {(pair.first, pair.second): pair for pair in compare(values, single(30))}
    assert [pair.verdict for pair in comparisons.values()] == ["not distinguishable", "distinguishable", "distinguishable"]
    raw = {names: difference.p() for names, difference in differences_of(values, single(30)).items()}
    for names, pair in comparisons.items():
        assert pair.p is not None and raw[names] <= pair.p <= 3 * raw[names]


def trained(seeds: int, images: int, level: float = 0.0, spread: float = 0.0, place: int = 0) -> ScoreMatrix:
    generator = np.random.default_rng((place, seeds))
    effects = generator.normal(0, spread, (seeds, 1))
    return ScoreMatrix(level + effects + generator.normal(0, 0.05, (seeds, images)), trained=True)


def verdict(first: ScoreMatrix, second: ScoreMatrix, groups: list[str]) -> Comparison:
    (comparison,) = compare({"first": first, "second": second}, groups)
    return comparison


def test_ten_decibels_below_on_five_photographs_cannot_be_told() -> None:
    for images in (5, 24):
        groups = [str(place % 5) for place in range(images)]
        comparison = verdict(trained(3, images, -10), trained(3, images, place=1), groups)
        assert (comparison.verdict, comparison.p) == ("cannot be told", None)
        assert comparison.reason == "5 photographs, at least 6 are needed"
        assert comparison.difference.high < -9, "the interval still says where the mean is"


def test_two_single_trainings_have_no_verdict_however_far_apart() -> None:
    comparison = verdict(trained(1, 24, -10), trained(1, 24, place=1), single(24))
    assert (comparison.verdict, comparison.reason) == ("cannot be told", "one training")
    assert verdict(trained(1, 24, -10), trained(3, 24, place=1), single(24)).verdict == "cannot be told"


def test_a_single_training_differs_from_an_untrained_method_in_this_training_only() -> None:
    comparison = verdict(trained(1, 24, 1), fixed(np.zeros(24)), single(24))
    assert comparison.verdict == "differs in this training" and comparison.differs
    assert verdict(trained(3, 24, 1), fixed(np.zeros(24)), single(24)).verdict == "distinguishable"


def test_trainings_that_scatter_more_than_methods_differ_are_not_told_apart() -> None:
    """Signs of photographs alone would find a difference: the mean of three scattered trainings is off on every photograph."""
    first, second = trained(3, 100, 0.0, 0.29, 1), trained(3, 100, 0.0, 0.29, 2)
    difference = Difference(first, second, Photographs(single(100)))
    assert sign_flips(difference.by_image) < 0.001
    assert verdict(first, second, single(100)).verdict == "not distinguishable"


def test_methods_that_are_equal_in_expectation_are_not_told_apart() -> None:
    pairs = [(trained(3, 24, 0, 0.29, 2 * n), trained(3, 24, 0, 0.29, 2 * n + 1)) for n in range(200)]
    found = sum(verdict(*pair, single(24)).differs for pair in pairs)
    assert found <= 16, "5 % of 200, and three standard deviations more"


def test_crops_of_a_photograph_count_once() -> None:
    generator = np.random.default_rng(5)
    by_photograph = generator.normal(0.4, 1, 8)
    crops = np.repeat(by_photograph, 3)
    groups = [str(place // 3) for place in range(24)]
    alone = verdict(fixed(by_photograph), fixed(np.zeros(8)), single(8))
    together = verdict(fixed(crops), fixed(np.zeros(24)), groups)
    assert together.p == pytest.approx(alone.p)
    assert together.difference.low == pytest.approx(alone.difference.low)
    assert (verdict(fixed(crops), fixed(np.zeros(24)), single(24)).p or 1) < (alone.p or 0)


def test_equal_results_and_infinities() -> None:
    ideal = fixed([math.inf] * 20)
    same = verdict(ideal, fixed([math.inf] * 20), single(20))
    assert (same.difference.mean, same.p, same.verdict) == (0, 1, "not distinguishable")
    better = verdict(ideal, fixed([30.0 + index for index in range(20)]), single(20))
    assert (better.difference.mean, better.verdict) == (math.inf, "distinguishable")
    mixed = fixed([math.inf if index % 2 else 20.0 + index for index in range(20)])
    unclear = verdict(mixed, fixed([20.5 + index if index % 2 else math.inf for index in range(20)]), single(20))
    assert math.isnan(unclear.difference.mean) and not unclear.differs


def test_one_infinite_image_does_not_decide() -> None:
    worse = fixed([math.inf] + [29.0 + index / 10 for index in range(20)])
    better = fixed([30.0] + [30.0 + index / 10 for index in range(20)])
    assert not verdict(worse, better, single(21)).differs


def test_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match="same images"):
        compare({"a": fixed([1.0]), "b": fixed([1.0, 2.0])}, ["x", "y"])


def test_a_resolved_difference_is_found_four_times_of_five() -> None:
    generator = np.random.default_rng(7)
    noise: NDArray[np.float64] = generator.normal(0, 1, (300, 40))
    least = [resolved([Difference(fixed(row), fixed(np.zeros(40)), Photographs(single(40)))]) for row in noise]
    size = float(np.median([value for value in least if value is not None]))
    found = [verdict(fixed(row + size), fixed(np.zeros(40)), single(40)).differs for row in noise]
    assert 0.72 <= np.mean(found) <= 0.88


def test_too_few_photographs_for_many_pairs_resolve_nothing() -> None:
    matrices = {str(n): fixed(np.random.default_rng(n).normal(size=8)) for n in range(11)}
    assert resolved(differences_of(matrices, single(8)).values()) is None, "55 pairs times 2 / 2^8 is more than 0.05"
    assert resolved(differences_of(matrices, [str(place % (LEAST - 1)) for place in range(8)]).values()) is None


def told(first: str, second: str, differs: bool) -> Comparison:
    estimate = Difference(fixed([0.0, 1.0]), fixed([0.0, 0.0]), Photographs(single(2))).estimate
    return Comparison(first, second, estimate, 0.01, "distinguishable" if differs else "not distinguishable")


def test_methods_of_a_rank_differ_from_all_below() -> None:
    order, different = ["a", "b", "c", "d", "e"], {frozenset(pair) for pair in ("ac", "ad", "ae", "be", "bd", "cd", "ce")}
    comparisons = [told(first, second, {first, second} in different) for first, second in combinations(order, 2)]
    assert rank_groups(order, comparisons) == [["a", "b", "c"], ["d", "e"]]  # b is like a and like c, which differ
    assert rank_groups(order, [told(a, b, True) for a, b in combinations(order, 2)]) == [[name] for name in order]
    assert rank_groups(order, [told(*pair, pair != ("a", "e")) for pair in combinations(order, 2)]) == [order]
    assert rank_groups([], []) == []


def test_letters_on_a_worked_example() -> None:
    # Piepho (2004), section 2: T1 to T8, where exactly these pairs differ
    different = {("T1", "T7"), ("T1", "T8"), ("T2", "T4"), ("T2", "T5"), ("T3", "T5")}
    names = [f"T{place}" for place in range(1, 9)]
    comparisons = [told(a, b, (a, b) in different) for a, b in combinations(names, 2)]
    shown = letters(names, comparisons)
    for a, b in combinations(names, 2):
        assert bool(set(shown[a]) & set(shown[b])) == ((a, b) not in different)


@given(st.integers(1, 7), st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=15))
def test_methods_share_a_letter_exactly_if_they_do_not_differ(count: int, drawn: set[tuple[int, int]]) -> None:
    names = [f"m{place}" for place in range(count)]
    different = {frozenset((names[a], names[b])) for a, b in drawn if a != b and max(a, b) < count}
    shown = letters(names, [told(a, b, frozenset((a, b)) in different) for a, b in combinations(names, 2)])
    assert shown["m0"].startswith("a") and all(shown.values())
    for a, b in combinations(names, 2):
        assert bool(set(shown[a]) & set(shown[b])) == (frozenset((a, b)) not in different)


def test_paired_trainings_cancel_what_they_share() -> None:
    """Seeds that differ by a dB, alike in both methods, leave the difference of a seed as it is."""
    generator = np.random.default_rng(0)
    levels = generator.normal(22, 2, (1, 12)) + np.array([[0.0], [1.0]])
    noise = generator.normal(0, 0.02, (2, 12))
    photographs = Photographs(single(12))
    first, second = ScoreMatrix(levels + 0.1 + noise, trained=True), ScoreMatrix(levels, trained=True)
    own, unpaired = paired(first, second, photographs), Difference(first, second, photographs)
    assert own.estimate.mean == pytest.approx(unpaired.estimate.mean) == pytest.approx(0.1 + noise.mean())
    assert own.p() < 0.05 < unpaired.p() and not own.is_of_one_training
    assert own.error is not None and own.error.standard < 0.02 < unpaired.estimate.high - unpaired.estimate.mean
    one = paired(ScoreMatrix(first.values[:1], trained=True), ScoreMatrix(second.values[:1], trained=True), photographs)
    assert one.is_of_one_training and not one.obstacle and one.p() == pytest.approx(Difference(*fixed_pair(one), photographs).p())


def fixed_pair(difference: Difference) -> tuple[ScoreMatrix, ScoreMatrix]:
    """A difference as one of two methods without trainings."""
    return fixed(difference.first.values[0]), fixed(difference.second.values[0])


def test_more_comparisons_resolve_larger_differences_alone() -> None:
    photographs = Photographs(single(20))
    difference = Difference(fixed(np.random.default_rng(0).normal(0, 1, 20)), fixed(np.zeros(20)), photographs)
    few, many = resolved([difference]), resolved([difference], 69)
    assert few is not None and many is not None and few < many
    assert resolved([difference], 10**6) is None
