"""Means with bootstrap intervals, and significance tests between methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
CONFIDENCE = 0.95
EXACT = 50  # largest number of images with an exact p-value

_INDICES = 1 << 21  # resampled indices in memory at a time


@dataclass(frozen=True)
class Estimate:
    """Mean and its 95 % interval, in the unit of the values."""

    mean: float
    low: float
    high: float


def bootstrap_mean(values: Sequence[float] | NDArray[np.float64]) -> Estimate:
    """Mean and percentile-bootstrap interval over images; seeded, so the same values give the same interval.

    An infinite value (PSNR of identical images) makes the mean infinite, and an end of the interval if enough resamples have it.
    The mean of infinities of both signs is NaN.
    """
    data = np.asarray(values, dtype=np.float64)
    if np.isinf(data).any() and (np.isinf(data).all() or len(set(np.sign(data[np.isinf(data)]))) > 1):
        with np.errstate(invalid="ignore"):
            return Estimate(*[float(data.mean())] * 3)
    count, generator = len(data), np.random.default_rng(0)
    means = np.concatenate([data[generator.integers(count, size=(rows, count))].mean(axis=1) for rows in _blocks(count)])
    tail = (1 - CONFIDENCE) / 2
    # Between a number and infinity nothing can be interpolated.
    method: Literal["linear", "inverted_cdf"] = "linear" if np.isfinite(data).all() else "inverted_cdf"
    low, high = np.quantile(means, [tail, 1 - tail], method=method)
    return Estimate(float(data.mean()), float(low), float(high))


def _blocks(images: int) -> list[int]:
    """Sizes of parts of the resamples whose indices fit into a few megabytes. Parts do not change the random numbers."""
    rows = max(1, _INDICES // images)
    return [min(rows, RESAMPLES - start) for start in range(0, RESAMPLES, rows)]


@dataclass(frozen=True)
class Comparison:
    """Comparison of two methods on the same images under a metric.

    Attributes:
        first: name of a method.
        second: name of another method.
        difference: mean and bootstrap interval of the scores of ``first`` less those of ``second``, image by image.
        p: two-sided p-value of the Wilcoxon signed-rank test, Holm-corrected over all pairs of methods.
        distinguishable: whether p is below 0.05 *and* the interval excludes 0. The test sees only ranks, and the interval is not
            corrected for the number of pairs, so both must agree.
    """

    first: str
    second: str
    difference: Estimate
    p: float
    distinguishable: bool = False


def compare(values: Mapping[str, Sequence[float]]) -> list[Comparison]:
    """Compare every pair of methods on the same images.

    Args:
        values: scores under a metric, by method; all of the same images in the same order.

    Raises:
        ValueError: methods have different numbers of images.
    """
    comparisons = []
    for first, second in combinations(values, 2):
        differences = _differences(values[first], values[second])
        comparisons.append(Comparison(first, second, bootstrap_mean(differences), _wilcoxon(differences)))
    corrected = holm([comparison.p for comparison in comparisons])
    return [_judged(replace(comparison, p=p)) for comparison, p in zip(comparisons, corrected, strict=True)]


def _judged(comparison: Comparison) -> Comparison:
    low, high = comparison.difference.low, comparison.difference.high
    return replace(comparison, distinguishable=comparison.p < 1 - CONFIDENCE and (low > 0 or high < 0))


def _differences(first: Sequence[float], second: Sequence[float]) -> NDArray[np.float64]:
    """Differences image by image. Two infinities (both SR images identical to the HR image) differ by 0."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if len(a) != len(b):
        raise ValueError(f"methods must be compared on the same images: got {len(a)} and {len(b)}")
    return np.subtract(a, b, out=np.zeros_like(a), where=a != b)


def _wilcoxon(differences: NDArray[np.float64]) -> float:
    """Two-sided p-value of the Wilcoxon signed-rank test; exact for up to 50 images; 1 if no scores differ."""
    from scipy.stats import rankdata, wilcoxon

    different = differences[differences != 0]
    if not different.size:
        return 1.0
    if different.size <= EXACT and not np.isnan(different).any():
        ranks = rankdata(np.abs(different))  # an infinite difference has the highest rank
        return _exact_p(np.rint(2 * ranks).astype(int), different > 0)
    beyond = 1 + 2 * float(np.abs(different[np.isfinite(different)]).max(initial=0))
    return float(wilcoxon(np.clip(different, -beyond, beyond)).pvalue)


def _exact_p(doubled: NDArray[np.int_], positive: NDArray[np.bool_]) -> float:
    """Exact two-sided p-value of the Wilcoxon signed-rank test, by dynamic programming over the ranks; handles ties.

    SciPy's exact test has no ties. With ties it tries all signs of up to 13 images, which takes a second, or approximates.

    Args:
        doubled: ranks of the absolute differences, times two, so that tied ranks are integers.
        positive: whether each difference is positive.
    """
    share = np.zeros(int(doubled.sum()) + 1)
    share[0] = 1
    for rank in doubled:
        share[rank:] += share[: share.size - rank].copy()
        share /= 2
    statistic = int(doubled[positive].sum())
    return min(1.0, 2 * float(min(share[: statistic + 1].sum(), share[statistic:].sum())))


def holm(p: Sequence[float]) -> list[float]:
    """Holm-corrected p-values, in the order of ``p`` (Holm, Scandinavian Journal of Statistics 6, 1979)."""
    order = np.argsort(p)
    factors = len(p) - np.arange(len(p))
    ascending = np.minimum(1, np.maximum.accumulate(np.asarray(p)[order] * factors))
    corrected = np.empty(len(p))
    corrected[order] = ascending
    return [float(value) for value in corrected]
