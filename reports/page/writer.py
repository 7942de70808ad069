"""The report as one folder that opens from disk: ``index.html`` with its style and script inside, figures and images beside it.

Names in results (methods, images, profiles, settings) are data: Jinja escapes them, the script only ever sets text, file names
are made of letters and digits, and the page's security policy allows no script but its own and no fetch from elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.catalog.methods import methods
from benchmarks.core.text import counted
from reports.chapters import Chapter, PaperPart, caption_columns, viewer_columns
from reports.claims import FULL, ClaimVerdict, Verdict, count_verdicts
from reports.figures.crops import draw_sample
from reports.figures.distributions import draw_ablation, draw_distribution
from reports.figures.drawing import Drawing
from reports.figures.plane import draw_plane, plane_protocol
from reports.figures.samples import Sample, load_samples
from reports.figures.training import draw_training
from reports.formats import to_html
from reports.grid import Grid
from reports.page.folder import PAGE, TITLE, ReportFolder
from reports.page.origin import commit, origins, title
from reports.page.rendering import render_page
from reports.page.viewer import make_viewer, slug
from reports.paper import Paper
from reports.studies import FinishedCell, Study

SIGNS: dict[Verdict, str] = {
    "reproduced": "✓",
    "contradicted": "✗",
    "same direction here": "↑",
    "opposite here": "↓",
    "not distinguishable": "≈",
    "cannot be told": "?",
    "not run": "○",
}
ALONE_TITLE = "SR images without ground truth"
PAPER_TABLES = {"reported": "Reported and measured", "claims": "Comparisons behind the claims"}


def write_page(
    output: ReportFolder, chapters: Sequence[Chapter], evidence: Sequence[FinishedCell], leaderboard: str = ""
) -> None:
    """Add ``index.html``, ``figures/`` and ``images/`` to a folder.

    Args:
        output: folder of the report.
        chapters: in the order of the page.
        evidence: every finished cell; numbers, training curves and images come from these.
        leaderboard: file name of the leaderboard's page beside it; empty for none.
    """
    pages = _Pages(output, {cell.id: cell for cell in evidence})
    rendered = [pages.chapter(index, chapter) for index, chapter in enumerate(chapters, start=1)]
    papers = {part.paper.name: part.paper for chapter in chapters for part in chapter.papers}
    data = {"cells": origins(evidence), "viewers": pages.viewers}
    values = {"papers": list(papers.values()), "chapters": rendered, "data": data, "leaderboard": leaderboard}
    is_of_run = any(chapter.study.is_of_run for chapter in chapters)
    heading = TITLE if is_of_run else ALONE_TITLE
    output.add_text(PAGE, render_page("report.html.j2", ("report.js",), title=heading, is_of_run=is_of_run, **values))


class _Pages:
    """State that all chapters share: the folder, the cells, and the viewers so far."""

    def __init__(self, output: ReportFolder, cells: Mapping[str, FinishedCell]) -> None:
        self.output, self.cells = output, cells
        self.viewers: list[dict[str, Any]] = []

    def chapter(self, index: int, chapter: Chapter) -> dict[str, Any]:
        """A chapter for the template; its figures and images are written on the way."""
        study = chapter.study
        stem, identity = f"{index}-{slug(study.name)}", f"study-{index}"
        samples, notes = load_samples(study)
        grids = {kind: grid for kind, grid in chapter.grids.items() if grid.sections}
        tables = [_table(identity, kind, _title(kind), grid, _heading(study)) for kind, grid in grids.items()]
        papers = [_paper(identity, part, study) for part in chapter.papers]
        figures = [
            {"id": f"{identity}-{part}", "title": heading, "note": note, "drawings": [self._write(stem, d, study) for d in drawn]}
            for part, heading, note, drawn in _figures(chapter, self.cells)
            if drawn
        ]
        images = {"id": f"{identity}-images", "title": "Images"}
        return {
            "id": identity,
            "title": _heading(study),
            "facts": _facts(chapter),
            "parts": [(part["id"], part["title"]) for part in (*tables, *papers, *figures, *([images] if samples else []))],
            "notes": [*_diverged(study), *_left_out(study), *notes],
            "tables": tables,
            "papers": papers,
            "figures": figures,
            "samples": [self._sample(stem, place, sample, chapter) for place, sample in enumerate(samples, start=1)],
        }

    def _write(self, stem: str, drawing: Drawing, study: Study) -> dict[str, Any]:
        """Write a drawing's light and dark version; its caption ends with the data that it is of."""
        light, dark = (f"figures/{stem}-{drawing.name}{ending}.svg" for ending in ("", "-dark"))
        self.output.add_text(light, drawing.svg)
        self.output.add_text(dark, drawing.dark)
        width, height = drawing.size
        about = {"alt": drawing.alt, "caption": f"{drawing.caption} Data: {_heading(study)}.", "wide": drawing.wide}
        return {"light": light, "dark": dark, "width": width, "height": height, **about}

    def _sample(self, stem: str, place: int, sample: Sample, chapter: Chapter) -> dict[str, Any]:
        drawing = draw_sample(sample, chapter.methods, caption_columns(chapter), f"sample-{place:02}")
        folder = f"images/{stem}/{place:02}-{slug(sample.name)}"
        columns = viewer_columns(chapter)
        viewer = make_viewer(self.output, folder, len(self.viewers), sample, columns, chapter.under_study)
        self.viewers.append({"region": viewer["region"], "versions": viewer["versions"]})
        return {"name": sample.name, "drawing": self._write(stem, drawing, chapter.study), "viewer": viewer}


def _table(identity: str, kind: str, heading: str, grid: Grid, about: str) -> dict[str, Any]:
    """A table without its caption, which stands above it and need not be as wide; ``about`` tells tables of one heading apart."""
    from markupsafe import Markup

    html = to_html(replace(grid, name=f"{identity}-{kind}-table", caption=""))
    texts = {"title": heading, "label": f"{heading}: {about}", "caption": grid.caption}
    return {"id": f"{identity}-{kind}", **texts, "html": Markup(html)}  # noqa: S704 - to_html escapes


def _title(kind: str) -> str:
    """Heading of a table of the study: ``Methods``, ``Ablation``, ``Ablation of <method>``."""
    name, _, base = kind.partition("-")
    return f"{name.capitalize()} of {base}" if base else name.capitalize()


def _paper(identity: str, part: PaperPart, study: Study) -> dict[str, Any]:
    paper = part.paper
    own = f"{identity}-paper-{paper.name}"
    counts = count_verdicts(part.verdicts)
    about = f"{paper.name}, {_heading(study)}"
    headings = {kind: heading for kind, heading in PAPER_TABLES.items() if kind in part.grids}
    return {
        "id": own,
        "title": f"Paper: {paper.name}",
        "paper": paper,
        "scope": _scope(study, paper),
        "counts": [(_verdict(verdict), counts[verdict]) for verdict in SIGNS if verdict in counts],
        "claims": [_claim(judged) for judged in part.verdicts],
        "tables": [_table(own, kind, heading, part.grids[kind], about) for kind, heading in headings.items()],
    }


def _heading(study: Study) -> str:
    if not study.is_of_run:
        return study.title
    trained = f", trained on {study.trained_on}" if study.trained_on != study.dataset else ""
    validation = ", validation images" if study.split == "validation" else ""
    return f"{study.title}{trained}{validation}, profile {study.profile}"


def _facts(chapter: Chapter) -> list[tuple[str, str]]:
    table = chapter.tables[0]
    evidence = [cell for cells in chapter.study.methods.values() for cell in cells]
    seeds = sorted({cell.seed for cell in evidence if cell.seed is not None})
    records = [cell.result.git for cell in evidence]
    commits = sorted({git.commit[:10] if git.commit else commit(git) for git in records})
    changed = ", with uncommitted changes" if any(git.dirty for git in records) else ""
    unknown = sorted({f", uncommitted changes unknown: {git.unknown}" for git in records if git.commit and git.unknown})
    days = sorted({cell.result.finished_at[:10] for cell in evidence})
    if not chapter.study.is_of_run:
        return [
            ("images", f"{table.images} of {counted(table.photographs, 'photograph')}"),
            ("folders", str(len(chapter.methods))),
            ("protocols", "none: no ground truth"),
            ("scored by", "".join((", ".join(commits), changed, *unknown))),
            ("scored", days[0]),
        ]
    return [
        (f"{table.split} images", f"{table.images} of {counted(table.photographs, 'photograph')}"),
        ("methods", str(len(chapter.methods))),
        ("training seeds", ", ".join(map(str, seeds)) or "none"),
        ("protocols", ", ".join(table.protocols) if table.has_truth else "none: no ground truth"),
        ("code", "".join((", ".join(commits), changed, *unknown))),
        ("computed", days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"),
    ]


def _diverged(study: Study) -> Iterator[str]:
    for cell in (cell for cells in study.diverged.values() for cell in cells):
        yield f"{title(cell)} ({cell.id}) has no scores: {cell.result.diagnosis}."


def _left_out(study: Study) -> Iterator[str]:
    if study.left_out:
        names = ", ".join(f"{cell.label} ({cell.id})" for cell in study.left_out)
        yield f"Left out, because a later result or one with unchanged settings replaces it: {names}."


def _scope(study: Study, paper: Paper) -> str:
    """Data and training that the verdicts are about, unless they are the paper's own."""
    others = [] if study.has_data_of(paper.dataset, paper.origin) else [f"data ({paper.dataset})"]
    others += [f"training (profile {FULL})"] if study.profile != FULL else []
    if not others:
        return ""
    return (
        f"The verdicts hold for {study.title} at the sizes and schedules of profile {study.profile}, under {paper.protocol}. "
        f"They say nothing about the paper's own {' and '.join(others)}."
    )


def _verdict(verdict: Verdict) -> dict[str, str]:
    return {"name": verdict, "sign": SIGNS[verdict], "css": verdict.replace(" ", "-")}


def _claim(judged: ClaimVerdict) -> dict[str, Any]:
    counts = Counter(pair.verdict for pair in judged.pairs)
    several = counted(len(judged.pairs), "comparison")
    comparisons = f"{several}: {', '.join(f'{count} {verdict}' for verdict, count in counts.items())}"
    claim = judged.claim
    about = {"name": claim.name, "text": claim.text.rstrip("."), "note": " ".join((*filter(None, [claim.note]), *judged.remarks))}
    return {"verdict": _verdict(judged.verdict), "comparisons": comparisons, **about}


def _figures(chapter: Chapter, cells: Mapping[str, FinishedCell]) -> list[tuple[str, str, str, list[Drawing]]]:
    """The drawings of a study, by part of the page: its name, title, a note on all its drawings, and the drawings."""
    table, marked = chapter.tables[0], chapter.under_study
    protocol = plane_protocol(table)
    columns = [column for column in table.columns if column[0] == protocol]
    scores = [draw_plane(table, protocol, marked)]
    scores += [draw_distribution(chapter.study, chapter.methods, column, marked) for column in columns]
    kinds = zip(chapter.grids, chapter.tables, strict=True)
    ablations = [draw_ablation(ablation, protocol, kind) for kind, ablation in kinds if ablation.kind == "ablation"]
    order = sorted(chapter.methods, key=lambda method: method not in marked)
    training = [draw_training(method, _own_stages(chapter.study.methods[method][0], method, cells)) for method in order]
    losses = "Losses by step, as training records them; of long histories, the means of blocks of steps."
    return [
        ("scores", "Scores", "", _drawn(scores)),
        ("bars", "Ablation, as bars", "", _drawn(ablations)),
        ("training", "Training", losses, _drawn(training)),
    ]


def _drawn(drawings: Iterable[Drawing | None]) -> list[Drawing]:
    return [drawing for drawing in drawings if drawing]


def _own_stages(evaluation: FinishedCell, method: str, cells: Mapping[str, FinishedCell]) -> dict[str, FinishedCell]:
    """The training cells of a method's own stages that an evaluation was built on, in the order of training."""
    needs = evaluation.result.cell.needs
    own = (stage.name for stage in methods()[method].trains) if method in methods() else ()
    return {stage: cells[needs[stage]] for stage in own if needs.get(stage) in cells}
