"""Intervals over photographs and trainings: against SciPy, matrix formulas and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import fractional_matrix_power
from scipy.stats import ttest_1samp

from benchmarks.statistics.coverage import Setting, measure, simulate, to_markdown
from benchmarks.statistics.intervals import Photographs, ScoreMatrix, estimate, standard_error


def test_each_image_its_own_photograph_is_the_usual_t_interval() -> None:
    values = np.random.default_rng(0).normal(25, 3, 15)
    own = estimate(ScoreMatrix.fixed(list(values)), [str(place) for place in range(15)])
    low, high = ttest_1samp(values, 0).confidence_interval(0.95)
    assert (own.mean, own.low, own.high, own.degrees) == pytest.approx((values.mean(), low, high, 14))


def test_the_variance_over_photographs_is_cr2() -> None:
    """Bell and McCaffrey's formula with matrices, for a regression on the constant alone."""
    groups = ["a"] * 6 + ["b"] * 2 + ["c"] * 6 + ["d"] * 4 + ["e"] * 6
    values = np.random.default_rng(1).normal(25, 3, 24)
    residuals, hat, total = values - values.mean(), np.full((24, 24), 1 / 24), 0.0
    for name in "abcde":
        rows = [place for place, group in enumerate(groups) if group == name]
        adjusted = fractional_matrix_power(np.eye(len(rows)) - hat[np.ix_(rows, rows)], -0.5) @ residuals[rows]
        total += adjusted.sum() ** 2 / 24**2
    photographs = Photographs(groups)
    error = standard_error(photographs.means(values), photographs, [ScoreMatrix.fixed(list(values))])
    assert error is not None and error.standard == pytest.approx(math.sqrt(total))
    assert 3 < error.degrees < 4, "five photographs of different weight are a little less than four degrees"


def test_trainings_add_their_variance_and_their_degrees() -> None:
    generator = np.random.default_rng(2)
    values = generator.normal(25, 1, 400) + np.array([[-0.3], [0.1], [0.2]])
    several = ScoreMatrix(values, trained=True)
    own = estimate(several, [str(place) for place in range(400)])
    over_images, over_trainings = values.mean(0).var(ddof=1) / 400, values.mean(1).var(ddof=1) / 3
    variance = over_images + over_trainings
    degrees = variance**2 / (over_images**2 / 399 + over_trainings**2 / 2)
    assert own.degrees == pytest.approx(degrees) and degrees < 3
    assert several.seed_sd == pytest.approx(np.std(values.mean(1), ddof=1))
    once = ScoreMatrix(values[:1], trained=True)
    assert once.seed_sd is None and once.is_one_training and not several.is_one_training


@given(st.lists(st.floats(0, 50), min_size=2, max_size=30))
def test_the_interval_holds_the_mean_in_its_middle(values: list[float]) -> None:
    own = estimate(ScoreMatrix.fixed(values), [str(place) for place in range(len(values))])
    assert own.low <= own.mean <= own.high
    assert own.mean - own.low == pytest.approx(own.high - own.mean)
    assert own == estimate(ScoreMatrix.fixed(values), [str(place) for place in range(len(values))])


def test_one_photograph_has_a_mean_and_no_interval() -> None:
    own = estimate(ScoreMatrix.fixed([20.0, 22.0]), ["a", "a"])
    assert (own.mean, own.low, own.high, own.has_interval) == (21, -math.inf, math.inf, False)
    assert estimate(ScoreMatrix.fixed([math.inf, math.inf]), ["a", "b"]).low == math.inf
    assert not estimate(ScoreMatrix.fixed([math.inf, 1.0]), ["a", "b"]).has_interval


def test_simulated_images_are_correlated_as_the_setting_says() -> None:
    setting = Setting(photographs=100, trainings=1, correlation=0.5)
    scores = simulate(setting, 300, both_trained=False)
    images = scores.first[:, 0] - scores.training[:, None]
    assert images.shape[1] == len(setting.groups) == 480
    within, across = np.corrcoef(images[:, 0], images[:, 1])[0, 1], np.corrcoef(images[:, 0], images[:, 479])[0, 1]
    assert 0.35 < within < 0.65 and abs(across) < 0.2
    assert np.std(scores.training) == pytest.approx(0.29, abs=0.05)


@pytest.mark.parametrize(("photographs", "trainings"), [(5, 3), (24, 1), (24, 3)])
def test_intervals_in_use_hold_the_truth_and_the_earlier_ones_do_not(photographs: int, trainings: int) -> None:
    shares = measure(Setting(photographs, trainings, 0.75), 300)
    assert 0.91 <= shares.coverage["t, Satterthwaite's: in use"] <= 0.98
    assert shares.coverage["bootstrap of images"] < 0.75
    assert shares.false_pairs <= 0.08 and shares.earlier > 0.25
    assert trainings > 1 or shares.false_pairs == 0
    assert photographs > 5 or shares.false_pairs == shares.false_gains == 0


def test_the_table_has_a_row_for_each_number_of_photographs_and_trainings() -> None:
    shares = [measure(Setting(g, s, icc), 5) for g in (5, 10, 24, 100) for s in (1, 3, 5) for icc in (0.5, 0.75)]
    lines = to_markdown(shares).splitlines()
    assert len(lines) == 14 and len({line.count("|") for line in lines}) == 1
