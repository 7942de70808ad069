"""A results folder that somebody else made: the report reads and writes nothing outside, and every name in it stays a name."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from benchmarks.core.errors import UsageError
from benchmarks.core.text import csv_text, markdown, plain_text
from benchmarks.data.kinds.user_folder import UserFolder
from benchmarks.results.files import with_digest
from reports.build import build, main
from reports.formats import escape, to_html, to_latex, to_markdown, to_terminal
from reports.grid import Entry, Grid, Section
from reports.studies import load_evidence
from tests.helpers.doors import check_line, snapshot
from tests.helpers.report_results import IMAGES, make_results

HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "<!-- --><svg onload=alert(1)>",
    "javascript:alert(1)",
    "[x](javascript:alert(1))",
    "![x](http://tracker.example/x.png)",
    "a | b",
    "`code` *emphasis* <u>",
    r"\input{/etc/passwd}",
    r"\immediate\write18{id}",
    r"$\catcode`\#=13$ % & # _ ^ ~ {}",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "../../../../tmp/x",
    "/etc/passwd",
    "C:\\x",
    "{{ 7 * 7 }}{% raw %}",
    "[bold red]markup[/]",
    "x" * 150,
    "名前 ñ é",
]


class Page(HTMLParser):
    """The elements of a page, and the attributes that would run or fetch something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def spoil(root: Path, name: str) -> None:
    """Put a name wherever a result file has one that is not looked up."""
    for path in (root / "cells").glob("*/result.json"):
        result = json.loads(path.read_text())
        result |= {"profile": name, "changes": [f"x={name}"], "finished_at": name}
        result["data"] |= {"trained_on": name, "degradation": name, "directory": name}
        result["cell"] |= {"dataset": name, "code": name}
        result["environment"] = dict.fromkeys(("python", "platform", "processor", "host"), name) | {"versions": {name: name}}
        result["git"]["commit"] = name
        settings = result["settings"]
        settings.setdefault("stage", {})["note"] = name
        settings["weights"] = {name[:200]: name}
        settings["metrics"] = {name[:200]: {name: name}}
        result["missing"] = {"lpips": name}
        if "scores" in result:
            for metrics in result["scores"].values():
                for values in metrics.values():
                    values[name] = values.pop("other-0")
        path.write_text(json.dumps(with_digest(result)))


@pytest.fixture(name="runs", scope="module")
def made_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("hostile") / "runs")


def test_names_stay_names_in_every_file_of_the_report(runs: Path, tmp_path: Path) -> None:
    root = shutil.copytree(runs, tmp_path / "runs")
    name = "</script><img src=x onerror=alert(1)>|=1+1[x](javascript:y)\\input{/etc/passwd}../../../x"
    spoil(root, name)
    before = snapshot(tmp_path)
    build(load_evidence(root), tmp_path / "report")
    after = snapshot(tmp_path)
    assert {path: after[path] for path in before} == before, "nothing outside of the report has changed"
    assert [path for path in after.keys() - before.keys() if not (path + "/").startswith("report/")] == []
    check_page(tmp_path / "report")
    for path in (tmp_path / "report" / "tables").glob("*.md"):
        assert not re.search(r"(?<!\\)[<\[](?:script|img|x\])", path.read_text())
    for path in (tmp_path / "report").rglob("*.tex"):
        assert r"\input{/etc" not in path.read_text()
    with (tmp_path / "report" / "tables.csv").open(newline="") as file:
        texts = [text for row in csv.DictReader(file) for text in row.values()]
    assert [text for text in texts if text.startswith(("=", "@", "+")) or re.match(r"-(?![\d.]+(e-?\d+)?$)", text)] == []


def check_page(report: Path) -> None:
    page = Page((report / "index.html").read_text())
    assert page.tags.count("script") == 2 and page.handlers == []
    links = [link for link in page.links if not link.startswith(("#", "data:,"))]
    outside = [link for link in links if not (report / link).resolve().is_relative_to(report.resolve())]
    assert [link for link in links if re.match(r"\w+:", link)] == ["https://arxiv.org/abs/1809.00437"]
    assert outside == [] or outside == ["https://arxiv.org/abs/1809.00437"]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_names_in_every_format(name: str) -> None:
    grid = Grid("t", name, ("method", name), (Section(name, ((Entry(name, name), Entry("1", cells=(name,))),)),))
    page = Page(to_html(grid))
    assert set(page.tags) <= {"table", "caption", "thead", "tbody", "tr", "th", "td", "span", "small", "strong", "u"}
    assert page.handlers == page.links == []
    lines = to_markdown(grid).splitlines()
    assert len({len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines[2:]}) == 1, "no further column"
    assert not re.search(r"(?<!\\)(?:\\\\)*[<`\[]", markdown(name))
    commands = set(re.findall(r"\\[a-zA-Z]+\d*", to_latex(grid)))
    assert not commands & {r"\input", r"\write18", r"\immediate", r"\catcode"}
    assert not re.search(r"(?<!\\)[&%#_$](?!\\|-\$|\$)", re.sub(r"\$(\\\w+|[<>-])\$", "", escape(name)))
    assert csv_text(name)[0] not in "=+-@\t\r" and plain_text(csv_text(name)) == name
    console = Console(width=4000, file=io.StringIO(), color_system=None, legacy_windows=False)
    console.print(to_terminal(grid))
    assert name in console.file.getvalue(), "no markup of the terminal's"  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", ["page", pytest.param("pdf", marks=pytest.mark.latex)])
def test_latex_takes_every_name(command: str, tmp_path: Path) -> None:
    rows = tuple((Entry(name, name), Entry("1")) for name in HOSTILE)
    text = to_latex(Grid("t", " ".join(HOSTILE[:3]), ("method", "n"), (Section("", rows),)))
    assert text.isprintable() or set(filter(lambda c: not c.isprintable(), text)) == {"\n"}
    if command == "pdf":
        if not shutil.which("pdflatex"):
            pytest.skip("no pdflatex: apt-get install texlive-latex-recommended")
        preamble = "\\documentclass{article}\\usepackage[utf8]{inputenc}\\usepackage[T1]{fontenc}\\usepackage{booktabs,graphicx}"
        (tmp_path / "x.tex").write_text(f"{preamble}\\begin{{document}}{text}\\end{{document}}")
        assert os.system(f"cd {tmp_path} && pdflatex -interaction=nonstopmode -halt-on-error x.tex > log") == 0  # noqa: S605


def test_samples_that_are_links_to_elsewhere_are_not_shown(runs: Path, tmp_path: Path) -> None:
    root = shutil.copytree(runs, tmp_path / "runs")
    secret = tmp_path / "secret.png"
    Image.fromarray(np.full((192, 192, 3), 7, np.uint8)).save(secret)
    for folder in (root / "cells").glob("evaluate-*/samples"):
        for name in IMAGES:
            (folder / f"{name}.png").unlink()
            (folder / f"{name}.png").symlink_to(secret)
    build(load_evidence(root), tmp_path / "report")
    assert not (tmp_path / "report" / "images").exists()
    assert "no sample images beside these results" in (tmp_path / "report" / "index.html").read_text()


def test_a_folder_that_a_result_names_is_not_looked_into(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = shutil.copytree(runs, tmp_path / "runs")
    for path in (root / "cells").glob("*/result.json"):
        result = json.loads(path.read_text())
        result["data"] |= {"dataset": "folder", "directory": str(tmp_path / "private")}
        path.write_text(json.dumps(with_digest(result)))
    read: list[Path] = []

    def record(card: UserFolder, role: str) -> NoReturn:
        read.append(Path(card.directory))
        raise UsageError("read")

    monkeypatch.setattr("benchmarks.data.kinds.user_folder._sources", record)
    build(load_evidence(root), tmp_path / "report")
    assert read == []
    assert "--data-dir" in (tmp_path / "report" / "index.html").read_text()
    private = tmp_path / "private"
    evidence = load_evidence(root, [str(private)])
    assert evidence[0].result.data.directory == str(private)
    build(evidence, tmp_path / "report")
    assert set(read) == {private}, "the user named it"


@pytest.mark.parametrize("where", ["report", "report/index.html", "report/tables", "report/images"])
def test_a_report_folder_that_leads_elsewhere_is_not_written(
    where: str, runs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = shutil.copytree(runs, tmp_path / "runs")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = root / where
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere)
    before = snapshot(tmp_path)
    assert main(["--results", str(root)]) == UsageError.exit_code
    check_line(capfd.readouterr().err, "a link that leads out of")
    assert snapshot(tmp_path) == before
