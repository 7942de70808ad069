"""Results folders of several authors in one report: nothing is changed, and what cannot stand together is refused in one line."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.results.files import with_digest
from benchmarks.results.layout import result_files
from reports.build import main
from reports.exports.model_cards import evaluation_results, model_card, trained_models
from reports.exports.writing import export
from reports.sharing.merging import load_merged
from reports.studies import UNVERIFIED, make_studies
from tests.helpers.report_results import demo_photos, made_results  # noqa: F401 - a fixture
from tests.helpers.submissions import write_submission

Build = Callable[..., tuple[int, str, str]]


@pytest.fixture
def build(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Build:
    def call(*roots: Path) -> tuple[int, str, str]:
        code = main([word for root in roots for word in ("--results", str(root))] + ["--output", str(tmp_path / "report")])
        return code, *capsys.readouterr()

    return call


def test_numbers_of_all_authors_stand_unchanged_in_one_report(build: Build, results: Path, tmp_path: Path) -> None:
    theirs, others = write_submission(tmp_path / "a", "theirs", 25.0), write_submission(tmp_path / "b", "others", 10.0)
    before = {path: path.read_bytes() for root in (results, theirs, others) for path in result_files(root)}
    code, _, err = build(results, theirs, others)
    assert (code, err) == (0, "")
    assert {path: path.read_bytes() for path in before} == before
    rows = list(csv.DictReader((tmp_path / "report" / "tables.csv").open(encoding="utf-8")))
    means = {row["method"]: float(row["mean"]) for row in rows if (row["protocol"], row["metric"]) == ("rgb", "psnr")}
    assert means["theirs"] == pytest.approx(25.0 + 0.37 * 30 / 16)
    assert means["theirs"] - means["others"] == pytest.approx(15.0)
    assert means["bicubic"] == pytest.approx(21.0 + 0.37 * 30 / 16)
    notes = {row["method"]: row["note"] for row in rows}
    assert "images rescored" in notes["theirs"] and "images rescored" not in notes["bicubic"]


def test_the_same_cells_of_two_folders_count_once(build: Build, results: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(results, copy)
    assert build(results, copy)[2] == ""
    (path,) = copy.glob("cells/evaluate-bicubic-*/result.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    content["scores"]["rgb"]["psnr"]["other-1"] = 3.0
    path.write_text(json.dumps(with_digest(content)), encoding="utf-8")
    code, _, err = build(results, copy)
    assert code == 0
    what = f"1 of {len(result_files(copy))} results (evaluate bicubic) are in {results} too, with another outcome"
    assert err.count("\n") == 1 and err.startswith(f"{copy}: {what}: those of the first folder are shown")
    assert f'["another outcome in", "{copy}"]' in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")


def test_a_folder_that_does_not_fit_is_refused(build: Build, results: Path, tmp_path: Path) -> None:
    data = {"digest": "0" * 64, "scale": 4, **demo_photos().describe(("test",))}
    mistakes = {
        "has other test images here": write_submission(tmp_path / "data", "mine", 20.0, data=data),
        "protocol rgb is version 2 here and 1 in": write_submission(
            tmp_path / "version", "mine", 20.0, settings={"protocols": {"rgb": 2}}
        ),
        "a submission is called edsr": write_submission(tmp_path / "name", "edsr", 20.0),
    }
    for said, root in mistakes.items():
        code, out, err = build(results, root)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert str(root) in err and said in err
        assert not (tmp_path / "report").exists()
    first, second = write_submission(tmp_path / "one", "mine", 20.0), write_submission(tmp_path / "two", "mine", 21.0)
    assert "is another method here than in" not in build(first)[2]
    code_of_other = {"code": "images:other"}
    path = next(iter(result_files(second)))
    content = json.loads(path.read_text(encoding="utf-8"))
    changed = with_digest({**content, "cell": {**content["cell"], **code_of_other}})
    path.write_text(json.dumps(changed), encoding="utf-8")
    code, _, err = build(first, second)
    assert (code, err.count("\n")) == (2, 1)
    assert "mine on demo-photos is another method here than in" in err


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A submission of an earlier version, whose result file has no digest of its content."""
    folder = write_submission(tmp_path / "old", "mine", 20.0)
    (path,) = result_files(folder)
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["content_digest"]
    path.write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_results_without_a_digest_are_named_where_they_are_shown(build: Build, results: Path, old: Path, tmp_path: Path) -> None:
    assert build(results, old)[2] == f"{old}: 1 result unverified: without a digest, a changed score is not noticed\n"
    report = tmp_path / "report"
    rows = list(csv.DictReader((report / "tables.csv").open(encoding="utf-8")))
    assert {row["method"] for row in rows if UNVERIFIED in row["note"]} == {"mine"}
    page, board = ((report / name).read_text(encoding="utf-8") for name in ("index.html", "leaderboard.html"))
    assert page.count('["unverified", "a result file without a digest of its content') == 1, "the origin of its numbers"
    assert UNVERIFIED in page and UNVERIFIED in board


def test_exports_name_results_without_a_digest(old: Path, tmp_path: Path) -> None:
    export(load_merged([old]), tmp_path / "export")
    rows = list(csv.DictReader((tmp_path / "export" / "results.csv").open(encoding="utf-8")))
    assert rows and all(row["about"].endswith(UNVERIFIED) for row in rows)
    assert UNVERIFIED in (tmp_path / "export" / "ro-crate-metadata.json").read_text(encoding="utf-8")


def test_a_model_card_names_trainings_without_a_digest(results: Path) -> None:
    cells = {cell.id: cell for cell in load_merged([results])}
    studies = make_studies(cells.values())
    model = trained_models(studies, cells)[0]
    assert "Unverified" not in model_card(model) and "unverified" not in str(evaluation_results(model, "a"))
    bare = {name: replace(cell, result=replace(cell.result, content_digest="")) for name, cell in cells.items()}
    model = trained_models(make_studies(bare.values()), bare)[0]
    assert f"U{UNVERIFIED[1:]}." in model_card(model)
    assert "unverified: no digest of the content" in str(evaluation_results(model, "a"))
