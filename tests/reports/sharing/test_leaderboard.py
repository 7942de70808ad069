"""Leaderboards: shared ranks, origins of rows, and a page in which names of others are only text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks.catalog.methods import get_method
from reports.build import build
from reports.chapters import make_chapters
from reports.paper import Paper, Reported
from reports.sharing.leaderboard import Leaderboard, make_leaderboards, reported_origins
from reports.sharing.merging import load_merged
from reports.studies import make_studies
from tests.helpers.report_results import HOSTILE, made_results  # noqa: F401 - a fixture
from tests.helpers.submissions import write_submission

PAPER = Paper(
    "invented2026",
    "An invented paper",
    "demo-photos",
    "rgb",
    reported=(
        Reported("cincgan", {"psnr": 24.330, "niqe": 4.1}, "table 1"),
        Reported("edsr", {"psnr": 1.0}, "figure 2", "one image"),
    ),
)


@pytest.fixture(scope="module")
def roots(results: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("authors")
    card = {"title": HOSTILE, "family": "<i>unpaired</i>", "authors": "A & B"}
    return [results, write_submission(folder / "a", "theirs", 25.0, card), write_submission(folder / "b", "others", 10.0)]


@pytest.fixture(scope="module")
def boards(roots: list[Path]) -> dict[str, Leaderboard]:
    studies = make_studies(load_merged(roots))
    return {board.protocol: board for board in make_leaderboards(studies, [PAPER])}


def test_methods_that_cannot_be_told_apart_share_a_rank(boards: dict[str, Leaderboard]) -> None:
    assert list(boards) == ["rgb", "ntire2018"]
    rgb = boards["rgb"]
    assert [line.method for line in rgb.lines][:3] == ["theirs", "edsr-paired", "cincgan"]
    ranks = {line.method: rgb.ranks["psnr"].get(line.key) for line in rgb.lines if not line.reported}
    assert ranks["theirs"] == (1, 1)
    assert {ranks[name] for name in ("edsr-paired", "cincgan", "cincgan/no-d1", "bicubic", "edsr")} == {
        (2, 6)
    }  # one training each
    assert ranks["others"] == (7, 7)
    assert "theirs" not in {line.method for line in boards["ntire2018"].lines}  # was not scored under it
    assert "16 images of" in rgb.caption


def test_every_row_says_where_its_numbers_come_from(boards: dict[str, Leaderboard]) -> None:
    origins = {(line.method, line.origin) for line in boards["rgb"].lines}
    assert {
        ("theirs", "images rescored"),
        ("bicubic", "run here"),
        ("cincgan", "retrained here"),
        ("cincgan", "reported by a paper"),
    } <= origins
    last = boards["rgb"].lines[-1]
    assert (last.about, last.cells) == ("invented2026, table 1", ("paper:invented2026:cincgan",))
    row = boards["rgb"].grid("board").sections[0].rows[-1]
    assert [entry.text for entry in row[:5]] == ["cincgan", "reported by a paper", get_method("cincgan").family, "24.33", "–"]
    assert reported_origins([PAPER]).keys() == {"paper:invented2026:cincgan"}
    assert not any(line.reported for line in boards["ntire2018"].lines)


def test_numbers_are_those_of_the_report(boards: dict[str, Leaderboard], roots: list[Path]) -> None:
    chapters = make_chapters(load_merged(roots), [])
    rows = {row.method: row for chapter in chapters for table in chapter.tables for row in table.rows}
    board = boards["rgb"]
    for line in board.lines:
        if not line.reported and line.method in ("bicubic", "theirs"):
            scores = board.measurements.columns(line.key)["rgb", "psnr"]
            assert board.measurements.estimate(scores, ("rgb", "psnr")) == rows[line.method].scores["rgb", "psnr"]


def test_results_of_another_version_of_a_protocol_have_a_board_of_their_own(tmp_path: Path) -> None:
    root = write_submission(tmp_path, "mine", 20.0)
    write_submission(tmp_path, "yours", 21.0, settings={"protocols": {"rgb": 2}})
    boards = make_leaderboards(make_studies(load_merged([root])), [])
    versions = {board.version: [line.method for line in board.lines] for board in boards}
    assert versions == {1: ["mine"], 2: ["yours"]}


def test_the_page_has_every_origin_and_names_are_text(roots: list[Path], tmp_path: Path) -> None:
    build(load_merged(roots), tmp_path)
    page = (tmp_path / "leaderboard.html").read_text(encoding="utf-8")
    assert 'href="leaderboard.html"' in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert HOSTILE not in page and "<i>unpaired" not in page
    assert "&lt;i&gt;unpaired&lt;/i&gt;" in page
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    used = {cell for cells in re.findall(r'data-cells="([^"]*)"', page) for cell in cells.split()}
    assert used and used <= data["cells"].keys()
    facts = {name: dict(map(tuple, cell["facts"])) for name, cell in data["cells"].items()}
    submitted = next(fact for fact in facts.values() if fact.get("method") == "theirs")
    assert (submitted["title"], submitted["scored by"]) == (HOSTILE, "a on b")
    assert submitted["result file"].startswith(str(roots[1]))
    assert any(fact.get("stage") == "cincgan-joint" for fact in facts.values())


def test_validation_images_have_no_leaderboard(tmp_path: Path) -> None:
    settings = {"protocols": {"rgb": 1}, "split": "validation"}
    root = write_submission(tmp_path, "mine", 20.0, settings=settings)
    assert make_leaderboards(make_studies(load_merged([root])), []) == []
