"""Leaderboards: shared ranks, origins of rows, and a page in which names of others are only text."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.catalog.methods import get_method
from benchmarks.planning.frozen import OWN_IMAGES
from benchmarks.results.record import EvaluationResult, SanityCheck
from reports.build import build
from reports.chapters import make_chapters
from reports.exports.rows import to_csv
from reports.paper import Paper, Reported
from reports.sharing.leaderboard import Leaderboard, make_leaderboards, reported_origins
from reports.sharing.merging import load_merged
from reports.studies import FinishedCell, make_studies
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
    assert set(ranks.values()) == {(1, 7)}, "one training each, submitted images too, and bicubic amid them"
    assert "theirs" not in {line.method for line in boards["ntire2018"].lines}  # was not scored under it
    assert "16 images of" in rgb.caption


def test_methods_that_differ_have_ranks_of_their_own(roots: list[Path]) -> None:
    cells = [cell for cell in load_merged(roots) if cell.label in ("bicubic", "theirs")]
    board = make_leaderboards(make_studies(cells), [])[0]
    assert {line.method: board.ranks["psnr"][line.key] for line in board.lines} == {"theirs": (1, 1), "bicubic": (2, 2)}


def varied(cells: Iterable[FinishedCell], suffix: str, trained_on: str = "", **changes: Any) -> list[FinishedCell]:
    """Evaluations with other fields, under other ids."""
    return [
        replace(
            cell,
            result=replace(
                cell.evaluation,
                cell=replace(cell.result.cell, id=cell.id + suffix),
                data=replace(cell.result.data, trained_on=trained_on if cell.result.cell.needs else ""),
                **changes,
            ),
        )
        for cell in cells
        if isinstance(cell.result, EvaluationResult)
    ]


def test_a_table_is_of_one_profile_and_one_training_data_set(roots: list[Path]) -> None:
    run, theirs = load_merged(roots[:1]), load_merged(roots[1:2])
    demo = varied(run, "-demo", profile="demo")
    elsewhere = varied(run, "-bsds", "bsds500", profile="demo")
    boards = [
        board for board in make_leaderboards(make_studies([*run, *demo, *elsewhere[1:], *theirs]), []) if board.protocol == "rgb"
    ]
    assert [board.setting for board in boards] == [("demo", "bsds500"), ("demo", "demo-photos"), ("smoke", "demo-photos")]
    for board, suffix in zip(boards, ("-bsds", "-demo", ""), strict=True):
        trained = [line for line in board.lines if line.origin == "retrained here"]
        assert trained and all(line.cells[0].removesuffix(suffix) in {cell.id for cell in run} for line in trained)
        assert sorted(line.method for line in board.lines if line.origin != "retrained here") == ["bicubic", "theirs"]
    assert boards[0].heading == "demo-photos, profile demo, trained on bsds500" and boards[0].caption.startswith(
        boards[0].heading
    )


def test_exploratory_and_undertrained_rows_have_no_rank_and_say_why(roots: list[Path], tmp_path: Path) -> None:
    """Seeds and settings that are not frozen, and failed sanity checks: in HTML, in the dialog's data and in the CSV."""
    changed, check = (
        "changed by --set stages.edsr.training.steps=900",
        SanityCheck("clean", "validation", 4, 28.0, 28.0, 0.25, "undertrained"),
    )
    every = {cell.label: cell for cell in varied(load_merged(roots), "", profile="demo")}
    marked = {
        "edsr": replace(every["edsr"].evaluation, exploratory=changed),
        "edsr-paired": replace(every["edsr-paired"].evaluation, sanity=(check,)),
        "cincgan": replace(every["cincgan"].evaluation, cell=replace(every["cincgan"].result.cell, seed=7)),
    }
    cells = [replace(cell, result=marked.get(label, cell.result)) for label, cell in every.items()]
    board = make_leaderboards(make_studies(cells), [])[0]
    unranked = {line.method: line.unranked for line in board.lines if line.unranked}
    assert unranked == {"edsr": "exploratory", "edsr-paired": "undertrained", "cincgan": "exploratory"}
    assert [line.key in board.ranks["psnr"] for line in board.lines] == [True] * 4 + [False] * 3, "theirs, others, bicubic, no-d1"
    assert "Without a rank: 3 rows, exploratory or undertrained (marks)." in board.caption
    texts = [
        f"exploratory: {changed}",
        "undertrained: +0.00 dB over bicubic",
        "seeds 7, where the frozen list begins 0",
        "one training",
    ]
    build(cells, tmp_path)
    page = (tmp_path / "leaderboard.html").read_text(encoding="utf-8")
    assert all(text in page for text in texts) and f'["exploratory", "{changed}"]' in page and '["sanity", "undertrained' in page
    rows = list(csv.DictReader(io.StringIO(to_csv([board], {cell.id: cell for cell in cells}))))
    assert all(any(text in row["marks"] for row in rows) for text in texts)
    assert {row["model"] for row in rows if not row["rank"]} == set(unranked) and rows[0]["profile"] == "demo"


def test_every_method_has_a_rank_on_images_of_ones_own(roots: list[Path]) -> None:
    cells = varied(load_merged(roots[:1]), "", profile="demo", exploratory=OWN_IMAGES)
    board = make_leaderboards(make_studies(cells), [])[0]
    assert len(board.ranks["psnr"]) == len(board.lines) == 5
    assert {line.marks for line in board.lines} == {(), ("one training",)}


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
    assert [entry.text for entry in row[:6]] == [
        "cincgan",
        "reported by a paper",
        get_method("cincgan").family,
        "–",
        "24.33",
        "–",
    ]
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
