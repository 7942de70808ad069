"""Results folders of several authors in one report: nothing is changed, and what cannot stand together is refused in one line."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.results.files import with_digest
from benchmarks.results.layout import result_files
from reports.build import main
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
    assert "evaluate bicubic" in err and "that of the first folder is shown" in err


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


def test_results_without_a_digest_are_named_where_folders_are_merged(build: Build, results: Path, tmp_path: Path) -> None:
    old = write_submission(tmp_path / "old", "mine", 20.0)
    (path,) = result_files(old)
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["content_digest"]
    path.write_text(json.dumps(content), encoding="utf-8")
    assert build(old)[2] == "", "a folder of one's own"
    assert build(results, old)[2] == f"{old}: 1 result unverified: without a digest, a changed score is not noticed\n"
