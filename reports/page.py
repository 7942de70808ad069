"""The report as one folder that opens from disk: ``index.html`` with its style and script inside, figures and images beside it.

What results name (methods, images, profiles, settings) is data: Jinja escapes it, the script only ever sets text, file names are
made of letters and digits, and the page's own policy lets nothing but its own script run and nothing be fetched from elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.catalog.methods import methods
from benchmarks.catalog.metrics import get_metric
from benchmarks.core.files import write_text
from benchmarks.core.text import number
from reports.claims import Judgement, Verdict, summary
from reports.figures import Drawing, draw_ablation, draw_distribution, draw_plane, draw_training
from reports.grid import Grid, to_html
from reports.origin import commit, origins, title
from reports.pictures import HR, LR, Sample, cut, load_samples, view_box, write_webp
from reports.reported import Paper
from reports.studies import Evidence, Study
from reports.tables import Table
from reports.visual import caption_protocol, draw_sample

TEMPLATES = Path(__file__).parent / "templates"
TITLE = "CinCGAN benchmark: results"
SIGNS: dict[Verdict, str] = {"reproduced": "✓", "not reproduced": "✗", "not distinguishable": "≈", "not run": "○"}
TABLES = {
    "methods": "Methods",
    "paper": "Reported and measured",
    "ablation": "Ablation",
    "claims": "Comparisons behind the claims",
}
FULL = "paper"  # the profile whose sizes and schedules are the paper's
SHOWN_AT = 448  # CSS pixels a side that a picture has at least half of: as many whole times its own size as fit


@dataclass(frozen=True)
class Chapter:
    """A study with what was made of it.

    Attributes:
        tables: by kind.
        grids: by kind, among them ``paper`` and ``claims``.
    """

    study: Study
    tables: Mapping[str, Table]
    grids: Mapping[str, Grid]
    judgements: Sequence[Judgement]

    @property
    def methods(self) -> list[str]:
        """Those of the main table that were run."""
        return [row.method for row in self.tables["methods"].rows if row.scores]


def write_page(output: Path, paper: Paper, chapters: Sequence[Chapter], evidence: Sequence[Evidence]) -> Path:
    """Write ``index.html``, ``figures/`` and ``images/``.

    Args:
        output: folder to write to; files of the same name are replaced.
        paper: whose numbers and claims the chapters hold.
        chapters: in the order of the page.
        evidence: every finished cell; numbers, training curves and images come from these.

    Returns:
        The page.

    Raises:
        UsageError: the folder cannot be written.
    """
    pages = _Pages(output, paper, {each.id: each for each in evidence})
    made = [pages.chapter(index, chapter) for index, chapter in enumerate(chapters, start=1)]
    data = {"cells": origins(evidence), "viewers": pages.viewers}
    page = output / "index.html"
    write_text(page, _render(paper, made, data))
    return page


def _render(paper: Paper, chapters: Sequence[Mapping[str, Any]], data: Mapping[str, Any]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    style, script = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
    own = {"style": Markup(style), "script": Markup(script), "script_hash": Markup(digest)}  # noqa: S704 - our own files
    return environment.get_template("report.html.j2").render(title=TITLE, paper=paper, chapters=chapters, data=data, **own)


class _Pages:
    """What all chapters share: the folder, the cells, and the viewers so far."""

    def __init__(self, output: Path, paper: Paper, cells: Mapping[str, Evidence]) -> None:
        self.output, self.paper, self.cells = output, paper, cells
        self.viewers: list[dict[str, Any]] = []

    def chapter(self, index: int, chapter: Chapter) -> dict[str, Any]:
        """A study as the template wants it; its figures and images are written on the way."""
        study = chapter.study
        stem = f"{index}-{slug(study.name)}"
        identity = f"study-{index}"
        tables = [_table(identity, kind, grid) for kind, grid in _in_order(chapter.grids)]
        samples, notes = load_samples(study)
        figures = [
            {"part": part, "title": title, "note": note, "drawings": [self._write(stem, each) for each in drawings]}
            for part, title, note, drawings in _figures(chapter, self.paper, self.cells)
            if drawings
        ]
        counts = summary(chapter.judgements)
        parts = [("claims", "Claims"), *((each["part"], each["title"]) for each in (*tables, *figures))]
        return {
            "id": identity,
            "title": _heading(study),
            "facts": _facts(chapter),
            "parts": [*parts, *([("images", "Images")] if samples else [])],
            "notes": [*_scope(study, self.paper), *_diverged(study), *_left_out(study), *notes],
            "counts": [(_verdict(verdict), counts[verdict]) for verdict in SIGNS if verdict in counts],
            "claims": [_claim(judged) for judged in chapter.judgements],
            "tables": tables,
            "figures": figures,
            "samples": [self._sample(stem, place, sample, chapter) for place, sample in enumerate(samples, start=1)],
        }

    def _write(self, stem: str, drawing: Drawing) -> dict[str, Any]:
        """Write a drawing's light and dark version."""
        light, dark = (f"figures/{stem}-{drawing.name}{ending}.svg" for ending in ("", "-dark"))
        write_text(self.output / light, drawing.svg)
        write_text(self.output / dark, drawing.dark)
        width, height = drawing.size
        about = {"alt": drawing.alt, "caption": drawing.caption, "wide": drawing.wide}
        return {"light": light, "dark": dark, "width": width, "height": height, **about}

    def _sample(self, stem: str, place: int, sample: Sample, chapter: Chapter) -> dict[str, Any]:
        protocol = caption_protocol(chapter.study, self.paper)
        drawing = draw_sample(sample, chapter.methods, protocol, f"sample-{place:02}")
        viewer = self._viewer(f"images/{stem}/{place:02}-{slug(sample.name)}", sample, chapter, protocol)
        return {"name": sample.name, "drawing": self._write(stem, drawing), "viewer": viewer}

    def _viewer(self, folder: str, sample: Sample, chapter: Chapter, protocol: str) -> dict[str, Any]:
        """Write every version of a sample; what the template and the script must know of them."""
        box = view_box(sample)
        top, left, height, width = box
        versions = []
        for name, image in sample.images.items():
            source = f"{folder}/{slug(name)}.webp"
            write_webp(self.output / source, cut(image, box, sample.scale if name == LR else 1))
            about = _scores(sample, name, chapter, protocol)
            versions.append({"name": name, "src": source, "alt": f"{sample.name}: {name}", **about})
        row, column, tall, wide = sample.region
        region = [(row - top) / height, (column - left) / width, tall / height, wide / width]
        names = list(sample.images)
        index = len(self.viewers)
        self.viewers.append({"region": region, "versions": versions})
        whole = next(image for name, image in sample.images.items() if name != LR).shape
        part = f"Cut to {width}×{height} of {whole[1]}×{whole[0]} pixels, around the marked region."
        return {
            "id": f"viewer-{index}",
            "index": index,
            "width": width,
            "height": height,
            "display": width * max(1, SHOWN_AT // width),
            "versions": versions,
            "left": names.index("bicubic") if "bicubic" in names else 0,
            "right": names.index(self.paper.ablation_of) if self.paper.ablation_of in names else len(names) - 1,
            "cropped": part if (height, width) != whole[:2] else "",
        }


def slug(name: str) -> str:
    """A name as part of a file name: letters, digits, points, dashes; nothing else, whatever the name holds."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")[:80] or "unnamed"


def _in_order(grids: Mapping[str, Grid]) -> list[tuple[str, Grid]]:
    return [(kind, grids[kind]) for kind in TABLES if kind in grids]


def _table(identity: str, kind: str, grid: Grid) -> dict[str, Any]:
    """A table without its caption, which stands above where it needs not be as wide."""
    from markupsafe import Markup

    html = to_html(replace(grid, name=f"{identity}-{kind}-table", caption=""))
    part = "comparisons" if kind == "claims" else kind
    return {"part": part, "title": TABLES[kind], "caption": grid.caption, "html": Markup(html)}  # noqa: S704 - to_html escapes


def _heading(study: Study) -> str:
    trained = f", trained on {study.trained_on}" if study.trained_on != study.dataset else ""
    return f"{study.dataset}{trained}, profile {study.profile}"


def _facts(chapter: Chapter) -> list[tuple[str, str]]:
    evidence = [each for found in chapter.study.methods.values() for each in found]
    seeds = sorted({each.seed for each in evidence if each.seed is not None})
    commits = sorted({commit(each.result.git)[:10] for each in evidence})
    changed = any(each.result.git.dirty for each in evidence)
    days = sorted({each.result.finished_at[:10] for each in evidence})
    return [
        ("test images", str(max((row.images for row in chapter.tables["methods"].rows), default=0))),
        ("methods", str(len(chapter.methods))),
        ("training seeds", ", ".join(map(str, seeds)) or "none"),
        ("protocols", ", ".join(dict.fromkeys(protocol for protocol, _ in chapter.tables["methods"].columns))),
        ("code", f"{', '.join(commits)}{', with uncommitted changes' if changed else ''}"),
        ("computed", days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"),
    ]


def _diverged(study: Study) -> Iterator[str]:
    for each in (each for found in study.diverged.values() for each in found):
        yield f"{title(each)} ({each.id}) has no scores: {each.result.diagnosis}."


def _scope(study: Study, paper: Paper) -> Iterator[str]:
    """What the verdicts are not about."""
    if (study.dataset, study.profile) != (paper.dataset, FULL):
        yield (
            f"The verdicts hold for {study.dataset} at the sizes and schedules of profile {study.profile}, under "
            f"{paper.protocol}; they are none on the paper's own data ({paper.dataset}) and training (profile {FULL})."
        )


def _left_out(study: Study) -> Iterator[str]:
    if study.left_out:
        names = ", ".join(f"{each.label} ({each.id})" for each in study.left_out)
        yield f"Left out, for a later result or one with unchanged settings stands for it: {names}."


def _verdict(verdict: Verdict) -> dict[str, str]:
    return {"name": verdict, "sign": SIGNS[verdict], "css": verdict.replace(" ", "-")}


def _claim(judged: Judgement) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for finding in judged.findings:
        counts[finding.verdict] = counts.get(finding.verdict, 0) + 1
    several = f"{len(judged.findings)} comparison{'s' if len(judged.findings) > 1 else ''}"
    comparisons = f"{several}: {', '.join(f'{count} {verdict}' for verdict, count in counts.items())}"
    claim = judged.claim
    about = {"name": claim.name, "text": claim.text.rstrip("."), "note": claim.note}
    return {"verdict": _verdict(judged.verdict), "comparisons": comparisons, **about}


def _figures(chapter: Chapter, paper: Paper, cells: Mapping[str, Evidence]) -> list[tuple[str, str, str, list[Drawing]]]:
    """The drawings of a study: part of the page, its title, what holds for all of it, and the drawings."""
    table, ours = chapter.tables["methods"], paper.ablation_of
    protocol = plane_protocol(table)
    scores = [draw_plane(table, protocol, ours)]
    scores += [draw_distribution(chapter.study, chapter.methods, protocol, metric, ours) for metric in ("psnr", "ssim", "lpips")]
    ablation = [draw_ablation(chapter.tables["ablation"], protocol, ours)] if "ablation" in chapter.tables else []
    first = sorted(chapter.methods, key=lambda method: method != ours)
    training = [draw_training(method, _own_stages(chapter.study.methods[method][0], method, cells)) for method in first]
    losses = "Losses by step, as training records them; of long histories, the means of blocks of steps."
    parts = (
        ("scores", "Scores", "", scores),
        ("bars", "Ablation, as bars", "", ablation),
        ("training", "Training", losses, training),
    )
    return [(part, title, note, [each for each in drawings if each]) for part, title, note, drawings in parts]


def _own_stages(evaluation: Evidence, method: str, cells: Mapping[str, Evidence]) -> dict[str, Evidence]:
    """The training cells of a method's own stages that an evaluation was built on, in the order of training."""
    needs = evaluation.result.cell.needs
    own = (stage.name for stage in methods()[method].trains)
    return {stage: cells[needs[stage]] for stage in own if needs.get(stage) in cells}


def plane_protocol(table: Table) -> str:
    """The first protocol that a table shows and that has PSNR and LPIPS; the first one where none has both."""
    shown = dict.fromkeys(protocol for protocol, _ in table.columns)
    both = (protocol for protocol in shown if {(protocol, "psnr"), (protocol, "lpips")} <= set(table.columns))
    return next(both, next(iter(shown), ""))


def _scores(sample: Sample, name: str, chapter: Chapter, protocol: str) -> dict[str, str]:
    """What the viewer says of a version: its scores, a line each, and the cell that they come from."""
    if name in (LR, HR):
        return {"scores": "", "about": "the input, pixel by pixel" if name == LR else "the ground truth", "cells": ""}
    other = plane_protocol(chapter.tables["methods"])
    wanted = [(protocol, "psnr", " dB"), (protocol, "ssim", ""), (other, "lpips", "")]
    lines = []
    for under, metric, unit in wanted:
        found = sample.scores(name, under)
        if metric in found:
            entry = get_metric(metric)
            digits = max(3, entry.digits) if metric != "psnr" else entry.digits
            lines.append(f"{entry.label} {number(found[metric], digits)}{unit} ({under})")
    return {"scores": "\n".join(lines), "about": f"{sample.name}, {name}", "cells": sample.origin[name].id}
