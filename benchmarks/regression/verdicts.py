"""Verdicts on scores: a difference from the reference counts if it is large enough to matter and supported over images.

The gate asks about these images, not about other photographs, and about the same training: each image counts for itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.catalog.metrics import get_metric
from benchmarks.core.errors import UsageError
from benchmarks.core.text import counted
from benchmarks.regression.reference import Column, Measured, Reference, ReferenceScores, mean_of, rounded
from benchmarks.results.record import EvaluationResult
from benchmarks.statistics.intervals import CONFIDENCE, Estimate, Photographs, ScoreMatrix
from benchmarks.statistics.significance import Difference, holm, is_significant

Verdict = Literal["within threshold", "regression", "moved", "improvement", "unclear", "unmeasured"]

FAILURES: tuple[Verdict, ...] = ("regression", "moved")


@dataclass(frozen=True)
class Threshold:
    """The least difference of means that matters, in the metric's unit, for trained and for untrained methods."""

    trained: float
    untrained: float


THRESHOLDS = {  # docs/regression.md has the measurements
    "psnr": Threshold(0.05, 0.005),
    "ssim": Threshold(0.002, 0.0002),
    "lpips": Threshold(0.005, 0.0005),
    "lpips-vgg": Threshold(0.005, 0.0005),
}
SHARE = Threshold(0.01, 0.001)  # share of the reference's mean, for metrics whose scale is not known here
MARGIN = 2  # factor on the measured tolerance between machines, for few machines were measured


@dataclass(frozen=True)
class Finding:
    """The comparison of one column of one method with the reference.

    Attributes:
        method: title of the entry: method, data set, seed.
        protocol: of the scores.
        metric: of the scores.
        verdict: ``regression``: worse. ``moved``: better, but of a method that is not trained, so the measurement itself has
            changed. ``improvement``: better, of a trained method. ``unclear``: beyond the threshold, but not supported over
            images. ``unmeasured``: there are no scores. ``within threshold``: all others.
        old: the reference's mean.
        threshold: the least difference of means that counts.
        new: the mean now; None if it was not measured.
        difference: mean of new less old, image by image, with its interval over images.
        p: of sign flips and of Student's t over images, Holm-corrected over all columns of the reference.
        reason: why there are no scores.
    """

    method: str
    protocol: str
    metric: str
    verdict: Verdict
    old: float
    threshold: float
    new: float | None = None
    difference: Estimate | None = None
    p: float = 1.0
    reason: str = ""

    def sentence(self) -> str:
        """Verdict and numbers in one line."""
        if self.new is None or self.difference is None:
            return f"could not be measured: {self.reason}"
        low, high = self.difference.low, self.difference.high
        change = f"{self.old:.6g} -> {self.new:.6g}: {self.difference.mean:+.4g} ({low:+.4g}…{high:+.4g})"
        return f"{self.verdict}: {change}, counted from {self.threshold:.2g}, p {self.p:.2g}"


def compare_with_reference(reference: Reference, measured: Measured) -> list[Finding]:
    """Compare results with a reference.

    Args:
        reference: scores that the results must not be worse than.
        measured: results, or reasons why there are none, by method, data set and seed.

    Returns:
        One finding per entry, protocol and metric, in the reference's order.

    Raises:
        UsageError: there are so few images that no difference could be significant.
    """
    columns = [
        (entry, column, values, new_scores(reference, entry, column, measured.get(entry.key, "not among the results")))
        for entry in reference.entries
        for column, values in entry.columns()
    ]
    _refuse_few_images(reference, len(columns))
    findings = [_compare(entry, column, old, new) for entry, column, old, new in columns]
    corrected = holm([finding.p for finding in findings])
    pairs = zip(findings, corrected, columns, strict=True)
    return [_with_verdict(replace(finding, p=p), column[0]) for finding, p, column in pairs]


def _refuse_few_images(reference: Reference, columns: int) -> None:
    """The least p of n pairs is 2 / 2^n, and the correction multiplies it by the number of columns."""
    fewest = min(len(reference.data[entry.dataset].images) for entry in reference.entries)
    least = math.ceil(math.log2(2 * columns / (1 - CONFIDENCE))) + 1
    if fewest < least:
        raise UsageError(
            f"{counted(fewest, 'test image')} cannot support a verdict on {counted(columns, 'column')}: "
            f"choose a profile with {counted(least, 'image')} or more per data set"
        )


def new_scores(reference: Reference, entry: ReferenceScores, column: Column, result: EvaluationResult | str) -> list[float] | str:
    """The result's scores of a column, rounded and in the order of the reference's images, or the reason why there are none."""
    if isinstance(result, str):
        return result
    protocol, metric = column
    scores = result.scores.get(protocol, {}).get(metric)
    if scores is None:
        return result.missing.get(metric, f"the result has no {protocol} {metric}")
    images = reference.data[entry.dataset].images
    if set(scores) != set(images):
        return f"the result's images differ from the reference's, for example '{min(set(scores) ^ set(images))}'"
    values = [scores[image] for image in images]
    if any(math.isnan(value) for value in values):
        return "the result has scores that are no numbers"
    return [rounded(value) for value in values]


def _compare(entry: ReferenceScores, column: Column, old: Sequence[float], new: list[float] | str) -> Finding:
    """Means, difference and uncorrected p of a column; the verdict is still ``within threshold`` or ``unmeasured``."""
    mean = mean_of(old)
    thresholds = THRESHOLDS.get(column[1]) or Threshold(abs(mean) * SHARE.trained, abs(mean) * SHARE.untrained)
    least = thresholds.untrained if entry.seed is None else thresholds.trained
    threshold = max(least, MARGIN * entry.allowed(column))
    if isinstance(new, str):
        return Finding(entry.title, *column, "unmeasured", mean, threshold, reason=new)
    images = Photographs([str(place) for place in range(len(new))])
    difference = Difference(ScoreMatrix.fixed(new), ScoreMatrix.fixed(old), images)
    return Finding(entry.title, *column, "within threshold", mean, threshold, mean_of(new), difference.estimate, difference.p())


def _with_verdict(finding: Finding, entry: ReferenceScores) -> Finding:
    difference = finding.difference
    if difference is None or abs(difference.mean) <= finding.threshold:
        return finding
    if math.isnan(difference.mean) or not is_significant(finding.p) or difference.low <= 0 <= difference.high:
        return replace(finding, verdict="unclear")
    if (difference.mean > 0) != get_metric(finding.metric).higher_is_better:
        return replace(finding, verdict="regression")
    return replace(finding, verdict="moved" if entry.seed is None else "improvement")


def of_verdict(findings: Sequence[Finding], *verdicts: Verdict) -> Iterator[Finding]:
    """The findings with one of the verdicts."""
    return (finding for finding in findings if finding.verdict in verdicts)
