"""Which scores have moved from their baseline, and whether that counts: a threshold that matters, and support over images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.catalog.metrics import get_metric
from benchmarks.core.errors import UsageError
from benchmarks.regression.reference import Baseline, Column, Entry, mean_of, rounded
from benchmarks.results.record import EvaluationResult
from benchmarks.scoring.statistics import CONFIDENCE, Estimate, compare, holm

Verdict = Literal["same", "regression", "moved", "improvement", "unclear", "unmeasured"]

FAILURES: tuple[Verdict, ...] = ("regression", "moved")


@dataclass(frozen=True)
class Threshold:
    """The least difference of means that matters, in the metric's unit, of trained and of untrained methods."""

    trained: float
    untrained: float


THRESHOLDS = {  # docs/regression.md has what was measured
    "psnr": Threshold(0.05, 0.005),
    "ssim": Threshold(0.002, 0.0002),
    "lpips": Threshold(0.005, 0.0005),
    "lpips-vgg": Threshold(0.005, 0.0005),
}
SHARE = Threshold(0.01, 0.001)  # of the baseline's mean, for metrics whose scale is not known here
MARGIN = 2  # times what machines were measured to differ by: few machines have been seen


@dataclass(frozen=True)
class Finding:
    """One column of one method beside its baseline.

    Attributes:
        method: title of the entry: method, data set, seed.
        protocol: of the scores.
        metric: of the scores.
        verdict: ``regression``: worse; ``moved``: better, of a method that nothing was trained for, so what measures it has
            changed; ``unclear``: beyond the threshold, but not supported over images; ``unmeasured``: there is no number.
        old: the baseline's mean.
        threshold: the difference of means that counts.
        new: the mean now; None where it was not measured.
        difference: new less old, image by image, and its bootstrap interval.
        p: of the Wilcoxon signed-rank test, Holm-corrected over all columns of the baseline.
        reason: why there is no number.
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
        """What was found, in one line."""
        if self.new is None or self.difference is None:
            return f"could not be measured: {self.reason}"
        low, high = self.difference.low, self.difference.high
        moved = f"{self.old:.6g} -> {self.new:.6g}: {self.difference.mean:+.4g} ({low:+.4g}…{high:+.4g})"
        return f"{self.verdict}: {moved}, counted from {self.threshold:.2g}, p {self.p:.2g}"


def judge(baseline: Baseline, measured: Mapping[tuple[str, str, int | None], EvaluationResult | str]) -> list[Finding]:
    """Hold results against a baseline.

    Args:
        baseline: what they must not be worse than.
        measured: by entry (method, data set, seed) the result, or the reason why there is none.

    Returns:
        One finding per entry, protocol and metric, in the baseline's order.

    Raises:
        UsageError: so few images that nothing could ever be found.
    """
    pairs = [
        (entry, column, values, _new_values(baseline, entry, column, measured.get(entry.key, "not among the results")))
        for entry in baseline.entries
        for column, values in entry.columns()
    ]
    _refuse_few_images(baseline, len(pairs))
    found = [_compare(entry, column, old, new) for entry, column, old, new in pairs]
    corrected = holm([each.p for each in found])
    return [_judged(replace(each, p=p), pair[0]) for each, p, pair in zip(found, corrected, pairs, strict=True)]


def _refuse_few_images(baseline: Baseline, columns: int) -> None:
    """The least p of n pairs is 2 / 2^n, and the correction multiplies it by the number of columns."""
    fewest = min(len(baseline.data[entry.dataset].images) for entry in baseline.entries)
    least = math.ceil(math.log2(2 * columns / (1 - CONFIDENCE))) + 1
    if fewest < least:
        raise UsageError(
            f"{fewest} test images cannot support a verdict on {columns} columns: "
            f"choose a profile with {least} images or more per data set"
        )


def _new_values(baseline: Baseline, entry: Entry, column: Column, result: EvaluationResult | str) -> list[float] | str:
    """The scores now in the baseline's order of images, or why there are none."""
    if isinstance(result, str):
        return result
    protocol, metric = column
    values = result.scores.get(protocol, {}).get(metric)
    if values is None:
        return str(result.missing.get(metric, f"the result has no {protocol} {metric}"))
    images = baseline.data[entry.dataset].images
    if set(values) != set(images):
        return f"the result has {len(values)} images, not the baseline's {len(images)}"
    found = [values[image] for image in images]
    if not all(isinstance(value, float | int) and not math.isnan(value) for value in found):
        return "the result has scores that are no numbers"
    return [rounded(value) for value in found]


def _compare(entry: Entry, column: Column, old: Sequence[float], new: list[float] | str) -> Finding:
    """The numbers, with p not yet corrected and no verdict."""
    mean = mean_of(old)
    known = THRESHOLDS.get(column[1]) or Threshold(abs(mean) * SHARE.trained, abs(mean) * SHARE.untrained)
    least = known.untrained if entry.seed is None else known.trained
    threshold = max(least, MARGIN * entry.allowed(column))
    if isinstance(new, str):
        return Finding(entry.title, *column, "unmeasured", mean, threshold, reason=new)
    (found,) = compare({"new": new, "old": old})
    return Finding(entry.title, *column, "same", mean, threshold, mean_of(new), found.difference, found.p)


def _judged(found: Finding, entry: Entry) -> Finding:
    if found.difference is None or abs(found.difference.mean) <= found.threshold:
        return found
    if math.isnan(found.difference.mean) or found.p >= 1 - CONFIDENCE or found.difference.low <= 0 <= found.difference.high:
        return replace(found, verdict="unclear")
    if (found.difference.mean > 0) != get_metric(found.metric).higher_is_better:
        return replace(found, verdict="regression")
    return replace(found, verdict="moved" if entry.seed is None else "improvement")


def exit_code(findings: Sequence[Finding]) -> int:
    """1 where something measured counts against the code, else 2 where something could not be measured, else 0."""
    verdicts = {found.verdict for found in findings}
    return 1 if verdicts & set(FAILURES) else 2 if "unmeasured" in verdicts else 0


def of_verdict(findings: Sequence[Finding], *verdicts: Verdict) -> Iterator[Finding]:
    """Those with one of the verdicts."""
    return (found for found in findings if found.verdict in verdicts)
