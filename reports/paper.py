"""Papers as data: the numbers that each reports and the claims that it makes, one file ``reports/papers/*.toml`` a paper."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from benchmarks.api.entries import Split
from benchmarks.catalog.methods import get_method
from benchmarks.catalog.metrics import get_metric
from benchmarks.catalog.protocols import PROTOCOLS
from benchmarks.core.errors import UsageError
from benchmarks.core.registry import Registry
from benchmarks.core.strict import build, read_toml
from benchmarks.statistics.significance import LEAST
from reports.tables import REFERENCE

FOLDER = Path(__file__).parent / "papers"

Name = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*\Z", max_length=60)]
Url = Annotated[str, Meta(pattern=r"^(https?://|\Z)")]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Names = Annotated[tuple[str, ...], Meta(min_length=1)]
Relation = Literal["above", "reaches"]
Amounts = dict[str, Annotated[float, Meta(gt=0)]]  # by metric, in its unit


@dataclass(frozen=True)
class Reported:
    """Numbers that a paper reports for one method.

    Attributes:
        method: name in the catalog.
        metrics: a number for each metric, by its name in the catalog and in its unit; the first metric is the main one.
        source: table and column, or figure.
        image: the single image that the numbers are of; empty for means over the test set.
    """

    method: str
    metrics: Annotated[dict[str, float], Meta(min_length=1)]
    source: str
    image: str = ""


@dataclass(frozen=True)
class Claim:
    """A statement of a paper: each of ``methods`` stands in the relation to each of ``others`` under each of ``metrics``.

    Attributes:
        name: number or letter, for tables.
        text: the statement in words.
        relation: ``above`` is better by at least the least effect; ``reaches`` is worse by no more than the margin.
        least_effect: for ``above``, by metric and in its unit: a smaller gain does not count.
        margin: for ``reaches``, by metric and in its unit: a larger loss counts.
        photographs: least number of photographs.
        seeds: least number of trainings of each trained method.
        equal_budgets: whether the methods must have had as many training steps in all.
        note: a remark on what the comparison covers.
    """

    name: str
    text: str
    metrics: Names
    methods: Names
    relation: Relation
    others: Names
    least_effect: Amounts = field(default_factory=dict)
    margin: Amounts = field(default_factory=dict)
    photographs: Annotated[int, Meta(ge=LEAST)] = LEAST
    seeds: Annotated[int, Meta(ge=2)] = 3
    equal_budgets: bool = False
    note: str = ""

    def threshold(self, metric: str) -> float:
        """The gain that must be passed, in the metric's unit: the least effect, or minus the margin."""
        return self.least_effect[metric] if self.relation == "above" else -self.margin[metric]

    def opposite(self, metric: str) -> float:
        """The gain below which the claim fails: as far on the other side of 0 for ``above``, minus the margin for ``reaches``."""
        return -abs(self.threshold(metric))


@dataclass(frozen=True)
class Paper:
    """Numbers and claims of a paper.

    Attributes:
        name: in file names, and as the heading of the paper's part of the report.
        title: authors, title, venue and year.
        dataset: the data set of the reported numbers.
        protocol: the protocol of the measured numbers beside them, and of the comparisons behind claims.
        url: of the paper; empty for questions of the benchmark's own.
        origin: of the data set's images, by split, as a card's ``origin`` and results have it. Without it the paper's data are
            known by their name alone, which allows no claim to be reproduced or contradicted.
        note: a remark on protocol and data, for captions.
        ablation_of: the method under study, whose variants an ablation compares; optional.
        calibration: an untrained method, by whose number the paper's protocol can be told; optional.
    """

    name: Name
    title: str
    dataset: str
    protocol: str
    url: Url = ""
    origin: dict[Split, Digest] = field(default_factory=dict)
    note: str = ""
    ablation_of: str = ""
    calibration: str = ""
    reported: tuple[Reported, ...] = ()
    claims: tuple[Claim, ...] = ()

    def reported_means(self, method: str) -> Reported | None:
        """The numbers of a method over the test set; None if the paper has none."""
        return next((entry for entry in self.reported if entry.method == method and not entry.image), None)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of all metrics that the paper reports."""
        return tuple(dict.fromkeys(metric for entry in self.reported for metric in entry.metrics))

    @property
    def methods(self) -> set[str]:
        """Names of all methods that the paper's numbers or claims are about."""
        claimed = {method for claim in self.claims for method in (*claim.methods, *claim.others)}
        return claimed | {entry.method for entry in self.reported}

    def is_about(self, methods: Collection[str]) -> bool:
        """True if the paper is to be set beside results of these methods.

        A paper with numbers is if it reports or claims something of one of them, the reference method left aside; questions
        without numbers are if one of them can be answered.
        """
        if self.reported:
            return not (self.methods - {REFERENCE}).isdisjoint(methods)
        return any({*claim.methods, *claim.others} <= set(methods) for claim in self.claims)

    def digits(self, metric: str) -> int:
        """Decimals that the paper prints of a metric: the longest of its numbers has them all."""
        numbers = (entry.metrics[metric] for entry in self.reported if metric in entry.metrics)
        return max((len(f"{value:f}".rstrip("0").partition(".")[2]) for value in numbers), default=0)


def load_papers() -> Registry[Paper]:
    """Read and check all files ``reports/papers/*.toml``, in the order of their names.

    Raises:
        UsageError: a file is invalid, names an unknown method, metric or protocol, or has the name of another paper.
    """
    papers: dict[str, tuple[Paper, Path]] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        paper = load_paper(path)
        if paper.name in papers:
            raise UsageError(f"{path}: the name '{paper.name}' is also in {papers[paper.name][1].name}: choose another one")
        papers[paper.name] = (paper, path)
    return Registry("paper", (paper for paper, _ in papers.values()))


def load_paper(path: Path) -> Paper:
    """Read and check one file. Raises UsageError as ``load_papers`` does."""
    paper = build(Paper, read_toml(path), str(path))
    try:
        _check(paper)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    return paper


def _check(paper: Paper) -> None:
    """Raise UsageError for unknown names, repeated entries, and numbers that are not finite."""
    PROTOCOLS.look_up(paper.protocol)
    for method in sorted(paper.methods | {paper.ablation_of, paper.calibration} - {""}):
        get_method(method)
    for metric in dict.fromkeys((*paper.metrics, *(metric for claim in paper.claims for metric in claim.metrics))):
        get_metric(metric)
    for claim in paper.claims:
        name, own, other = "least_effect", claim.least_effect, claim.margin
        if claim.relation == "reaches":
            name, own, other = "margin", claim.margin, claim.least_effect
        if other or own.keys() != set(claim.metrics):
            raise UsageError(
                f"claim '{claim.name}': relation {claim.relation} needs a {name} for {', '.join(claim.metrics)} and nothing else"
            )
    _refuse_twice("claim", (claim.name for claim in paper.claims))
    _refuse_twice("entry [[reported]] of", (f"{entry.method} {entry.image}".strip() for entry in paper.reported))
    for entry in paper.reported:
        if not all(map(math.isfinite, entry.metrics.values())):
            raise UsageError(f"the numbers of {entry.method} are not finite: give those that the paper prints")
    if paper.calibration and paper.reported_means(paper.calibration) is None:
        raise UsageError(f"calibration needs numbers of {paper.calibration}: add an entry [[reported]] of it")


def _refuse_twice(kind: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UsageError(f"the {kind} '{name}' is repeated: leave one out")
        seen.add(name)
