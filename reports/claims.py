"""Verdicts on the claims of a paper, from the results of a study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.catalog.metrics import get_metric
from benchmarks.scoring.statistics import Comparison, Estimate, compare
from reports.paper import Claim, Paper
from reports.studies import Study
from reports.tables import Column, image_means

Verdict = Literal["reproduced", "not reproduced", "not distinguishable", "not run"]
PRECEDENCE: tuple[Verdict, ...] = ("not reproduced", "not run", "not distinguishable", "reproduced")

Values = Mapping[str, float]  # a number for each image


@dataclass(frozen=True)
class PairVerdict:
    """A comparison of two methods that a claim needs.

    Attributes:
        difference: paired by image, positive where ``method`` is better; None if one of the methods has no scores.
        p: of the Wilcoxon signed-rank test, Holm-corrected over the pairs of the claim; None likewise.
        verdict: on this pair alone.
    """

    metric: str
    method: str
    other: str
    difference: Estimate | None
    p: float | None
    verdict: Verdict


@dataclass(frozen=True)
class ClaimVerdict:
    """The verdict on a claim, and the comparisons behind it."""

    claim: Claim
    verdict: Verdict
    pairs: tuple[PairVerdict, ...]


def claim_verdicts(paper: Paper, study: Study) -> list[ClaimVerdict]:
    """A verdict on every claim of a paper, under the paper's protocol.

    A claim is reproduced if every comparison is, not reproduced if one is contradicted, not run if one could not be made, and
    otherwise not distinguishable. Two methods differ if the Holm-corrected Wilcoxon test over all pairs of the claim *and* the
    bootstrap interval of their paired difference say so (``benchmarks.scoring.statistics.compare``).
    """
    means = {method: image_means(results) for method, results in study.results.items()}
    return [_claim_verdict(claim, paper.protocol, means) for claim in paper.claims]


def _claim_verdict(claim: Claim, protocol: str, means: Mapping[str, Mapping[Column, Values]]) -> ClaimVerdict:
    pairs: list[PairVerdict] = []
    for metric in claim.metrics:
        values = {method: columns[protocol, metric] for method, columns in means.items() if (protocol, metric) in columns}
        pairs += _pair_verdicts(claim, metric, values)
    verdicts = {pair.verdict for pair in pairs}
    return ClaimVerdict(claim, next(verdict for verdict in PRECEDENCE if verdict in verdicts), tuple(pairs))


def _pair_verdicts(claim: Claim, metric: str, values: Mapping[str, Values]) -> list[PairVerdict]:
    """Verdicts on all pairs of a claim under one metric."""
    scored = {name: values[name] for name in (*claim.methods, *claim.others) if name in values}
    images = list(next(iter(scored.values()), ()))
    comparisons = compare({name: [scores[image] for image in images] for name, scores in scored.items()})
    by_pair = {frozenset((comparison.first, comparison.second)): comparison for comparison in comparisons}
    return [
        _pair_verdict(claim, metric, method, other, by_pair.get(frozenset((method, other))))
        for method in claim.methods
        for other in claim.others
    ]


def _pair_verdict(claim: Claim, metric: str, method: str, other: str, comparison: Comparison | None) -> PairVerdict:
    if comparison is None:
        return PairVerdict(metric, method, other, None, None, "not run")
    gain = comparison.difference  # first less second; better if positive, for metrics of which higher is better
    if (comparison.first == method) != get_metric(metric).higher_is_better:
        gain = Estimate(-gain.mean, -gain.high, -gain.low)
    verdict: Verdict = "not distinguishable" if claim.relation == "above" else "reproduced"
    if comparison.distinguishable:
        verdict = "reproduced" if gain.mean > 0 else "not reproduced"
    return PairVerdict(metric, method, other, gain, comparison.p, verdict)


def count_verdicts(verdicts: Sequence[ClaimVerdict]) -> dict[Verdict, int]:
    """Number of claims by verdict."""
    return dict(Counter(judged.verdict for judged in verdicts))
