"""Verdicts on the claims of a paper, from the results of a study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.catalog.methods import every_method
from benchmarks.catalog.metrics import get_metric
from benchmarks.core.text import counted
from benchmarks.statistics.intervals import Estimate
from benchmarks.statistics.significance import Difference, holm, is_significant, least_p
from reports.marks import exploratory, is_learned
from reports.paper import Claim, Paper
from reports.studies import Study

FULL = "paper"  # the profile with the sizes and schedules of the papers
FLOOR = "classical"  # group of the methods that learn nothing of noise

Verdict = Literal[
    "reproduced",
    "contradicted",
    "same direction here",
    "opposite here",
    "not distinguishable",
    "cannot be told",
    "not run",
]
HOLDS: tuple[Verdict, ...] = ("same direction here", "reproduced")
PRECEDENCE: tuple[Verdict, ...] = (
    *("contradicted", "opposite here", "not run", "cannot be told", "not distinguishable"),
    *HOLDS,
)


@dataclass(frozen=True)
class PairVerdict:
    """A comparison of two methods that a claim needs.

    Attributes:
        difference: paired by image, positive where ``method`` is better; None if one of the methods has no scores.
        p: of the gain's distance to the claim's least effect or margin, Holm-corrected over all comparisons behind the claims of
            the paper; None if the comparison cannot be told.
        verdict: on this pair alone.
        reason: why the comparison cannot be told.
    """

    metric: str
    method: str
    other: str
    difference: Estimate | None
    p: float | None
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True)
class ClaimVerdict:
    """The verdict on a claim, and the comparisons behind it.

    Attributes:
        remarks: sentences that belong beside the verdict.
    """

    claim: Claim
    verdict: Verdict
    pairs: tuple[PairVerdict, ...]
    remarks: tuple[str, ...] = ()


def claim_verdicts(paper: Paper, study: Study) -> list[ClaimVerdict]:
    """A verdict on every claim of a paper, under the paper's protocol.

    A comparison holds if the gain is significantly above the claim's threshold, and fails if it is significantly below the
    opposite one (``benchmarks.statistics.significance``). Reproduced and contradicted are words for the paper's data at the
    paper's profile, with sanity checks passed; elsewhere the direction is the same here, or the opposite. A claim has the verdict
    of its comparisons that comes first in ``PRECEDENCE``. Holm's correction is over all comparisons of the paper's claims,
    those that could not be made included: which methods were run changes no verdict on the others.
    """
    family = sum(1 for claim in paper.claims for _ in _comparisons(claim))
    judge = _Judge(paper, study, family)
    families = [[judge.compare(claim, *names) for names in _comparisons(claim)] for claim in paper.claims]
    told = [pair.p for pairs in families for pair in pairs if pair.p is not None]
    corrected = iter(holm([*told, *[1.0] * (family - len(told))]))
    verdicts = []
    for claim, pairs in zip(paper.claims, families, strict=True):
        judged = tuple(pair if pair.p is None else judge.judged(claim, replace(pair, p=next(corrected))) for pair in pairs)
        verdict = next(verdict for verdict in PRECEDENCE if any(pair.verdict == verdict for pair in judged))
        verdicts.append(ClaimVerdict(claim, verdict, judged, tuple(judge.remarks(claim, verdict, judged))))
    return verdicts


def _comparisons(claim: Claim) -> Iterator[tuple[str, str, str]]:
    """Metric, method and other method of the comparisons that a claim needs."""
    for metric in claim.metrics:
        for method in claim.methods:
            yield from ((metric, method, other) for other in claim.others)


@dataclass(frozen=True)
class _Judge:
    """Comparisons of one study under the protocol of one paper.

    Attributes:
        family: number of comparisons of all claims of the paper.
    """

    paper: Paper
    study: Study
    family: int

    def compare(self, claim: Claim, metric: str, method: str, other: str) -> PairVerdict:
        """The difference and its uncorrected p-value; without a p-value if there is an obstacle."""
        difference = self.study.measurements.difference(method, other, (self.paper.protocol, metric))
        if difference is None:
            return PairVerdict(metric, method, other, None, None, "not run")
        gain = _oriented(difference, metric)
        reason = self._obstacle(claim, difference, method, other)
        p = None if reason else _p(claim, metric, difference, gain)
        return PairVerdict(metric, method, other, gain, p, "cannot be told", reason)

    def _obstacle(self, claim: Claim, difference: Difference, method: str, other: str) -> str:
        """The first condition of a claim that a comparison does not meet; empty if it meets all."""
        if reason := self._exploratory(method, other):
            return reason
        if difference.obstacle:
            return difference.obstacle
        if len(difference.photographs) < claim.photographs:
            return f"{counted(len(difference.photographs), 'photograph')}, at least {claim.photographs} are needed"
        for name, scores in ((method, difference.first), (other, difference.second)):
            if scores.trained and len(scores.values) < claim.seeds:
                return f"{counted(len(scores.values), 'training')} of {name}, at least {claim.seeds} are needed"
            if any(result.undertrained for result in self.study.results[name]):
                return f"{name} is undertrained"
        steps = {name: self.study.steps.get(name) for name in (method, other)}
        if claim.equal_budgets and (None in steps.values() or len(set(steps.values())) > 1):
            numbers = ", ".join(f"{name} {'unknown' if own is None else own}" for name, own in steps.items())
            return f"training steps differ: {numbers}"
        if not is_significant(self.family * least_p(len(difference.photographs))):
            photographs = counted(len(difference.photographs), "photograph")
            return f"{photographs} are too few for the {counted(self.family, 'comparison')} of the paper's claims"
        return ""

    def _exploratory(self, *methods: str) -> str:
        """Why the scores of methods are no results of a frozen profile: settings, data or seeds may be chosen by them."""
        reasons = {name: exploratory(self.study.profile, self.study.results[name]) for name in methods}
        if len(set(reasons.values())) == 1:
            return f"exploratory: {reason}" if (reason := next(iter(reasons.values()))) else ""
        return ", ".join(f"{name} is exploratory: {reason}" for name, reason in reasons.items() if reason)

    def judged(self, claim: Claim, pair: PairVerdict) -> PairVerdict:
        """The pair with the verdict that its corrected p-value allows."""
        if pair.difference is None or not is_significant(pair.p):
            return replace(pair, verdict="not distinguishable")
        strict = not self._scope(pair)
        if pair.difference.mean > claim.threshold(pair.metric):
            return replace(pair, verdict="reproduced" if strict else "same direction here")
        return replace(pair, verdict="contradicted" if strict else "opposite here")

    def _scope(self, pair: PairVerdict) -> list[str]:
        """Reasons why a verdict says nothing about the paper's own experiment; none if it does."""
        reasons = [] if self._is_of_own_data((pair.method, pair.other)) else ["other data"]
        reasons += [] if self.study.profile == FULL else ["another profile"]
        reasons += [f"{name} has uncommitted changes" for name in (pair.method, pair.other) if name in self.study.uncommitted]
        return reasons + [f"the sanity of {name} was not checked" for name in self._unchecked(pair)]

    def _is_of_own_data(self, methods: Iterable[str]) -> bool:
        """True if the images that were scored, and all that the methods were trained on, are the paper's by name and content."""
        paper, study = self.paper, self.study
        is_scored = study.split in paper.origin and study.has_data_of(paper.dataset, paper.origin)
        trained = {origin for name in methods for origin in study.training_origins.get(name, ())}
        return is_scored and study.trained_on == paper.dataset and trained <= set(paper.origin.items())

    def _unchecked(self, pair: PairVerdict) -> list[str]:
        """Trained methods of a pair that have a result without a sanity check."""
        results = {name: self.study.results.get(name, ()) for name in (pair.method, pair.other)}
        return [name for name, own in results.items() if any(r.cell.needs and not r.sanity for r in own)]

    def _cannot_fail(self, method: str) -> bool:
        """True if a method has sanity checks, of which none asks for a gain over bicubic."""
        checks = [check for result in self.study.results.get(method, ()) for check in result.sanity]
        return bool(checks) and all(check.margin is None for check in checks)

    def remarks(self, claim: Claim, verdict: Verdict, pairs: Sequence[PairVerdict]) -> Iterator[str]:
        """Sentences on obstacles, on sanity checks that were not made, and on floors that do as well where the claim holds."""
        reasons = dict.fromkeys(pair.reason for pair in pairs if pair.reason)
        methods = dict.fromkeys(name for pair in pairs for name in (pair.method, pair.other))
        if self.paper.origin and self.study.dataset == self.paper.dataset and not self._is_of_own_data(methods):
            yield f"Images that were scored or trained on are not recognised as those of {self.paper.dataset} by their content."
        if own := [name for name in methods if name in self.study.uncommitted]:
            yield f"Computed with uncommitted changes of the code: {', '.join(own)}."
        if reasons and verdict == "cannot be told":
            yield f"Cannot be told: {'; '.join(reasons)}."
        told = [pair for pair in pairs if pair.p is not None]
        if unchecked := dict.fromkeys(name for pair in told for name in self._unchecked(pair)):
            yield f"Without a sanity check: {', '.join(unchecked)}."
        if mute := dict.fromkeys(name for pair in told for name in (pair.method, pair.other) if self._cannot_fail(name)):
            yield f"No sanity check of {', '.join(mute)} can fail: clean LR images do not show whether noise is removed."
        if verdict in HOLDS and all(map(is_learned, claim.methods)):
            floors = [name for name in self._floors() if self._satisfies(claim, name)]
            if floors:
                yield f"A classical method satisfies it too: {', '.join(floors)}."

    def _floors(self) -> list[str]:
        """Classical methods of the study."""
        groups = {entry.name: entry.group for entry in every_method()}
        return [name for name in self.study.methods if groups.get(name) == FLOOR]

    def _satisfies(self, claim: Claim, floor: str) -> bool:
        """True if a floor in place of the claim's methods satisfies the claim, by Bonferroni's correction over the family."""
        for metric, _, other in _comparisons(claim):
            difference = self.study.measurements.difference(floor, other, (self.paper.protocol, metric))
            if difference is None or difference.obstacle:
                return False
            gain = _oriented(difference, metric)
            p = min(1.0, self.family * _p(claim, metric, difference, gain))
            if gain.mean <= claim.threshold(metric) or not is_significant(p):
                return False
        return True


def _oriented(difference: Difference, metric: str) -> Estimate:
    """The difference, positive where the first method is better."""
    return difference.estimate if get_metric(metric).higher_is_better else -difference.estimate


def _p(claim: Claim, metric: str, difference: Difference, gain: Estimate) -> float:
    """P-value of a gain's distance to the threshold that it has passed; 1 between the thresholds."""
    passed, failed = claim.threshold(metric), claim.opposite(metric)
    sign = 1 if get_metric(metric).higher_is_better else -1
    if gain.mean > passed:
        return difference.p(sign * passed)
    return difference.p(sign * failed) if gain.mean < failed else 1.0


def count_verdicts(verdicts: Sequence[ClaimVerdict]) -> dict[Verdict, int]:
    """Number of claims by verdict."""
    return dict(Counter(judged.verdict for judged in verdicts))
