"""Intervals over what was sampled: photographs, and trainings where there are several.

Crops of one photograph are not independent. So the interval of a mean over images is a t-interval with two sources of variance:
of photographs the cluster-robust variance CR2 (Bell, McCaffrey: Survey Methodology 28, 2002), of trainings the variance of their
means over images. The two are added, and the interaction that each contains is not taken off, which errs towards wide intervals.
Degrees of freedom are Satterthwaite's. ``docs/intervals.md`` shows how often these intervals hold the truth, and what others do.

A single training has no variance. Its interval is over photographs alone and is about that training.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean and its 95 % interval, in the unit of the values.

    Attributes:
        mean: over images, of each image's mean over trainings.
        low: lower end; minus infinity if there is no interval, as for a single photograph.
        high: upper end; infinity likewise.
        degrees: degrees of freedom of the t-interval; 0 if there is no interval.
    """

    mean: float
    low: float
    high: float
    degrees: float = 0.0

    @property
    def has_interval(self) -> bool:
        """True if the ends say more than that the mean is a number."""
        return not (math.isinf(self.low) and math.isinf(self.high) and self.low < self.high)

    def __neg__(self) -> Estimate:
        return Estimate(-self.mean, -self.high, -self.low, self.degrees)


@dataclass(frozen=True, eq=False)
class ScoreMatrix:
    """Scores of a method under a metric.

    Attributes:
        values: ``(trainings, images)``; one row for a method that is not trained here.
        trained: whether rows are trainings, each one of many that might have been.
    """

    values: Array
    trained: bool = False

    @classmethod
    def fixed(cls, values: Sequence[float]) -> ScoreMatrix:
        """Scores of a method that is taken as it is: nothing of it is drawn by a seed."""
        return cls(np.asarray(values, dtype=np.float64)[None])

    @property
    def is_one_training(self) -> bool:
        """True if nothing is known of other trainings of the method."""
        return self.trained and len(self.values) == 1

    @property
    def has_several_trainings(self) -> bool:
        """True if trainings have a variance."""
        return self.trained and len(self.values) > 1

    @cached_property
    def by_image(self) -> Array:
        """Each image's mean over trainings."""
        return _mean(self.values, 0)

    @cached_property
    def by_training(self) -> Array:
        """Each training's mean over images."""
        return _mean(self.values, 1)

    @property
    def seed_sd(self) -> float | None:
        """Standard deviation of the trainings' means; None for fewer than two trainings, and for infinite scores."""
        is_known = self.has_several_trainings and np.isfinite(self.by_training).all()
        return float(self.by_training.std(ddof=1)) if is_known else None


def _mean(values: Array, axis: int) -> Array:
    """The mean; NaN, without a warning, if infinities of both signs are among the values."""
    with np.errstate(invalid="ignore"):
        return np.asarray(values.mean(axis=axis))


class Photographs:
    """Groups of images.

    Args:
        groups: the photograph of each image, in the order of scores.
    """

    def __init__(self, groups: Sequence[str]) -> None:
        names = {name: place for place, name in enumerate(dict.fromkeys(groups))}
        self.index = np.array([names[group] for group in groups], dtype=np.intp)
        self.sizes = np.bincount(self.index).astype(np.float64)
        self.weights = self.sizes / max(1, len(groups))

    def __len__(self) -> int:
        return len(self.sizes)

    def means(self, by_image: Array) -> Array:
        """Means over the images of each photograph."""
        sums = np.zeros(len(self))
        with np.errstate(invalid="ignore"):  # infinities of both signs
            np.add.at(sums, self.index, by_image)
        return np.asarray(sums / self.sizes)

    def variance(self, by_photograph: Array) -> tuple[float, float]:
        """Cluster-robust variance (CR2) of the mean over images, and its degrees of freedom.

        Args:
            by_photograph: means over the images of each photograph; at least two, finite.
        """
        residuals = by_photograph - self.weights @ by_photograph
        return float((self.weights**2 / (1 - self.weights)) @ residuals**2), _degrees(tuple(self.weights))


@lru_cache(maxsize=64)
def _degrees(weights: tuple[float, ...]) -> float:
    """Degrees of freedom of CR2 where photographs vary alike: one less than their number if each has as many images."""
    w = np.array(weights)
    c = w**2 / (1 - w)
    quadratic = np.diag(c) - np.outer(c, w) - np.outer(w, c) + c.sum() * np.outer(w, w)
    return float(np.trace(quadratic) ** 2 / (quadratic**2).sum())


@dataclass(frozen=True)
class Error:
    """Standard error of a mean.

    Attributes:
        standard: standard error.
        degrees: Satterthwaite's degrees of freedom, for the interval.
        cautious: weighted harmonic mean of the sources' degrees of freedom, for p-values. With three trainings and many
            photographs Satterthwaite's would find differences that are not there in 7 % of cases.
    """

    standard: float
    degrees: float
    cautious: float


def standard_error(by_photograph: Array, photographs: Photographs, methods: Sequence[ScoreMatrix]) -> Error | None:
    """Standard error over photographs, and over the trainings of methods that have several.

    Args:
        by_photograph: means of a method's scores, or of two methods' differences, by photograph.
        photographs: groups of the images.
        methods: the methods; trainings of two methods are drawn independently.

    Returns:
        None for fewer than two photographs, and for scores that are not finite.
    """
    several = [scores for scores in methods if scores.has_several_trainings]
    if len(photographs) < 2 or not np.isfinite([*by_photograph, *(v for s in several for v in s.by_training)]).all():
        return None
    over_photographs = photographs.variance(by_photograph)
    seeds = [(float(s.by_training.var(ddof=1)) / len(s.by_training), len(s.by_training) - 1.0) for s in several]
    over_seeds = _satterthwaite(seeds)
    sources = [source for source in (over_photographs, over_seeds) if source[0] > 0]
    variance, degrees = _satterthwaite(sources)
    cautious = 1 / sum(v / variance / f for v, f in sources) if sources else over_photographs[1]
    return Error(math.sqrt(variance), degrees if sources else over_photographs[1], cautious)


def _satterthwaite(sources: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Variance and degrees of freedom of a sum of independent sources, each given as variance and degrees of freedom."""
    variance = sum(v for v, _ in sources)
    return variance, 1 / sum((v / variance) ** 2 / f for v, f in sources) if variance else 0.0


def estimate(scores: ScoreMatrix, groups: Sequence[str]) -> Estimate:
    """Mean of a method's scores with its interval.

    An infinite score (PSNR of identical images) makes the mean infinite, and leaves no interval unless all scores are so.

    Args:
        scores: of the method.
        groups: the photograph of each image.
    """
    photographs = Photographs(groups)
    return interval(scores.by_image, standard_error(photographs.means(scores.by_image), photographs, [scores]))


def interval(by_image: Array, error: Error | None) -> Estimate:
    """The mean over images with the interval of a standard error."""
    mean = float(_mean(by_image, 0))
    if error is None:
        constant = not math.isfinite(mean) and (by_image == mean).all()
        return Estimate(mean, mean, mean) if constant or math.isnan(mean) else Estimate(mean, -math.inf, math.inf)
    half = error.standard * quantile(1 - (1 - CONFIDENCE) / 2, error.degrees)
    return Estimate(mean, mean - half, mean + half, error.degrees)


@lru_cache(maxsize=1024)
def quantile(probability: float, degrees: float) -> float:
    """Quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))
