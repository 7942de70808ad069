"""Leaderboards: methods of any authors on the same images under one protocol; methods that cannot be told apart share a rank."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from benchmarks.catalog.methods import get_method, is_method
from benchmarks.catalog.metrics import get_metric
from benchmarks.core.text import counted
from benchmarks.planning.frozen import OWN_IMAGES
from benchmarks.results.record import EvaluationResult
from benchmarks.statistics.significance import judge, rank_groups
from reports.grid import ONE_TRAINING, Entry, Grid, Section, estimate_entry, metric_heading
from reports.marks import exploratory, is_trained, undertrained
from reports.measurements import Column, Measurements
from reports.paper import Paper, Reported
from reports.studies import UNVERIFIED, FinishedCell, Study, refuse_other_images

Origin = Literal["retrained here", "run here", "images rescored", "reported by a paper"]

UNKNOWN_FAMILY = "not told"
DIFFERENT_CODE = "trainings by different code"
FIXED = ("method", "origin", "family", "marks")  # columns before the numbers
Setting = tuple[str, str]  # profile, and data set that methods were trained on; empty texts where lines have none
Lines = dict["Line", tuple[FinishedCell, ...]]


@dataclass(frozen=True)
class Line:
    """A method on a leaderboard.

    Attributes:
        method: name.
        origin: of its numbers.
        family: data that the method may see, as the catalog or the authors name it.
        about: training, profile, authors or source.
        cells: ids of evaluations, or the id of a paper's entry.
        reported: numbers by metric, of a paper; none for measured numbers.
        marks: what weakens the numbers, as in tables.
        unranked: why the line has no rank; empty if it has one, and for numbers of papers, which never have.
    """

    method: str
    origin: Origin
    family: str
    about: str
    cells: tuple[str, ...]
    reported: Mapping[str, float] = field(default_factory=dict, hash=False)
    marks: tuple[str, ...] = ()
    unranked: Literal["", "exploratory", "undertrained"] = ""

    @property
    def key(self) -> str:
        """Tells lines apart."""
        return "\n".join((self.method, *self.cells))


@dataclass(frozen=True)
class Leaderboard:
    """Methods of one profile, trained on one data set, on the same images under one protocol.

    Attributes:
        title: of the data set.
        setting: profile and training data of the methods.
        protocol: name of the protocol.
        version: of the protocol.
        metrics: names, the main one first.
        lines: measured ones by the main metric, the best first, then those without a rank, then those of papers.
        measurements: scores of the measured lines, by key.
        ranks: by metric, first and last rank of each line that has one, by key.
    """

    title: str
    setting: Setting
    protocol: str
    version: int
    metrics: tuple[str, ...]
    lines: tuple[Line, ...]
    measurements: Measurements
    ranks: Mapping[str, Mapping[str, tuple[int, int]]]

    @property
    def heading(self) -> str:
        """Data set, profile and training data."""
        profile, trained_on = self.setting
        about = (f"profile {profile}" if profile else "", f"trained on {trained_on}" if trained_on else "")
        return ", ".join(filter(None, (self.title, *about)))

    @property
    def caption(self) -> str:
        """Data, protocol, photographs and meaning of ranks."""
        photographs, images = self.measurements.photographs, len(self.measurements.groups)
        ranked = next(iter(self.ranks.values()), {})
        together = all(rank == (1, len(ranks)) for ranks in self.ranks.values() for rank in ranks.values())
        few = " No two methods can be told apart on so few photographs." if together and len(ranked) > 1 else ""
        unranked = sum(bool(line.unranked) for line in self.lines)
        lacking = f" Without a rank: {counted(unranked, 'row')}, exploratory or undertrained (marks)." if unranked else ""
        return (
            f"{self.heading}, protocol {self.protocol} v{self.version}: {counted(images, 'image')} of "
            f"{counted(photographs, 'photograph')}; mean and 95 % t-interval.{few}{lacking}"
        )

    def grid(self, name: str) -> Grid:
        """The table: after method, origin, family and marks a number and a rank for each metric."""
        headers = [text for metric in self.metrics for text in (metric_heading(metric), f"rank by {get_metric(metric).label}")]
        return Grid(name, self.caption, (*FIXED, *headers), (Section("", tuple(tuple(self._row(line)) for line in self.lines)),))

    def _row(self, line: Line) -> Iterator[Entry]:
        yield from (Entry(line.method, line.about), Entry(line.origin), Entry(line.family), Entry("; ".join(line.marks) or "–"))
        for metric in self.metrics:
            digits = get_metric(metric).digits
            if line.reported:
                value = line.reported.get(metric)
                yield Entry("–") if value is None else Entry(f"{value}", cells=line.cells, value=value)  # as the paper prints it
            else:
                column = (self.protocol, metric)
                scores = self.measurements.columns(line.key).get(column)
                yield estimate_entry(self.measurements.estimate(scores, column) if scores else None, digits, line.cells)
            yield _rank_entry(self.ranks[metric].get(line.key), line.unranked)


def make_leaderboards(studies: Iterable[Study], papers: Iterable[Paper]) -> list[Leaderboard]:
    """A leaderboard for each data set, profile, training data set and protocol, by their names. Validation images have none.

    Raises:
        UsageError: results have one data digest, but scores of different images.
    """
    papers = list(papers)
    by_images: dict[tuple[str, str], list[Study]] = {}
    for study in studies:
        if study.split == "test":
            digest = next(iter(study.methods.values()))[0].result.data.digest
            by_images.setdefault((study.title, digest), []).append(study)
    boards: list[Leaderboard] = []
    for _, group in sorted(by_images.items()):
        refuse_other_images(cell for study in group for cells in study.methods.values() for cell in cells)
        for setting, lines in sorted(_by_setting(group).items()):
            boards += _of_setting(group[0], setting, lines, papers)
    return boards


def _by_setting(studies: Sequence[Study]) -> dict[Setting, Lines]:
    """Lines of studies of the same images, by profile and training data: each table has methods of one of them alone.

    Methods without training stand in each table of their profile; models and images of others, which have no profile here, stand
    in every table.
    """
    own, untrained, trained = Lines(), dict[str, Lines](), dict[Setting, Lines]()
    for study in studies:
        for method, cells in study.methods.items():
            result = cells[0].evaluation
            if result.is_own:
                lines = own
            elif result.cell.needs:
                lines = trained.setdefault((study.profile, study.trained_on), {})
            else:
                lines = untrained.setdefault(study.profile, {})
            lines.setdefault(_line(method, cells, study), cells)
    profiles = {profile for profile, _ in trained}
    settings: list[Setting] = [*trained, *((profile, "") for profile in untrained if profile not in profiles)]
    return {each: {**untrained.get(each[0], {}), **trained.get(each, {}), **own} for each in settings or [("", "")]}


def _of_setting(study: Study, setting: Setting, lines: Lines, papers: Iterable[Paper]) -> Iterator[Leaderboard]:
    """Leaderboards of one profile and training data set, one a protocol; ``study`` is any of the same images."""
    measurements = Measurements.of({line.key: [cell.evaluation for cell in cells] for line, cells in lines.items()})
    versions = {line: cells[0].evaluation.settings.protocols for line, cells in lines.items()}
    for protocol, version in dict.fromkeys(item for protocols in versions.values() for item in protocols.items()):
        reported = [line for paper in papers if _is_of(paper, study, protocol) for line in _reported_lines(paper)]
        measured = [line for line, protocols in versions.items() if protocols.get(protocol) == version]
        if board := _board((study.title, setting), (protocol, version), measured, reported, measurements):
            yield board


def _board(
    place: tuple[str, Setting],
    protocol: tuple[str, int],
    lines: Sequence[Line],
    reported: Sequence[Line],
    measurements: Measurements,
) -> Leaderboard | None:
    """A leaderboard with its lines in order, under a protocol of this name and version; None if no line has a score."""
    name, version = protocol
    columns = (column for line in lines for column in measurements.columns(line.key))
    metrics = tuple(dict.fromkeys(metric for other, metric in columns if other == name))
    if not metrics:
        return None
    means = {metric: _means(measurements, lines, (name, metric)) for metric in metrics}
    order = {key: place for place, key in enumerate(_ordered(means[metrics[0]], metrics[0]))}
    scored = [line for line in lines if any(line.key in keys for keys in means.values())]
    scored = sorted(scored, key=lambda line: (bool(line.unranked), order.get(line.key, len(order)), line.key))
    ranked = [line for line in lines if not line.unranked]
    ranks = {metric: _ranks(measurements, _means(measurements, ranked, (name, metric)), (name, metric)) for metric in metrics}
    beside = [line for line in reported if set(line.reported) & set(metrics)]
    return Leaderboard(*place, name, version, metrics, (*scored, *beside), measurements, ranks)


def _means(measurements: Measurements, lines: Sequence[Line], column: Column) -> dict[str, float]:
    return {line.key: float(scores.by_image.mean()) for line in lines if (scores := measurements.columns(line.key).get(column))}


def _ordered(means: Mapping[str, float], metric: str) -> list[str]:
    """Keys of lines, the best first."""
    return sorted(means, key=lambda key: means[key], reverse=get_metric(metric).higher_is_better)


def _ranks(measurements: Measurements, means: Mapping[str, float], column: Column) -> dict[str, tuple[int, int]]:
    """First and last rank of each line's group."""
    order = _ordered(means, column[1])
    pairs = [(a, b) for place, a in enumerate(order) for b in order[place + 1 :]]
    differences = {pair: difference for pair in pairs if (difference := measurements.difference(*pair, column))}
    ranks, first = dict[str, tuple[int, int]](), 1
    for group in rank_groups(order, judge(differences)):
        ranks |= dict.fromkeys(group, (first, first + len(group) - 1))
        first += len(group)
    return ranks


def _rank_entry(rank: tuple[int, int] | None, unranked: str) -> Entry:
    if rank is None:
        return Entry("–", unranked)
    first, last = rank
    return Entry(str(first) if first == last else f"{first}–{last}", value=float(first))


def _line(method: str, cells: Sequence[FinishedCell], study: Study) -> Line:
    line = _line_of_study(method, cells, study)
    if not any(cell.is_unverified for cell in cells):
        return line
    return replace(line, about="; ".join(filter(None, (line.about, UNVERIFIED))))


def _line_of_study(method: str, cells: Sequence[FinishedCell], study: Study) -> Line:
    results = [cell.evaluation for cell in cells]
    result, ids, (marks, unranked) = results[0], tuple(cell.id for cell in cells), _marks(results, study)
    marks += (DIFFERENT_CODE,) if method in study.mixed_code else ()
    if result.submission:
        card = result.submission.card
        about = "; ".join(filter(None, (card.title, card.authors, f"trained on {card.trained_on}" if card.trained_on else "")))
        return Line(method, "images rescored", card.family or UNKNOWN_FAMILY, about, ids, {}, marks, unranked)
    family = get_method(method).family if is_method(method) else UNKNOWN_FAMILY
    if not result.cell.needs:
        return Line(method, "run here", family, "", ids, {}, marks, unranked)
    seeds = counted(len(cells), "training")
    changes = "".join(f", {change}" for change in dict.fromkeys(change for cell in cells for change in cell.changes))
    about = f"{seeds} on {study.trained_on}, profile {study.profile}{changes}"
    return Line(method, "retrained here", family, about, ids, {}, marks, unranked)


def _marks(
    results: Sequence[EvaluationResult], study: Study
) -> tuple[tuple[str, ...], Literal["", "exploratory", "undertrained"]]:
    """Marks of a line: texts on weaknesses of its numbers, and the reason why it has no rank.

    Whatever is known of models and images of others, they are ranked, and so is every method on images of one's own: no profile
    was ever frozen for them.
    """
    reason, failed = exploratory(study.profile, results), undertrained(results)
    is_single = len(results) == 1 and is_trained(results[0])
    texts = (f"exploratory: {reason}" if reason and reason != OWN_IMAGES else "", failed, ONE_TRAINING if is_single else "")
    is_ranked = results[0].is_own or reason in ("", OWN_IMAGES)
    return tuple(filter(None, texts)), "undertrained" if failed else "" if is_ranked else "exploratory"


def _is_of(paper: Paper, study: Study, protocol: str) -> bool:
    """True if a paper reports numbers of a study's images under a protocol."""
    return study.has_data_of(paper.dataset, paper.origin) and not study.place and paper.protocol == protocol


def _reported_lines(paper: Paper) -> Iterator[Line]:
    for entry in paper.reported:
        if not entry.image:
            family = get_method(entry.method).family
            source = f"{paper.name}, {entry.source}"
            yield Line(entry.method, "reported by a paper", family, source, (reported_id(paper, entry),), entry.metrics)


def reported_id(paper: Paper, entry: Reported) -> str:
    """Id of a paper's entry among the ids of cells, which are hexadecimal."""
    return f"paper:{paper.name}:{entry.method}"


def reported_origins(papers: Iterable[Paper]) -> dict[str, dict[str, Any]]:
    """For each entry of papers, by id, what the page's dialog shows; the form is that of ``reports.page.origin.origins``."""
    return {
        reported_id(paper, entry): {
            "title": f"reported: {entry.method}",
            "facts": [
                [name, text]
                for name, text in (
                    ("paper", paper.title),
                    ("address", paper.url),
                    ("source", entry.source),
                    ("data set", paper.dataset),
                    ("numbers", ", ".join(f"{get_metric(metric).label} {value}" for metric, value in entry.metrics.items())),
                    ("remark", paper.note),
                )
                if text
            ],
            "settings": "",
            "needs": [],
        }
        for paper in papers
        for entry in paper.reported
        if not entry.image
    }
