"""``python -m reports.build``: verdicts, marks, formats, and the same bytes whatever the order and the source of the results."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.core.errors import UsageError
from benchmarks.results.files import SCHEMA, to_result, write_result
from benchmarks.results.record import COMPLETE, Result
from benchmarks.tracking.tracker import Tracker
from reports.build import build
from reports.chapters import make_chapters
from reports.formats import escape, to_html, to_latex, to_markdown
from reports.grid import Entry, Grid, Section, marks
from reports.paper import load_papers
from reports.studies import FinishedCell, load_evidence, make_studies
from tests.conftest import ROOT

PAPER = load_papers()["cincgan"]
IMAGES = [f"image-{index}" for index in range(16)]
ORDER = {
    "bicubic": 22.0,
    "fsrcnn": 21.6,
    "edsr": 21.5,
    "bm3d-edsr": 22.3,
    "cincgan": 23.4,
    "srgan-paired": 23.4,
    "edsr-paired": 24.5,
}
WITHOUT_TORCH = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "mlflow", "basicsr", "pyiqa"):
            raise ImportError(f"{name} is not here")
sys.meta_path.insert(0, Blocked())
from reports.build import main
sys.exit(main())
"""


def result(method: str, psnr: float, seed: int | None = 0, **changes: Any) -> dict[str, Any]:
    """An evaluation whose images scatter around a mean; SSIM follows PSNR."""
    trained = method not in ("bicubic", "realsr")
    values = {image: psnr + 0.6 * (index % 4) + 0.01 * ((index * 7 + len(method)) % 5) for index, image in enumerate(IMAGES)}
    cell = {"id": f"{method.replace('/', '.')}-{seed}", "kind": "evaluate", "label": method, "seed": seed if trained else None}
    scores = {"ntire2018": {"psnr": values, "ssim": {image: value / 50 for image, value in values.items()}}}
    plain = {
        "schema": SCHEMA,
        "status": COMPLETE,
        "cell": {**cell, "dataset": "demo-photos", "code": "c", "needs": {"stage": "t"} if trained else {}},
        "profile": "demo",
        "changes": [],
        "settings": {"protocols": {"ntire2018": 1}, "metrics": {"psnr": {}, "ssim": {}}},
        "data": {"digest": "d" * 64, "scale": 4, "dataset": "demo-photos"},
        "seconds": 1.0,
        "finished_at": "2026-01-01T00:00:00+00:00",
        "environment": {},
        "git": {"commit": "abc", "dirty": False},
        "scores": scores,
    }
    return {**plain, **changes}


def evidence(*results: Mapping[str, Any]) -> list[FinishedCell]:
    return [FinishedCell(to_result(dict(each)), None, f"run-{each['cell']['id']}") for each in results]


def everything(**psnr: float) -> list[FinishedCell]:
    chosen = {**ORDER, **{name.replace("_", "-"): value for name, value in psnr.items()}}
    return evidence(*(result(method, value) for method, value in chosen.items()))


def test_the_papers_numbers_and_claims_are_all_there() -> None:
    """Table 1 and two single images, as the paper has them."""
    assert PAPER.metrics == ("psnr", "ssim")
    table = {each.method: tuple(each.metrics.values()) for each in PAPER.reported if not each.image}
    assert table == {
        "bicubic": (22.85, 0.65),
        "fsrcnn": (22.79, 0.61),
        "edsr": (22.67, 0.62),
        "edsr-paired": (25.77, 0.71),
        "srgan-paired": (24.33, 0.67),
        "bm3d-edsr": (22.88, 0.68),
        "cincgan": (24.33, 0.69),
    }
    assert {(each.image, each.method) for each in PAPER.reported if each.image} == {
        (image, method)
        for image in ("penguin", "carved frieze")
        for method in ("bicubic", "edsr-paired", "srgan-paired", "bm3d-edsr", "cincgan")
    }
    assert all(each.source for each in PAPER.reported)
    assert [claim.name for claim in PAPER.claims] == ["1", "2", "3a", "3b", "4", "5"]


def test_studies_hold_only_what_can_be_compared() -> None:
    other_pixels = result("edsr", 20.0, data={"digest": "e" * 64, "scale": 4, "dataset": "demo-photos"})
    elsewhere = result("edsr", 20.0, data={"digest": "d" * 64, "scale": 4, "dataset": "demo-photos", "trained_on": "bsds"})
    studies = make_studies([*everything(), *evidence(other_pixels, elsewhere)])
    assert sorted((study.trained_on, len(study.methods)) for study in studies) == [
        ("bsds", 2),
        ("demo-photos", 1),
        ("demo-photos", 7),
    ]
    assert list(studies[0].methods) == ["bicubic", "edsr"], "what needs no training stands in both"


def test_validation_images_are_a_study_of_their_own_that_no_paper_is_held_against() -> None:
    settings = {"protocols": {"ntire2018": 1}, "metrics": {"psnr": {}, "ssim": {}}, "split": "validation"}
    scored = [result(name, value, settings=settings, data={"digest": "e" * 64, "scale": 4}) for name, value in ORDER.items()]
    test, validation = make_chapters([*everything(), *evidence(*scored)], [PAPER])
    assert (test.study.split, validation.study.split) == ("test", "validation")
    assert (test.study.name, validation.study.name) == ("demo-demo-photos", "demo-demo-photos-validation")
    assert test.papers and not validation.papers
    assert validation.summaries() == ["demo-demo-photos-validation: validation images, for choices of settings: no results"]


def test_the_latest_unchanged_evaluation_stands_for_its_method_and_seed() -> None:
    older = result("edsr", 20.0)
    newer = result("edsr", 21.0, finished_at="2026-02-01T00:00:00+00:00", cell={**older["cell"], "id": "newer"})
    changed = result(
        "edsr",
        30.0,
        finished_at="2026-03-01T00:00:00+00:00",
        cell={**older["cell"], "id": "changed"},
        changes=["stages.edsr.training.steps=2"],
    )
    (study,) = make_studies(evidence(changed, older, newer))
    assert [each.id for each in study.methods["edsr"]] == ["newer"]
    assert [each.id for each in study.left_out] == ["changed", older["cell"]["id"]]
    (alone,) = make_studies(evidence(changed))
    assert alone.methods["edsr"][0].changes == ("stages.edsr.training.steps=2",)


def test_results_of_before_have_an_unknown_profile() -> None:
    old = result("bicubic", 22.0)
    del old["profile"], old["changes"]
    (study,) = make_studies(evidence(old))
    assert study.profile == "unknown profile"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for each in everything():
        where = tmp_path / "runs" / "cells" / f"evaluate-{each.label}-{each.id}"
        write_result(where / "result.json", each.result)
        (where / "mlflow.json").write_text(json.dumps({"run_id": each.mlflow}))
    return tmp_path / "runs"


def contents(where: Path) -> dict[str, bytes]:
    return {path.relative_to(where).as_posix(): path.read_bytes() for path in sorted(where.rglob("*")) if path.is_file()}


def test_the_same_results_give_the_same_bytes_in_any_order(folder: Path, tmp_path: Path) -> None:
    cells = load_evidence(folder)
    build(cells, tmp_path / "a")
    build(list(reversed(cells)), tmp_path / "b")
    build(cells, tmp_path / "a")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert {"tables.csv", "tables.tex", "tables/demo-demo-photos-cincgan-reported.md"} <= contents(tmp_path / "a").keys()


def test_every_number_of_the_csv_names_its_cells_and_runs(folder: Path, tmp_path: Path) -> None:
    build(load_evidence(folder), tmp_path / "out")
    with (tmp_path / "out" / "tables.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0])[-2:] == ["cells", "mlflow_runs"]
    assert len(lines) == 7 * 2 + 6
    for line in lines:
        behind = [f"{line['method']}-0", *(["bicubic-0"] if line["metric"] == "psnr-gain" else [])]
        assert line["cells"].split() == behind
        assert line["mlflow_runs"].split() == [f"run-{cell}" for cell in behind], "a difference is of two"
    (psnr,) = (line for line in lines if (line["method"], line["metric"]) == ("edsr", "psnr"))
    values = result("edsr", ORDER["edsr"])["scores"]["ntire2018"]["psnr"].values()
    assert float(psnr["mean"]) == pytest.approx(sum(values) / len(values), abs=1e-12)


def test_reported_and_measured_numbers_do_not_mix(folder: Path, tmp_path: Path) -> None:
    build(load_evidence(folder), tmp_path / "out")
    text = (tmp_path / "out" / "tables" / "demo-demo-photos-cincgan-reported.md").read_text(encoding="utf-8")
    assert "The measured numbers are of other images: compare Δ only." in text
    row = reported_rows(text)["edsr (table 1, column EDSR)"]
    assert [row[f"{name} reported"] for name in ("PSNR", "SSIM", "ΔPSNR", "ΔSSIM")] == ["22.67", "0.62", "-0.18", "-0.03"]
    assert row["PSNR measured"].startswith("22.4") and row["ΔPSNR measured"].startswith("-0.50 (")
    assert row["SSIM measured"].startswith("0.448") and row["ΔSSIM measured"].startswith("-0.010 (")
    assert not any("−" in header for header in row), "no difference between numbers of different data"
    same = [replace(each, result=on_dataset(each.result, "div2k-track2")) for each in everything()]
    build(same, tmp_path / "same")
    text = (tmp_path / "same" / "tables" / "demo-div2k-track2-cincgan-reported.md").read_text(encoding="utf-8")
    row = reported_rows(text)["edsr (table 1, column EDSR)"]
    assert (row["PSNR measured − reported"], row["SSIM measured − reported"]) == ("-0.25", "-0.172")
    forged = [replace(cell, result=replace(cell.result, data=replace(cell.result.data, origin={}))) for cell in same]
    build(forged, tmp_path / "forged")
    text = (tmp_path / "forged" / "tables" / "demo-div2k-track2-cincgan-reported.md").read_text(encoding="utf-8")
    assert "The measured numbers are of other images: compare Δ only." in text, "the name alone is not enough"


def on_dataset(result: Result, name: str) -> Result:
    return replace(result, cell=replace(result.cell, dataset=name), data=replace(result.data, origin=dict(PAPER.origin)))


def reported_rows(text: str) -> dict[str, dict[str, str]]:
    """The rows of a Markdown table by their first column, each by the headers of columns."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return {line[0]: dict(zip(lines[0], line, strict=True)) for line in lines[2:]}


def test_methods_that_a_paper_reports_and_nobody_ran_say_so(tmp_path: Path) -> None:
    without = [each for each in everything() if each.label != "fsrcnn"]
    without_ssim = result("edsr", 21.5)
    del without_ssim["scores"]["ntire2018"]["ssim"]
    build([*(each for each in without if each.label != "edsr"), *evidence(without_ssim)], tmp_path)
    rows = reported_rows((tmp_path / "tables" / "demo-demo-photos-cincgan-reported.md").read_text(encoding="utf-8"))
    assert rows["fsrcnn (table 1, column FSRCNN)"]["PSNR measured"] == "not run"
    edsr = rows["edsr (table 1, column EDSR)"]
    assert (edsr["SSIM measured"], edsr["ΔSSIM measured"]) == ("not measured", "–") and edsr["PSNR measured"].startswith("22.4")


def test_numbers_of_single_images_stand_apart_and_are_not_compared(folder: Path, tmp_path: Path) -> None:
    build(load_evidence(folder), tmp_path / "out")
    text = (tmp_path / "out" / "tables" / "demo-demo-photos-cincgan-reported.md").read_text(encoding="utf-8")
    _, penguin, frieze = text.split("*one image: ")
    row = next(line for line in penguin.splitlines() if line.startswith("| cincgan (visual comparison)"))
    assert [cell.strip() for cell in row.strip("|").split("|")][1:] == ["24.83", "–", "+1.61", "–", "0.65", "–", "+0.01", "–"]
    assert frieze.startswith("carved frieze*") and "29.06" in frieze


def test_torch_is_not_needed(folder: Path, tmp_path: Path) -> None:
    line = [sys.executable, "-c", WITHOUT_TORCH, "--results", str(folder), "--output", str(tmp_path / "out")]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "demo-demo-photos, cincgan: claims: 5 cannot be told, 1 not run" in done.stdout


def test_tables_from_mlflow_are_those_from_the_files(folder: Path, tmp_path: Path) -> None:
    cells = load_evidence(folder)
    with Tracker(folder, invocation={"profile": "demo"}, warn=pytest.fail) as tracker:
        for each in cells:
            assert each.folder
            tracker.mirror(each.result, each.folder)
    line = [sys.executable, "-m", "reports.build", "--results", str(folder)]
    env = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    for more in (["--output", str(tmp_path / "files")], ["--output", str(tmp_path / "mlflow"), "--from-mlflow"]):
        done = subprocess.run([*line, *more], cwd=ROOT, env=env, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
    tables = [{name: text for name, text in contents(tmp_path / kind).items() if "table" in name} for kind in ("files", "mlflow")]
    assert tables[0] == tables[1]


def test_mistakes(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        (("--results", str(tmp_path / "empty")), "no results here: give the folder of a run"),
        (("--results", str(tmp_path / "empty"), "--from-mlflow"), "no such database"),
        (("--results", str(folder), "--from-mlflow", f"sqlite:///{folder / 'cells'}"), "no such database"),
        (("--results", str(folder), "--output", "/dev/null/x"), "/dev/null is a file: name another folder"),
    ):
        env = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
        done = subprocess.run(
            [sys.executable, "-m", "reports.build", *arguments], cwd=ROOT, env=env, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert message in done.stderr
    next(folder.glob("cells/*/result.json")).write_text("{")
    with pytest.raises(UsageError, match="corrupt result file"):
        load_evidence(folder)


GRID = Grid(
    "nasty",
    "100 % of <b>a_b</b> & $c$ | d",
    ("method", "PSNR ↑ rgb"),
    (
        Section("", ((Entry("a|b_c", "50 %"), Entry("20.00", "19…21", "best", ("<cell>",), 20.0)),)),
        Section("supervised {x}", ((Entry("<img src=x onerror=alert(1)>"), Entry("∞", value=float("inf"))),)),
    ),
)


def test_texts_are_escaped_in_every_format() -> None:
    page = to_html(GRID)
    assert "<img" not in page and "<b>" not in page and "&lt;img src=x" in page and 'data-cells="&lt;cell&gt;"' in page
    assert "a\\|b_c (50 %)" in to_markdown(GRID)
    tex = to_latex(GRID)
    assert r"100 \% of $<$b$>$a\_b$<$/b$>$ \& \$c\$ | d" in tex and r"\textbf{20.00}" in tex and r"\emph{supervised \{x\}}" in tex
    assert escape("\\{}") == r"\textbackslash{}\{\}"


def test_minus_signs_are_no_hyphens_where_text_is_typeset() -> None:
    grid = Grid("small", "", ("method", "x"), (Section("", ((Entry("-0.10", "-0.13…+0.07"), Entry("x-2 -∞", "--set a=-1")),)),))
    assert r"$-$0.10 {\scriptsize($-$0.13\ldots{}+0.07)} & x-2 $-$$\infty$ {\scriptsize(--set a=-1)}" in to_latex(grid)
    assert "−0.10 <small>−0.13…+0.07</small></th><td>x-2 −∞ <small>--set a=-1</small>" in to_html(grid)
    assert "-0.10 (-0.13…+0.07)" in to_markdown(grid), "to be read by programs too"


def test_marks() -> None:
    assert marks([1.0, 3.0, 2.0, None], higher_is_better=True, digits=2) == ["", "best", "second", ""]
    assert marks([1.0, 3.0, 2.0], higher_is_better=False, digits=2) == ["best", "", "second"]
    assert marks([2.001, 2.004, 1.0], higher_is_better=True, digits=2) == ["best", "best", "second"], "what prints alike is alike"


@pytest.mark.latex
def test_latex_compiles(folder: Path, tmp_path: Path) -> None:
    if not shutil.which("pdflatex"):
        pytest.skip("no pdflatex: apt-get install texlive-latex-recommended")
    build(load_evidence(folder), tmp_path / "out")
    line = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"]
    done = subprocess.run(line, cwd=tmp_path / "out", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "out" / "tables.pdf").stat().st_size > 10_000
