"""What papers report and claim, as data: ``reports/papers/<name>.toml``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from benchmarks.catalog.methods import get_method
from benchmarks.catalog.metrics import get_metric
from benchmarks.core.errors import unknown
from benchmarks.core.strict import build, read_toml

FOLDER = Path(__file__).parent / "papers"

Relation = Literal["above", "reaches"]


@dataclass(frozen=True)
class Reported:
    """Numbers of one method in a paper.

    Attributes:
        method: as the registry names it.
        psnr: in dB.
        ssim: at most 1.
        source: table and column, or figure.
        certainty: how it is known.
        image: the image that the numbers are of; empty for the mean over the test set.
    """

    method: str
    psnr: float
    ssim: float
    source: str
    certainty: str
    image: str = ""


@dataclass(frozen=True)
class Claim:
    """A statement of a paper: each of ``methods`` stands in the relation to each of ``others`` under each of ``metrics``.

    Attributes:
        name: in tables.
        text: in words.
        relation: ``above`` is distinguishably better; ``reaches`` is not distinguishably worse.
        note: what a reader must know of it.
    """

    name: str
    text: str
    metrics: Annotated[tuple[str, ...], Meta(min_length=1)]
    methods: Annotated[tuple[str, ...], Meta(min_length=1)]
    relation: Relation
    others: Annotated[tuple[str, ...], Meta(min_length=1)]
    note: str = ""


@dataclass(frozen=True)
class Paper:
    """A paper's numbers and claims.

    Attributes:
        dataset: that its numbers are of.
        protocol: under which its claims are looked at here.
        calibration: a method without training, by whose number the paper's protocol can be told.
        ablation_of: the method whose variants its ablation compares.
    """

    name: str
    title: str
    url: str
    dataset: str
    protocol: str
    ablation_of: str
    calibration: str
    reported: tuple[Reported, ...]
    claims: tuple[Claim, ...]

    def of(self, method: str) -> Reported | None:
        """What it reports of a method over its test set."""
        return next((each for each in self.reported if each.method == method and not each.image), None)


def load_paper(name: str = "cincgan") -> Paper:
    """Read and check ``reports/papers/<name>.toml``. Raises UsageError where it is unknown or invalid, or names what is not."""
    papers = {path.stem: path for path in FOLDER.glob("*.toml")}
    if name not in papers:
        raise unknown("paper", name, papers)
    paper = build(Paper, read_toml(papers[name]), str(papers[name]))
    for claim in paper.claims:
        for method in (*claim.methods, *claim.others):
            get_method(method)
        for metric in claim.metrics:
            get_metric(metric)
    for reported in paper.reported:
        get_method(reported.method)
    return paper
