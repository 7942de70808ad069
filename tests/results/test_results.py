"""Result files: old ones stay readable, newer ones are refused, and what is written has the fields that this schema has."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks.core.errors import UsageError
from benchmarks.results.files import SCHEMA, UPGRADES, read_result, write_result
from benchmarks.results.record import COMPLETE, DIVERGED
from reports.build import build
from reports.studies import load_evidence

OLD = Path(__file__).parent / "old_results"  # as versions of this project wrote them
FILES = sorted(OLD.glob("schema-*.json"))


def test_there_is_a_file_of_every_schema_and_a_way_up_from_each() -> None:
    assert {int(path.name.split("-")[1]) for path in FILES} == set(range(1, SCHEMA + 1))
    assert set(UPGRADES) == set(range(1, SCHEMA))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_any_schema_is_read_and_left_as_it_is(path: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copy(path, tmp_path))
    stored = json.loads(path.read_text(encoding="utf-8"))
    result = read_result(copied)
    assert result["schema"] == SCHEMA
    assert result["status"] == (DIVERGED if "diverged" in path.stem else COMPLETE)
    assert {key: value for key, value in result.items() if key not in ("schema", "status")} == {
        key: value for key, value in stored.items() if key not in ("schema", "status")
    }
    assert copied.read_bytes() == path.read_bytes()


def test_the_report_is_built_from_old_results(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "cells" / "evaluate-bicubic"
    folder.mkdir(parents=True)
    shutil.copy(OLD / "schema-1-evaluate.json", folder / "result.json")
    (line,) = build(load_evidence(tmp_path / "runs"), tmp_path / "report")
    assert line.startswith("smoke-demo-photos: claims: ")
    psnr = json.loads((OLD / "schema-1-evaluate.json").read_text(encoding="utf-8"))["summary"]["rgb"]["psnr"]["mean"]
    assert f"{psnr:.2f}" in (tmp_path / "report" / "tables" / "smoke-demo-photos-methods.md").read_text(encoding="utf-8")


def evaluated(**changes: Any) -> dict[str, Any]:
    return {**json.loads((OLD / "schema-1-evaluate.json").read_text(encoding="utf-8")), **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": SCHEMA + 1}, f"schema {SCHEMA + 1}, this version reads 1 to {SCHEMA}: use the version that wrote it"),
        ({"schema": 0}, "schema 0, this version reads"),
        ({"schema": "2"}, "schema '2', this version reads"),
        ({"schema": [1]}, r"schema \[1\], this version reads"),
        ({"schema": None}, r"corrupt result file \(no status"),
        ({"schema": SCHEMA, "status": "half"}, r"corrupt result file \(Invalid enum value 'half' - at `status`\)"),
        ({"schema": SCHEMA, "status": DIVERGED}, "what has diverged has a diagnosis and no scores"),
        ({"schema": SCHEMA, "status": COMPLETE, "diagnosis": "step 3: it fell"}, "what has diverged has a diagnosis"),
        ({"schema": SCHEMA}, r"corrupt result file \(no status\)"),
    ],
)
def test_what_no_version_wrote_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    write_result(tmp_path / "result.json", evaluated(**changes))
    with pytest.raises(UsageError, match=message):
        read_result(tmp_path / "result.json")
