"""Significance tests between methods: against scipy and a published example, and invariants."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, wilcoxon

from benchmarks.scoring.statistics import bootstrap_mean, compare, holm


def test_holm_on_a_worked_example() -> None:
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_raw_and_the_bonferroni_values(p: list[float]) -> None:
    corrected = holm(p)
    for raw, value in zip(p, corrected, strict=True):
        assert raw <= value <= min(1, raw * len(p)) + 1e-15
    assert [corrected[index] for index in np.argsort(p, kind="stable")] == sorted(corrected)


def scores(seed: int, shift: float, count: int = 30) -> list[float]:
    generator = np.random.default_rng(0)
    base = generator.normal(25, 3, count)
    return list(base + shift + np.random.default_rng(seed).normal(0, 0.2, count))


def test_pairs_are_told_apart_where_they_differ_and_only_there() -> None:
    values = {"a": scores(1, 0.0), "b": scores(2, 0.0), "c": scores(3, 0.5)}
    comparisons = {(pair.first, pair.second): pair for pair in compare(values)}
    assert set(comparisons) == {("a", "b"), ("a", "c"), ("b", "c")}
    assert [pair.distinguishable for pair in comparisons.values()] == [False, True, True]
    for (first, second), pair in comparisons.items():
        differences = np.subtract(values[first], values[second])
        assert pair.difference.mean == pytest.approx(differences.mean())
        assert wilcoxon(differences).pvalue <= pair.p <= 3 * wilcoxon(differences).pvalue


def test_few_images_are_never_enough() -> None:
    (comparison,) = compare({"a": [1.0, 2.0, 3.0, 4.0, 5.0], "b": [0.0, 1.0, 2.0, 3.0, 3.5]})
    assert comparison.p == 0.0625
    assert comparison.difference.low > 0
    assert not comparison.distinguishable


@given(st.lists(st.sampled_from([-3.0, -1.5, -1.0, 0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=10))
def test_p_with_ties_is_that_of_all_signs(differences: list[float]) -> None:
    ranks = rankdata(np.abs([value for value in differences if value]))
    sums = [np.dot(ranks, signs) for signs in product((0, 1), repeat=len(ranks))]
    statistic = sum(rank for rank, value in zip(ranks, filter(None, differences), strict=True) if value > 0)
    tails = (np.mean(np.array(sums) <= statistic), np.mean(np.array(sums) >= statistic))
    (comparison,) = compare({"a": differences, "b": [0.0] * len(differences)})
    assert comparison.p == pytest.approx(min(1, 2 * min(tails)))


@pytest.mark.parametrize("count", [13, 24, 50])
def test_p_without_ties_is_scipys(count: int) -> None:
    differences = np.random.default_rng(count).normal(0.3, 1, count)
    (comparison,) = compare({"a": list(differences), "b": [0.0] * count})
    assert comparison.p == pytest.approx(wilcoxon(differences, method="exact").pvalue)


def test_equal_results_and_infinities() -> None:
    ideal = [math.inf] * 20
    (same,) = compare({"a": ideal, "b": list(ideal)})
    assert (same.difference.mean, same.p, same.distinguishable) == (0, 1, False)
    (better,) = compare({"a": ideal, "b": [30.0 + index for index in range(20)]})
    assert (better.difference.mean, better.distinguishable) == (math.inf, True)
    mixed = [math.inf if index % 2 else 20.0 + index for index in range(20)]
    (unclear,) = compare({"a": mixed, "b": [20.5 + index if index % 2 else math.inf for index in range(20)]})
    assert math.isnan(unclear.difference.mean)
    assert not unclear.distinguishable


def test_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match="same images"):
        compare({"a": [1.0], "b": [1.0, 2.0]})


def test_one_infinite_image_does_not_decide() -> None:
    worse = [math.inf] + [29.0 + index / 10 for index in range(20)]
    better = [30.0] + [30.0 + index / 10 for index in range(20)]
    (comparison,) = compare({"worse": worse, "better": better})
    assert comparison.p < 0.05
    assert comparison.difference.low == pytest.approx(-1)
    assert not comparison.distinguishable


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=40))
def test_the_interval_is_that_of_all_resamples_at_once(values: list[float]) -> None:
    data = np.array(values)
    indices = np.random.default_rng(0).integers(len(data), size=(10_000, len(data)))
    low, high = np.quantile(data[indices].mean(axis=1), [0.025, 0.975])
    interval = bootstrap_mean(values)
    assert (interval.low, interval.high) == pytest.approx((low, high))
