"""Chapters of a report: a study with its tables, and for each paper about its methods the paper's numbers and verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from reports.claims import ClaimVerdict, claim_verdicts, count_verdicts
from reports.grid import Grid
from reports.grids import claims_grid, reported_grid, table_grid
from reports.marks import code_mixture
from reports.measurements import Column
from reports.paper import Paper
from reports.studies import UNVERIFIED, FinishedCell, Study, make_studies
from reports.tables import Table, make_tables


@dataclass(frozen=True)
class PaperPart:
    """A paper held against a study.

    Attributes:
        verdicts: one on each claim.
        grids: tables ``reported`` and ``claims``, if the paper has reported numbers or claims.
    """

    paper: Paper
    verdicts: Sequence[ClaimVerdict]
    grids: Mapping[str, Grid]

    def summary(self) -> str:
        """Number of claims by verdict, as text."""
        counts = ", ".join(f"{count} {verdict}" for verdict, count in count_verdicts(self.verdicts).items())
        return f"claims: {counts or 'none'}"


@dataclass(frozen=True)
class Chapter:
    """A study with its tables and the papers about it.

    Attributes:
        tables: ``methods``, which may have no rows, then ablations.
        grids: of the tables, by kind: ``methods``, ``ablation``; with several ablations ``ablation-<method>``.
        papers: papers about one of the study's methods.
        since: sentence on code that has changed since; of committed reference results only.
    """

    study: Study
    tables: Sequence[Table]
    grids: Mapping[str, Grid]
    papers: Sequence[PaperPart]
    since: str = ""

    @property
    def methods(self) -> list[str]:
        """Methods of the main table that have scores, or SR images without ground truth."""
        return [row.method for row in self.tables[0].rows if row.images]

    @property
    def under_study(self) -> set[str]:
        """Methods that a paper proposes and takes apart: figures mark them."""
        return {part.paper.ablation_of for part in self.papers} - {""}

    def all_grids(self) -> Iterator[Grid]:
        """Grids of the study, then of each paper."""
        yield from self.grids.values()
        for part in self.papers:
            yield from part.grids.values()

    def summaries(self) -> list[str]:
        """A line for each paper with the verdicts on its claims."""
        if not self.tables[0].has_truth:
            return [f"{self.study.name}: no ground truth, so nothing to hold a paper's numbers against"]
        if self.study.split == "validation":
            return [f"{self.study.name}: validation images, for choices of settings: no results"]
        if not self.papers:
            return [f"{self.study.name}: no paper is about its methods"]
        return [f"{self.study.name}, {part.paper.name}: {part.summary()}" for part in self.papers]


def make_chapters(evidence: Iterable[FinishedCell], papers: Iterable[Paper]) -> list[Chapter]:
    """A chapter for each study, in the order of their names."""
    papers = list(papers)
    return [_chapter(study, papers) for study in make_studies(evidence)]


def _chapter(study: Study, papers: Sequence[Paper]) -> Chapter:
    tables = study_tables(study)
    several = len(tables) > 2
    kinds = [f"ablation-{table.reference}" if several and table.kind == "ablation" else table.kind for table in tables]
    return Chapter(
        study,
        tables,
        {kind: table_grid(f"{study.name}-{kind}", table) for kind, table in zip(kinds, tables, strict=True)},
        [_paper_part(paper, study, tables) for paper in papers if _is_held_against(paper, study, tables)],
    )


def _is_held_against(paper: Paper, study: Study, tables: Sequence[Table]) -> bool:
    """True if a paper is about a study's methods, and the study's scores are results: of test images with a ground truth."""
    return study.split == "test" and tables[0].has_truth and paper.is_about(study.methods.keys() | study.diverged.keys())


def _paper_part(paper: Paper, study: Study, tables: Sequence[Table]) -> PaperPart:
    verdicts = claim_verdicts(paper, study)
    grids = {}
    if paper.reported:
        grids["reported"] = reported_grid(f"{study.name}-{paper.name}-reported", paper, study, tables)
    if paper.claims:
        grids["claims"] = claims_grid(f"{study.name}-{paper.name}-claims", paper, study, verdicts)
    return PaperPart(paper, verdicts, grids)


def study_tables(study: Study) -> list[Table]:
    """The tables of a study: ``methods`` beside bicubic, then each method's variants beside the method."""
    names = study.methods.keys() | study.diverged.keys()
    notes = {name: _note(study.methods.get(name, ()), study.diverged.get(name, ())) for name in names}
    tables = make_tables(study.title, study.profile, study.results, notes, _shown(study))
    return [replace(table, mixture=" ".join(filter(None, (table.mixture, _mixed_code(study, table))))) for table in tables]


def _mixed_code(study: Study, table: Table) -> str:
    """Sentence on methods of a table whose seeds are of different code."""
    return code_mixture({row.method: study.mixed_code[row.method] for row in table.rows if row.method in study.mixed_code})


def _shown(study: Study) -> Sequence[str] | None:
    """Protocols that the profile's tables show; None, for all, if the study has none of them or this version no such profile."""
    try:
        shown = load_profile(study.profile).shown
    except UsageError:
        return None
    scored = {protocol for evidence in study.methods.values() for protocol in evidence[0].evaluation.settings.protocols}
    return shown if scored.intersection(shown) else None


def _note(evidence: Sequence[FinishedCell], diverged: Sequence[FinishedCell]) -> str:
    """Text beside a method's name: origin of images and files, trainings that diverged, metrics without weights, changes."""
    missing = {metric for cell in evidence for metric in cell.evaluation.missing}
    changes = dict.fromkeys(change for cell in (*evidence, *diverged) for change in cell.changes)
    lacking = f"{', '.join(sorted(missing))}: weights missing" if missing else ""
    lost = f"seed {', '.join(str(cell.seed) for cell in diverged)} diverged" if diverged else ""
    rescored = "images rescored" if any(cell.evaluation.submission for cell in evidence) else ""
    unverified = UNVERIFIED if any(cell.is_unverified for cell in evidence) else ""
    return "; ".join(filter(None, (rescored, unverified, lost, lacking, *(f"--set {change}" for change in changes))))


def caption_columns(chapter: Chapter) -> tuple[Column, ...]:
    """Metrics in captions of images: of the first paper that reports a metric of this study, under its protocol.

    Without such a paper: the scores of the first protocol that the study's table shows.
    """
    study = chapter.study
    scores = next(iter(study.methods.values()))[0].evaluation.scores
    for part in chapter.papers:
        columns = [(part.paper.protocol, metric) for metric in part.paper.metrics]
        if scored := tuple(column for column in columns if column[1] in scores.get(column[0], {})):
            return scored
    shown = chapter.tables[0].columns or tuple((protocol, metric) for protocol in scores for metric in scores[protocol])
    return tuple(column for column in shown if column[0] == shown[0][0])


def viewer_columns(chapter: Chapter) -> tuple[Column, ...]:
    """The scores beside an enlarged image: those of captions, and other shown metrics under the first protocol with them."""
    captions = caption_columns(chapter)
    others: dict[str, Column] = {}
    for column in chapter.tables[0].columns:
        others.setdefault(column[1], column)
    return (*captions, *(column for metric, column in others.items() if metric not in {name for _, name in captions}))
