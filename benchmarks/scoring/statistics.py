"""Means with bootstrap intervals, and which methods differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
CONFIDENCE = 0.95
EXACT = 50  # images up to which p is counted

_INDICES = 1 << 21


@dataclass(frozen=True)
class Estimate:
    """A mean and its 95 % interval, in the unit of the values."""

    mean: float
    low: float
    high: float


def bootstrap_mean(values: Sequence[float] | NDArray[np.float64]) -> Estimate:
    """Mean and percentile-bootstrap interval over images; seeded, so the same values give the same interval.

    An infinite value (PSNR of identical images) makes the mean infinite, and an end of the interval where so many resamples
    have it; infinities of both signs have no mean (NaN).
    """
    data = np.asarray(values, dtype=np.float64)
    if np.isinf(data).any() and (np.isinf(data).all() or len(set(np.sign(data[np.isinf(data)]))) > 1):
        with np.errstate(invalid="ignore"):
            return Estimate(*[float(data.mean())] * 3)
    count, generator = len(data), np.random.default_rng(0)
    means = np.concatenate([data[generator.integers(count, size=(rows, count))].mean(axis=1) for rows in _blocks(count)])
    tail = (1 - CONFIDENCE) / 2
    # No interpolation between a number and infinity.
    method: Literal["linear", "inverted_cdf"] = "linear" if np.isfinite(data).all() else "inverted_cdf"
    low, high = np.quantile(means, [tail, 1 - tail], method=method)
    return Estimate(float(data.mean()), float(low), float(high))


def _blocks(images: int) -> list[int]:
    """Resamples in parts whose indices fit into a few megabytes; the stream of random numbers is the same as in one."""
    rows = max(1, _INDICES // images)
    return [min(rows, RESAMPLES - start) for start in range(0, RESAMPLES, rows)]


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same images under one metric.

    Attributes:
        first: name of a method.
        second: name of the other.
        difference: mean of first less second, image by image, and its bootstrap interval.
        p: of the two-sided Wilcoxon signed-rank test, Holm-corrected over all pairs of methods.
        distinguishable: whether p is below 0.05 *and* the interval excludes 0; p knows ranks only, the interval one pair only.
    """

    first: str
    second: str
    difference: Estimate
    p: float
    distinguishable: bool = False


def compare(values: Mapping[str, Sequence[float]]) -> list[Comparison]:
    """Every pair of methods on the same images.

    Args:
        values: by method, its scores under one metric; the same images in the same order.

    Raises:
        ValueError: methods have different numbers of images.
    """
    found = []
    for first, second in combinations(values, 2):
        differences = _differences(values[first], values[second])
        found.append(Comparison(first, second, bootstrap_mean(differences), _wilcoxon(differences)))
    corrected = holm([each.p for each in found])
    return [_judged(replace(each, p=p)) for each, p in zip(found, corrected, strict=True)]


def _judged(found: Comparison) -> Comparison:
    low, high = found.difference.low, found.difference.high
    return replace(found, distinguishable=found.p < 1 - CONFIDENCE and (low > 0 or high < 0))


def _differences(first: Sequence[float], second: Sequence[float]) -> NDArray[np.float64]:
    """Image by image; two infinities (both results identical to the ground truth) differ by 0."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if len(a) != len(b):
        raise ValueError(f"methods must be compared on the same images: got {len(a)} and {len(b)}")
    return np.subtract(a, b, out=np.zeros_like(a), where=a != b)


def _wilcoxon(differences: NDArray[np.float64]) -> float:
    """The two-sided p; exact for up to 50 images, ties and all. 1 where nothing differs."""
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
    """How often the sum of positive ranks is as far out where every sign is a coin's: counted rank by rank.

    SciPy's own exact test knows no ties; with them it tries all signs of up to 13 images, in a second, and approximates beyond.
    """
    share = np.zeros(int(doubled.sum()) + 1)
    share[0] = 1
    for rank in doubled:
        share[rank:] += share[: share.size - rank].copy()
        share /= 2
    here = int(doubled[positive].sum())
    return min(1.0, 2 * float(min(share[: here + 1].sum(), share[here:].sum())))


def holm(p: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm, Scandinavian Journal of Statistics 6, 1979), in the order given."""
    order = np.argsort(p)
    factors = len(p) - np.arange(len(p))
    ascending = np.minimum(1, np.maximum.accumulate(np.asarray(p)[order] * factors))
    corrected = np.empty(len(p))
    corrected[order] = ascending
    return [float(value) for value in corrected]
