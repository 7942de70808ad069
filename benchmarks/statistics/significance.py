"""Verdicts on differences between methods: p-values over photographs and trainings, Holm's correction, and letters of groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import combinations
from string import ascii_letters
from typing import Literal

import numpy as np

from benchmarks.core.text import counted
from benchmarks.statistics.intervals import (
    CONFIDENCE,
    Array,
    Error,
    Estimate,
    Photographs,
    ScoreMatrix,
    interval,
    quantile,
    standard_error,
)

LEAST = 6  # photographs: of fewer, no assignment of signs has a p-value below 0.05
EXACT = 30  # largest number of photographs whose signs are all counted
FLIPS = 20_000  # random assignments of signs to more photographs
POWER = 0.8  # of the smallest difference that a set resolves

Verdict = Literal["distinguishable", "differs in this training", "not distinguishable", "cannot be told"]


@dataclass(frozen=True)
class Difference:
    """Scores of a method less those of another, image by image.

    Attributes:
        first: scores of the method.
        second: scores of the other method, on the same images.
        photographs: groups of the images.
    """

    first: ScoreMatrix
    second: ScoreMatrix
    photographs: Photographs

    @cached_property
    def by_image(self) -> Array:
        """Differences of the images. Two infinities (both SR images identical to the HR image) differ by 0."""
        a, b = self.first.by_image, self.second.by_image
        return np.subtract(a, b, out=np.zeros_like(a), where=a != b)

    @cached_property
    def _by_photograph(self) -> Array:
        with np.errstate(invalid="ignore"):
            return self.photographs.means(self.by_image)

    @cached_property
    def error(self) -> Error | None:
        """Standard error; None if there is none."""
        return standard_error(self._by_photograph, self.photographs, [self.first, self.second])

    @cached_property
    def estimate(self) -> Estimate:
        """Mean difference with its interval."""
        return interval(self.by_image, self.error)

    @property
    def obstacle(self) -> str:
        """The reason why no verdict is possible; empty if one is."""
        if len(self.photographs) < LEAST:
            return f"{counted(len(self.photographs), 'photograph')}, at least {LEAST} are needed"
        methods = [scores for scores in (self.first, self.second) if scores.trained]
        return "one training" if len(methods) == 2 and any(scores.is_one_training for scores in methods) else ""

    @property
    def is_of_one_training(self) -> bool:
        """True if a verdict would be about a single training."""
        return self.first.is_one_training or self.second.is_one_training

    def p(self, shift: float = 0.0) -> float:
        """Two-sided p-value of the hypothesis that the expected difference is ``shift``: the larger one of two tests.

        1. Signs of photographs: how many assignments of signs to their differences give a mean as far out. Exact for up to
           ``EXACT`` photographs, whatever the distribution of the differences, if it is symmetric.
        2. Student's t over photographs and trainings, since signs of photographs know nothing of other trainings.
        """
        differences = self._by_photograph - shift
        if self.error is None:
            same_sign = np.isinf(differences).all() and len(set(differences)) == 1
            return sign_flips(np.sign(differences)) if same_sign else 1.0
        p = sign_flips(self.photographs.weights * differences)
        distance: float = abs(self.estimate.mean - shift)
        if not self.error.standard:
            return p if distance else 1.0
        return max(p, _two_sided(distance / self.error.standard, self.error.cautious))


def _two_sided(t: float, degrees: float) -> float:
    from scipy.special import stdtr

    return 2 * float(stdtr(degrees, -t))


def least_p(photographs: int) -> float:
    """The smallest two-sided p-value that signs of so many photographs allow: all differences have the same sign."""
    return 2.0 ** (1 - photographs)


def sign_flips(differences: Array) -> float:
    """Two-sided p-value of the sum of differences over all assignments of signs, or over random ones if there are many.

    All assignments are counted by halves: sums of the first half of the differences against sorted sums of the second.
    """
    count, total = len(differences), abs(float(differences.sum()))
    least = total * (1 - 1e-9)  # equal sums are equal whatever the order of additions
    if not np.any(differences):
        return 1.0
    if count > EXACT:
        sums = np.abs(_random_signs(count) @ differences)
        return float(1 + (sums >= least).sum()) / (1 + FLIPS)
    first, second = _sums(differences[: count // 2]), np.sort(_sums(differences[count // 2 :]))
    above = len(second) - np.searchsorted(second, least - first, side="left")
    below = np.searchsorted(second, -least - first, side="right")
    return min(1.0, float((above + below).sum()) * 0.5**count)


def _sums(differences: Array) -> Array:
    """Sums under all assignments of signs."""
    sums = np.zeros(1)
    for difference in differences:
        sums = np.concatenate([sums + difference, sums - difference])
    return sums


@lru_cache(maxsize=2)
def _random_signs(count: int) -> Array:
    return np.random.default_rng(0).choice(np.array([-1.0, 1.0]), size=(FLIPS, count))


@dataclass(frozen=True)
class Comparison:
    """Comparison of two methods on the same images under a metric.

    Attributes:
        first: name of a method.
        second: name of another method.
        difference: mean and interval of the scores of ``first`` less those of ``second``.
        p: two-sided p-value, Holm-corrected over all comparisons that can be told; None if this one cannot.
        verdict: ``distinguishable`` if p is below 0.05; ``differs in this training`` if so, and one of the methods was trained
            once; ``cannot be told`` for fewer than ``LEAST`` photographs, and for two trained methods if one was trained once.
        reason: why the comparison cannot be told.
    """

    first: str
    second: str
    difference: Estimate
    p: float | None
    verdict: Verdict
    reason: str = ""

    @property
    def differs(self) -> bool:
        """True if the methods differ, in these trainings at least."""
        return self.verdict in ("distinguishable", "differs in this training")


def compare(methods: Mapping[str, ScoreMatrix], groups: Sequence[str]) -> list[Comparison]:
    """Compare every pair of methods on the same images.

    Args:
        methods: scores under a metric, by method; all of the same images in the same order.
        groups: the photograph of each image.

    Raises:
        ValueError: methods have different numbers of images.
    """
    return judge(differences_of(methods, groups))


def differences_of(methods: Mapping[str, ScoreMatrix], groups: Sequence[str]) -> dict[tuple[str, str], Difference]:
    """Differences of every pair of methods. Raises ValueError if methods have different numbers of images."""
    for scores in methods.values():
        if scores.values.shape[1] != len(groups):
            raise ValueError(f"methods must be compared on the same images: got {scores.values.shape[1]} and {len(groups)}")
    photographs = Photographs(groups)
    return {(a, b): Difference(methods[a], methods[b], photographs) for a, b in combinations(methods, 2)}


def judge(differences: Mapping[tuple[str, str], Difference]) -> list[Comparison]:
    """Verdicts on differences, Holm-corrected over those that can be told."""
    comparisons = [_compared(*names, difference) for names, difference in differences.items()]
    told = [comparison for comparison in comparisons if comparison.p is not None]
    corrected = iter(holm([comparison.p or 0.0 for comparison in told]))
    pairs = zip(comparisons, differences.values(), strict=True)
    return [c if c.p is None else _judged(replace(c, p=next(corrected)), difference) for c, difference in pairs]


def _compared(first: str, second: str, difference: Difference) -> Comparison:
    reason = difference.obstacle
    return Comparison(first, second, difference.estimate, None if reason else difference.p(), "cannot be told", reason)


def _judged(comparison: Comparison, difference: Difference) -> Comparison:
    verdict: Verdict = "not distinguishable"
    if is_significant(comparison.p):
        verdict = "differs in this training" if difference.is_of_one_training else "distinguishable"
    return replace(comparison, verdict=verdict)


def is_significant(p: float | None) -> bool:
    """True if a p-value is below 0.05."""
    return p is not None and p < 1 - CONFIDENCE


def holm(p: Sequence[float]) -> list[float]:
    """Holm-corrected p-values, in the order of ``p`` (Holm, Scandinavian Journal of Statistics 6, 1979)."""
    order = np.argsort(p)
    factors = len(p) - np.arange(len(p))
    ascending = np.minimum(1, np.maximum.accumulate(np.asarray(p)[order] * factors))
    corrected = np.empty(len(p))
    corrected[order] = ascending
    return [float(value) for value in corrected]


def paired(first: ScoreMatrix, second: ScoreMatrix, photographs: Photographs) -> Difference:
    """Difference of two methods seed by seed, for trainings of a seed that continue from the same weights.

    What those weights do to both methods cancels. Two trainings that share nothing but the number of their seed are no pair.

    Args:
        first: scores of the method, ``(trainings, images)``.
        second: scores of the other method, of the same seeds in the same order.
        photographs: groups of the images.
    """
    a, b = first.values, second.values
    by_seed = np.subtract(a, b, out=np.zeros_like(a), where=a != b)
    return Difference(ScoreMatrix(by_seed, trained=True), ScoreMatrix.fixed([0.0] * a.shape[1]), photographs)


def resolved(differences: Iterable[Difference], together: int = 0) -> float | None:
    """The smallest difference that comparisons resolve: found with a probability of 80 % under Holm's first correction.

    Args:
        differences: of the comparisons.
        together: number of comparisons that are corrected together; 0 for those that are given and can be told.

    Returns:
        The median over the comparisons; None if no difference of any size could be told.
    """
    tested = [difference for difference in differences if not difference.obstacle and difference.error]
    level = (1 - CONFIDENCE) / max(1, together or len(tested))
    if not tested or 2.0 ** (1 - len(tested[0].photographs)) >= level:
        return None
    errors = [difference.error for difference in tested if difference.error]
    return float(np.median([e.standard * (quantile(1 - level / 2, e.cautious) + quantile(POWER, e.cautious)) for e in errors]))


def letters(order: Sequence[str], comparisons: Sequence[Comparison]) -> dict[str, str]:
    """Compact letter display: two methods share a letter if they do not differ (Piepho, J. Comput. Graph. Stat. 13, 2004).

    Args:
        order: names of methods, the best first; it gets the letter a.
        comparisons: of all pairs of the methods.

    Returns:
        Letters by method.
    """
    sets = [set(order)]
    for comparison in (comparison for comparison in comparisons if comparison.differs):
        pair = {comparison.first, comparison.second}
        split = [part for old in sets for part in ([old - {name} for name in pair] if pair <= old else [old])]
        distinct = [part for place, part in enumerate(split) if part not in split[:place]]
        sets = [part for part in distinct if not any(part < other for other in distinct)]
    names = [*ascii_letters, *(f"({place})" for place in range(len(sets)))]
    sets.sort(key=lambda part: [order.index(name) for name in sorted(part, key=order.index)])
    return {name: "".join(letter for letter, part in zip(names, sets, strict=False) if name in part) for name in order}


def rank_groups(order: Sequence[str], comparisons: Sequence[Comparison]) -> list[list[str]]:
    """Groups of methods that share a rank: every method of a group differs from every method of the groups below it.

    Within a group methods are chained: neighbours may differ while both are like a third. So the clusters of the WMT evaluations
    are made (Bojar et al., WMT 2013).

    Args:
        order: names of methods, the best first.
        comparisons: of all pairs of the methods.
    """
    alike = {frozenset((pair.first, pair.second)) for pair in comparisons if not pair.differs}
    groups: list[list[str]] = []
    for name in order:
        chained = [place for place, group in enumerate(groups) if any({name, other} in alike for other in group)]
        first = min(chained, default=len(groups))
        groups = [*groups[:first], [*(each for group in groups[first:] for each in group), name]]
    return groups
