"""The page of ``python -m reports.build``: whole without network, data set or torch, and hostile names stay text."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from reports import comparison
from reports.build import build
from reports.studies import FinishedCell, load_evidence
from tests.conftest import ROOT
from tests.helpers.report_results import (
    HOSTILE,
    IMAGES,
    built_report,  # noqa: F401 - a fixture
    demo_photos,
    identity,
    made_results,  # noqa: F401 - a fixture
    make_results,
)


class Elements(HTMLParser):
    """All elements of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def all(self, tag: str, attribute: str) -> list[str]:
        return [value for name, attributes in self.elements if name == tag and (value := attributes.get(attribute)) is not None]


def data_of(page: str) -> Any:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert match
    return json.loads(match[1])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_other_order_other_process_and_no_torch_give_the_same_bytes(results: Path, report: Path, tmp_path: Path) -> None:
    code = """
import random, sys
from pathlib import Path
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision"):
            raise ImportError(name)
sys.meta_path.insert(0, NoTorch())
import reports.studies
load = reports.studies.load_evidence
reports.studies.load_evidence = lambda *what: random.sample(cells := load(*what), len(cells))
from reports.build import main
sys.exit(main(sys.argv[1:]))
"""
    line = [sys.executable, "-c", code, "--results", str(results), "--output", str(tmp_path / "again")]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    first, second = contents(report), contents(tmp_path / "again")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_everything_that_the_page_names_is_in_its_folder(report: Path) -> None:
    text = (report / "index.html").read_text()
    page = Elements(text)
    versions = [version for viewer in data_of(text)["viewers"] for version in viewer["versions"]]
    named = [*page.all("img", "src"), *page.all("source", "srcset"), *(version["src"] for version in versions)]
    assert len(versions) == len(IMAGES) * 7  # LR, five methods, HR
    assert [name for name in named if not (report / name).is_file()] == []
    assert [link for link in page.all("a", "href") if not link.startswith("#") and not (report / link).is_file()] == [
        "https://arxiv.org/abs/1809.00437"
    ]
    anchors = {value for _, attributes in page.elements if (value := attributes.get("id"))}
    assert [link for link in page.all("a", "href") if link.startswith("#") and link[1:] not in anchors] == []
    assert "default-src 'none'" in page.all("meta", "content")[2]


def test_every_number_leads_to_a_cell_that_the_page_describes(report: Path) -> None:
    text = (report / "index.html").read_text()
    cells, page = data_of(text)["cells"], Elements(text)
    named = [cell for tag in ("td", "button") for value in page.all(tag, "data-cells") for cell in value.split()]
    assert len(named) > 50 and set(named) <= cells.keys()
    both = f"{identity('evaluate edsr')} {identity('evaluate bicubic')}"
    assert page.all("td", "data-cells").count(both) == 4, "differences of two protocols, and of two metrics beside the paper's"
    claim = f"{identity('evaluate bicubic')} {identity('evaluate edsr')}"
    assert page.all("td", "data-cells").count(claim) == 1, "a difference, without p: one training"
    facts = dict(cells[identity("evaluate cincgan")]["facts"])
    assert facts["commit"] == "0123456789abcdef with uncommitted changes"
    assert facts["seed"] == "0" and facts["MLflow run"] == "not mirrored" and facts["packages"] == "numpy 2.0.0"
    assert len(facts["data digest"]) == 64 and facts["degradation"].startswith("track2-like (blur_sigma_min")
    assert identity("train cincgan-joint") in cells[identity("evaluate cincgan")]["needs"]
    assert [
        name for viewer in data_of(text)["viewers"] for v in viewer["versions"] if not v["cells"] for name in [v["name"]]
    ] == [*("LR", "HR") * len(IMAGES)]


def test_verdicts_on_other_data_than_the_papers_say_so(report: Path) -> None:
    text = unescape((report / "index.html").read_text())
    assert "The verdicts hold for demo-photos at the sizes and schedules of profile smoke, under ntire2018. They say" in text
    assert "say nothing about the paper's own data (div2k-track2) and training (profile paper)." in text


def test_figures_are_there_in_light_and_dark(report: Path) -> None:
    names = {path.name.removeprefix("1-smoke-demo-photos-") for path in (report / "figures").iterdir()}
    kinds = ("plane", "images-psnr", "images-ssim", "images-lpips", "ablation", "training-cincgan", "training-edsr", "sample-01")
    assert names >= {f"{kind}{dark}.svg" for kind in kinds for dark in ("", "-dark")}


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    settings = {"protocols": {"rgb": 1, "ntire2018": 1}, "metrics": {"psnr": {"note": f"</script>{HOSTILE}"}}}
    environment = {"host": HOSTILE, "python": "3", "versions": {}}
    name = HOSTILE.replace("/", "")
    make_results(tmp_path / "runs", name, (name,), settings=settings, environment=environment)
    build(load_evidence(tmp_path / "runs"), tmp_path / "report")
    text = (tmp_path / "report" / "index.html").read_text()
    page = Elements(text)
    assert "x" not in page.all("img", "src") and not any("onerror" in attributes for _, attributes in page.elements)
    assert [tag for tag, _ in page.elements].count("script") == 2
    assert "&lt;img src=x onerror=" in text
    cell = data_of(text)["cells"][identity("evaluate edsr")]
    assert "</script>" in cell["settings"] and HOSTILE in dict(cell["facts"])["environment"]
    for path in (tmp_path / "report").rglob("*.webp"):
        assert re.fullmatch(r"[A-Za-z0-9.-]+", path.name) and re.fullmatch(r"[A-Za-z0-9.-]+", path.parent.name)


def test_without_the_data_set_the_page_says_so_and_shows_what_there_is(tmp_path: Path) -> None:
    make_results(tmp_path / "runs", data={"digest": "other", "scale": 4, **demo_photos().describe(("test",))})
    build(load_evidence(tmp_path / "runs"), tmp_path / "report")
    text = (tmp_path / "report" / "index.html").read_text()
    assert "LR and HR images are left out" in text and "have another digest than the scored ones" in text
    versions = [version["name"] for version in data_of(text)["viewers"][0]["versions"]]
    assert versions == ["bicubic", "edsr", "cincgan", "cincgan/no-d1", "edsr-paired"]


def test_results_without_folders_have_a_page_without_images(results: Path, tmp_path: Path) -> None:
    mirrored = [FinishedCell(each.result, None, "0a1b2c") for each in load_evidence(results)]
    build(mirrored, tmp_path)
    text = (tmp_path / "index.html").read_text()
    assert "no sample images beside these results" in text and data_of(text)["viewers"] == []
    assert dict(data_of(text)["cells"][identity("evaluate edsr")]["facts"])["MLflow run"] == "0a1b2c"
    assert not (tmp_path / "images").exists()


def test_a_broken_sample_is_left_out_and_named(tmp_path: Path) -> None:
    make_results(tmp_path / "runs")
    (broken,) = (tmp_path / "runs").glob("cells/evaluate-edsr-demo-photos-*/samples/coffee-104-108.png")
    broken.write_bytes(broken.read_bytes()[:1000])
    build(load_evidence(tmp_path / "runs"), tmp_path / "report")
    text = (tmp_path / "report" / "index.html").read_text()
    assert "sample &#39;coffee-104-108&#39; of edsr cannot be decoded" in text
    first, second = data_of(text)["viewers"]
    assert len(first["versions"]) == 6 and len(second["versions"]) == 7


def test_one_image_can_be_drawn_alone(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["--results", str(results), "--profile", "smoke", "--figure", str(tmp_path / "figure.svg"), "--image"]
    assert comparison.main([*line, IMAGES[0]]) == 0
    assert (tmp_path / "figure.svg").read_text().count("<image ") == 7  # the whole, LR, four methods, HR; no variant
    assert comparison.main([*line, "coffee-104-180"]) == 2
    assert "unknown sample 'coffee-104-180': did you mean 'coffee-104-108'" in capsys.readouterr().err
    assert comparison.main(["--profile", "demo", *line[:2], *line[4:], IMAGES[0]]) == 2
    assert "no finished evaluation of profile 'demo'" in capsys.readouterr().err


def test_the_demo_report_stays_small(report: Path) -> None:
    """Two images of seven versions: the demo has six of thirteen."""
    assert sum(map(len, contents(report).values())) * (6 * 13) / (2 * 7) < 15e6
