"""Texts of README.md and docs/results.md from reference results: tables, and findings that the suite's own verdicts state."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.core.errors import UsageError
from benchmarks.core.text import counted
from benchmarks.results.record import EvaluationResult
from benchmarks.statistics.significance import Difference
from reports.captions import table_caption
from reports.changed_code import changed_code
from reports.chapters import Chapter, make_chapters
from reports.claims import ClaimVerdict
from reports.formats import to_markdown
from reports.grid import Entry, interval
from reports.grids import table_grid
from reports.marks import is_learned
from reports.measurements import Measurements
from reports.paper import load_papers
from reports.studies import Study, load_evidence, without_replaced_weights
from reports.tables import Row, Table

HEADING = """\
# Results

Written by `python -m reports.reference_results` from result files in `reports/reference/`; a test compares both.
Intervals, letters and verdicts: [intervals.md](intervals.md). Choices, and how they were made:
[reproduction-notes.md](reproduction-notes.md).
"""
SHOWN = "demo-bsd100"  # the set that the README shows
SUBJECT = "cincgan"  # the method of its headline, and of the ablation in the notes
OTHERS = (
    "This is the set `{name}` of `reports/reference/`. All columns and protocols, the verdict on each claim, the other sets: "
    "[docs/results.md](docs/results.md)."
)


def chapters_by_set(folder: Path) -> dict[str, list[Chapter]]:
    """Chapters of each set of reference results, by the set's name.

    Raises:
        UsageError: there is no set, or a result file is corrupt.
    """
    papers = load_papers().values()
    sets = sorted(path for path in folder.glob("*") if path.is_dir() and path.name != "__pycache__")
    if not sets:
        raise UsageError(f"{folder}: no reference results: add some with --add")
    chapters = {}
    for path in sets:
        evidence = load_evidence(path)
        since = changed_code([cell.result for cell in evidence])
        made = make_chapters(without_replaced_weights(evidence)[0], papers)
        chapters[path.name] = [replace(chapter, since=since) for chapter in made]
    return chapters


def results_page(sets: Mapping[str, Sequence[Chapter]]) -> str:
    """Text of docs/results.md: tables, findings and verdicts of each set of reference results, then what differs between sets."""
    parts = [HEADING]
    for name, chapters in sets.items():
        for chapter in chapters:
            about = f"{origin(chapter.study)} {chapter.since}".rstrip()
            parts += [f"## {chapter.study.title}, profile {chapter.study.profile}, {name}\n", f"{about}\n"]
            parts += [to_markdown(grid) for grid in chapter.all_grids()]
            parts += ["\n".join([*findings(chapter), *_replaced(chapter)]) + "\n"]
    return "\n".join(parts + _between_sets(sets))


def _replaced(chapter: Chapter) -> list[str]:
    """Markdown list of evaluations under changed settings, which the tables leave out: mean PSNR by protocol."""
    lines = []
    for cell in chapter.study.left_out:
        protocols = chapter.tables[0].resolved
        means = [f"{_mean_psnr(cell.evaluation, protocol):.2f} dB {protocol}" for protocol in protocols]
        lines.append(
            f"- `{cell.label}`, seed {cell.seed}, {', '.join(f'`{change}`' for change in cell.changes)}: {', '.join(means)}."
        )
    return sorted(lines)


def _mean_psnr(result: EvaluationResult, protocol: str) -> float:
    """Mean PSNR over images, in dB."""
    scores = result.scores[protocol]["psnr"].values()
    return sum(scores) / len(scores)


def _between_sets(sets: Mapping[str, Sequence[Chapter]]) -> list[str]:
    """Markdown of the mean PSNR of the same methods in sets of one study, whose processors or packages differ."""
    studies: dict[str, dict[str, Table]] = {}
    for name, chapters in sets.items():
        for chapter in chapters:
            studies.setdefault(chapter.study.name, {})[name] = chapter.tables[0]
    parts = []
    for study, tables in studies.items():
        if len(tables) < 2:
            continue
        parts.append(f"## {study}: {' and '.join(tables)}\n\nMean PSNR in dB, over the same photographs and seeds.\n")
        for protocol in next(iter(tables.values())).resolved:
            rows = [{row.method: row.scores.get((protocol, "psnr")) for row in table.rows} for table in tables.values()]
            shared = [method for method in rows[0] if all(row.get(method) for row in rows)]
            means = {method: [estimate.mean for row in rows if (estimate := row[method])] for method in shared}
            texts = [(name, *(f"{v:.2f}" for v in own), f"{max(own) - min(own):.2f}") for name, own in means.items()]
            parts.append("\n".join(_lines((protocol, *tables, "largest difference"), texts)) + "\n")
    return parts


def _lines(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table whose columns are not padded: texts beside numbers are long."""
    return [f"| {' | '.join(headers)} |", f"|{'---|' * len(headers)}", *(f"| {' | '.join(row)} |" for row in rows)]


def readme_block(sets: Mapping[str, Sequence[Chapter]]) -> str:
    """Text of the README's table and findings. Raises UsageError if the set that the README shows is missing."""
    lines = []
    for chapter in _shown(sets):
        table = chapter.tables[0]
        protocol = chapter.papers[0].paper.protocol if chapter.papers else table.protocols[0]
        lines += [*_short_findings(chapter, protocol), "", *_short_table(table, protocol), ""]
        lines += [f"{table_caption(table)} {origin(chapter.study)} {chapter.since}".rstrip(), ""]
    return "\n".join([*lines, OTHERS.format(name=SHOWN)])


def headline(sets: Mapping[str, Sequence[Chapter]]) -> str:
    """Sentence for the README's first lines: CinCGAN and the floors at demo scale. Raises UsageError as ``readme_block`` does."""
    table = _shown(sets)[0].tables[0]
    rows = {row.method: row for row in table.rows if row.scores}
    if SUBJECT not in rows or all(map(is_learned, rows)):
        raise UsageError(f"set {SHOWN}, which the README shows, has no test scores of {SUBJECT} and floors: add a set that has")
    own, floors = rows[SUBJECT], [row for method, row in rows.items() if not is_learned(method)]
    clauses, signs = [], []
    for protocol in table.resolved:
        told = [_sign(own, floor, protocol) for floor in floors]
        clauses.append(f"above {told.count(1)} and below {told.count(-1)} under `{protocol}`")
        signs += told
    scope = " in this training" if own.trainings == 1 else ""
    conclusion = f"CinCGAN beats methods that learn nothing of noise{scope}"
    scale = f"{counted(len(own.seeds), 'training')} a method, minutes each; {counted(table.photographs, 'test photograph')}"
    return (
        f"At demo scale ({scale}), of {counted(len(floors), 'floor')} (bicubic among them; nothing in them is learned of noise) "
        f"CinCGAN's PSNR is distinguishably {', and '.join(clauses)}. "
        + (f"{conclusion}." if min(signs) > 0 else f"That {conclusion} is not shown here.")
    )


def _shown(sets: Mapping[str, Sequence[Chapter]]) -> Sequence[Chapter]:
    """Chapters of the set that the README shows. Raises UsageError if it is missing."""
    if SHOWN not in sets:
        raise UsageError(
            f"no set {SHOWN} among the reference results: the README shows this set: add it with --add DIR --name {SHOWN}"
        )
    return sets[SHOWN]


def _short_findings(chapter: Chapter, protocol: str) -> list[str]:
    """Markdown list: learned methods and floors under one protocol, and how many claims of each paper have which verdict."""
    verdicts = [f"- `{part.paper.name}`, {part.summary()}." for part in chapter.papers]
    return [*filter(None, [_floor_finding(chapter, protocol)]), *verdicts]


def _short_table(table: Table, protocol: str) -> list[str]:
    """Markdown lines of a table: LPIPS, scores under one protocol, ΔPSNR with its interval, SD over seeds, letters, marks."""
    grid = table_grid("", table)
    shown = [i for i, header in enumerate(grid.headers) if i and (header.startswith("LPIPS") or header.endswith(f" {protocol}"))]
    headers = ("method", *(grid.headers[i].removesuffix(f" {protocol}") for i in shown), "marks")
    rows: list[Sequence[str]] = []
    for section in grid.sections:
        rows += [(f"*{section.heading}*", *[""] * (len(headers) - 1))] if section.heading else []
        for method, *numbers in section.rows:
            rows.append((method.text, *(_text(grid.headers[i], numbers[i - 1]) for i in shown), method.small))
    return _lines(headers, rows)


def _text(header: str, entry: Entry) -> str:
    """Text of a number; differences keep their intervals."""
    return f"{entry.text} ({entry.small})" if entry.small and header.startswith("Δ") else entry.text


def findings(chapter: Chapter) -> list[str]:
    """Markdown list of the findings that the suite's own verdicts state: learned methods and floors, then claims of papers."""
    lines = [_floor_finding(chapter, protocol) for protocol in chapter.tables[0].resolved]
    for part in chapter.papers:
        lines += [_claim_finding(part.paper.name, judged) for judged in part.verdicts]
    return list(filter(None, lines))


def _floor_finding(chapter: Chapter, protocol: str) -> str:
    """Differences of the methods under study to every floor, and the learned methods that are above all floors, or below one.

    All floors are compared, for the best of them by test scores would be chosen by test images. Letters have Holm's correction
    over all pairs of the table, which covers both: to be above all floors, and to be below any.
    """
    table = chapter.tables[0]
    rows = {row.method: row for row in table.rows if (protocol, "psnr") in row.scores}
    learned, floors = [method for method in rows if is_learned(method)], [method for method in rows if not is_learned(method)]
    if not floors or not learned:
        return ""
    lines = [f"- `{protocol}`, PSNR."]
    lines += [_gaps(chapter, method, floors, protocol) for method in sorted(chapter.under_study & set(learned))]
    if table.resolved[protocol] is None:
        unresolved = (
            f"{counted(table.photographs, 'photograph')} resolve no difference among the {len(rows)} methods of this table"
        )
        return " ".join([*lines, f"{unresolved}: no order of learned methods and floors is stated."])
    sides: dict[str, list[str]] = {}
    for method in learned:
        signs = [_sign(rows[method], rows[floor], protocol) for floor in floors]
        side = (
            f"above all {counted(len(floors), 'floor')}" if min(signs) > 0 else "below a floor" if min(signs) < 0 else "neither"
        )
        is_of_one = rows[method].trainings == 1 and side != "neither"
        sides.setdefault(f"{side} in this training" if is_of_one else side, []).append(method)
    listed = "; ".join(f"{side}: {', '.join(methods)}" for side, methods in sorted(sides.items()))
    return " ".join([*lines, f"Learned methods {listed}."])


def _sign(row: Row, floor: Row, protocol: str) -> int:
    """1 if a row's PSNR is distinguishably above that of a floor, -1 if it is below, 0 if they share a letter."""
    if set(row.letters[protocol]) & set(floor.letters[protocol]):
        return 0
    return 1 if row.scores[protocol, "psnr"].mean > floor.scores[protocol, "psnr"].mean else -1


def _gaps(chapter: Chapter, method: str, floors: Sequence[str], protocol: str) -> str:
    """Sentences on the paired PSNR differences between a method and every floor, on all images and on those with contrast."""
    results = {name: chapter.study.results[name] for name in (method, *floors)}
    flat = chapter.tables[0].without_contrast
    sentences = []
    for label, images in (("", ()), (f" without the {counted(len(flat), 'image')} that lack contrast", flat)):
        measurements = Measurements.of(_without(results, images))
        differences = {floor: measurements.difference(method, floor, (protocol, "psnr")) for floor in floors}
        texts = [f"{floor} {_gap(difference)}" for floor, difference in differences.items() if difference is not None]
        if texts and (images or not label):
            sentences.append(
                f"`{method}` less each floor{label}, in dB, with intervals that are not corrected: {', '.join(texts)}."
            )
    return " ".join(sentences) or f"`{method}` cannot be compared with floors."


def _gap(difference: Difference) -> str:
    mean, brackets = interval(difference.estimate, 2, "+")
    return f"{mean} ({brackets})" if brackets else mean


def _without(results: Mapping[str, Sequence[EvaluationResult]], images: Collection[str]) -> dict[str, list[EvaluationResult]]:
    """Results without some images."""
    return {method: [_kept(result, images) for result in own] for method, own in results.items()}


def _kept(result: EvaluationResult, images: Collection[str]) -> EvaluationResult:
    scores = {
        protocol: {metric: {i: v for i, v in values.items() if i not in images} for metric, values in metrics.items()}
        for protocol, metrics in result.scores.items()
    }
    return replace(result, scores=scores)


def _claim_finding(paper: str, judged: ClaimVerdict) -> str:
    """A claim with its verdict and remarks."""
    remarks = f" {' '.join(judged.remarks)}" if judged.remarks else ""
    return f"- Claim {judged.claim.name} of `{paper}`, “{judged.claim.text}”: **{judged.verdict}**.{remarks}"


def origin(study: Study) -> str:
    """Sentence on commit, processor and torch of a study's evaluations."""
    evaluations = [result for results in study.results.values() for result in results]
    commits = sorted({(result.git.commit or "unknown")[:10] + ("-dirty" if result.git.dirty else "") for result in evaluations})
    processors = sorted({result.environment.processor for result in evaluations})
    torches = sorted({result.environment.versions.get("torch", "unknown") for result in evaluations})
    return f"Commit {', '.join(commits)}; processor {', '.join(processors)}; torch {', '.join(torches)}."
