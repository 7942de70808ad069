"""The claims of a paper held against a study's results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.catalog.metrics import get_metric
from benchmarks.scoring.statistics import Comparison, Estimate, compare
from reports.reported import Claim, Paper
from reports.studies import Study
from reports.tables import image_means

Verdict = Literal["reproduced", "not reproduced", "not distinguishable", "not run"]


@dataclass(frozen=True)
class Finding:
    """One comparison of a claim: the paired difference, positive where ``method`` is better, and what follows from it."""

    metric: str
    method: str
    other: str
    difference: Estimate | None
    p: float | None
    verdict: Verdict


@dataclass(frozen=True)
class Judgement:
    """A claim's verdict, and the comparisons behind it."""

    claim: Claim
    verdict: Verdict
    findings: tuple[Finding, ...]


def judge(paper: Paper, study: Study) -> list[Judgement]:
    """Every claim of a paper under its protocol, on what a study has of it.

    A claim is reproduced where every comparison is, not reproduced where one is contradicted, not run where one could not be
    made, and else not distinguishable. Two methods differ where the Holm-corrected Wilcoxon test over all pairs that the claim
    needs *and* the bootstrap interval of their paired difference say so (``benchmarks.scoring.statistics.compare``).
    """
    means = {method: image_means(results) for method, results in study.results.items()}
    return [_judge(claim, paper.protocol, means) for claim in paper.claims]


Means = Mapping[str, Mapping[tuple[str, str], Mapping[str, float]]]


def _judge(claim: Claim, protocol: str, means: Means) -> Judgement:
    findings = tuple(
        finding
        for metric in claim.metrics
        for finding in _findings(claim, metric, {m: v.get((protocol, metric)) for m, v in means.items()})
    )
    verdicts = {finding.verdict for finding in findings}
    order: tuple[Verdict, ...] = ("not reproduced", "not run", "not distinguishable", "reproduced")
    return Judgement(claim, next(verdict for verdict in order if verdict in verdicts), findings)


def _findings(claim: Claim, metric: str, values: Mapping[str, Mapping[str, float] | None]) -> list[Finding]:
    there = {name: found for name in (*claim.methods, *claim.others) if (found := values.get(name))}
    made = {frozenset((each.first, each.second)): each for each in _compared(there)}
    return [_finding(claim, metric, method, other, made) for method in claim.methods for other in claim.others]


def _compared(values: Mapping[str, Mapping[str, float]]) -> list[Comparison]:
    images = list(next(iter(values.values()), ()))
    return compare({name: [found[image] for image in images] for name, found in values.items()})


def _finding(claim: Claim, metric: str, method: str, other: str, made: Mapping[frozenset[str], Comparison]) -> Finding:
    found = made.get(frozenset((method, other)))
    if found is None:
        return Finding(metric, method, other, None, None, "not run")
    gain = _gain(found.difference, flipped=(found.first != method) == get_metric(metric).higher_is_better)
    verdict: Verdict = "not distinguishable" if claim.relation == "above" else "reproduced"
    if found.distinguishable:
        verdict = "reproduced" if gain.mean > 0 else "not reproduced"
    return Finding(metric, method, other, gain, found.p, verdict)


def _gain(difference: Estimate, *, flipped: bool) -> Estimate:
    return Estimate(-difference.mean, -difference.high, -difference.low) if flipped else difference


def summary(judgements: Sequence[Judgement]) -> dict[Verdict, int]:
    """How many claims have which verdict."""
    counts: dict[Verdict, int] = {}
    for each in judgements:
        counts[each.verdict] = counts.get(each.verdict, 0) + 1
    return counts
