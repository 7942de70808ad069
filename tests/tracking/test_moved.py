"""A results folder that was moved or copied: nothing is read from or written to the place where it was."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from benchmarks import sync
from reports.from_mlflow import load_mirrored
from tests.helpers.mlflow_cells import make_result, make_tracker, write_cell


def mirrored(root: Path, identity: str) -> None:
    with make_tracker(root) as tracker:
        assert tracker.mirror(make_result(identity), write_cell(root, make_result(identity)))


def locations(root: Path) -> set[str]:
    database = sqlite3.connect(root / "mlflow.db")
    rows = database.execute(
        "SELECT artifact_uri FROM runs UNION SELECT artifact_location FROM experiments WHERE experiment_id > 0"
    )
    return {uri for (uri,) in rows}


@pytest.mark.parametrize("name", ["new", "new folder", "ü/deeper"])
def test_a_moved_folder_is_gone_on_in(name: str, output: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / name
    old.mkdir()
    shutil.move(output / "mlflow.db", old)
    mirrored(old, "a" * 16)
    new.parent.mkdir(exist_ok=True)
    old.rename(new)
    mirrored(new, "b" * 16)
    assert not old.exists(), "nothing is made where the folder was"
    assert all(uri.startswith((new / "mlartifacts").as_uri()) for uri in locations(new))
    assert [each.id for each in load_mirrored(new, "")] == ["a" * 16, "b" * 16]
    assert sync.main(["--results", str(new)]) == 0


def test_a_copy_leaves_the_first_folder_alone(output: Path, tmp_path: Path) -> None:
    old, copy = tmp_path / "old", tmp_path / "copy"
    old.mkdir()
    shutil.move(output / "mlflow.db", old)
    mirrored(old, "a" * 16)
    shutil.copytree(old, copy)
    before = {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    mirrored(copy, "b" * 16)
    assert {path: path.read_bytes() for path in old.rglob("*") if path.is_file()} == before
    shutil.rmtree(old)
    assert [each.id for each in load_mirrored(copy, "")] == ["a" * 16, "b" * 16]


def test_a_location_that_the_user_has_chosen_stays(output: Path, tmp_path: Path) -> None:
    mirrored(output, "a" * 16)
    with sqlite3.connect(output / "mlflow.db") as database:
        database.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id > 0", ((tmp_path / "mine").as_uri(),))
    database.close()
    mirrored(output, "b" * 16)
    assert any(uri.startswith((tmp_path / "mine").as_uri()) for uri in locations(output))
