"""The desk without a cluster: files that it gives and takes, and attempts that it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import BenchmarkError
from benchmarks.execution.executors.ray_desk import Desk
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell
from benchmarks.planning.plan import make_plan

FILES = {"result.json": b"{}", "samples/a.png": b"png", "weights.safetensors": b"weights"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    held = Workspace(tmp_path)
    with held.locked():
        return held


def cells() -> tuple[Cell, Cell]:
    train, evaluate = make_plan(load_profile("smoke"), ["fsrcnn"])
    return train, evaluate


def test_a_task_gets_the_files_that_its_cell_needs_and_no_others(workspace: Workspace) -> None:
    (train, evaluate), desk = cells(), Desk(workspace.root, workspace.holder)
    for number, cell in enumerate((train, evaluate)):
        desk.begin(cell, number)
    desk.keep(train, 0, {**FILES, "checkpoint.pt": b"state"})
    folder = f"cells/{train.folder}"
    assert desk.fetch(train, 0, "a") == {f"{folder}/checkpoint.pt": b"state"}
    expected = {f"{folder}/result.json": b"{}", f"{folder}/weights.safetensors": b"weights"}
    assert desk.fetch(evaluate, 1, "b") == expected
    assert (desk.host_of(train), desk.host_of(evaluate)) == ("a", "b")


def test_a_complete_cell_has_no_checkpoint(workspace: Workspace) -> None:
    (train, _), desk = cells(), Desk(workspace.root, workspace.holder)
    desk.begin(train, 0)
    desk.keep(train, 0, {"checkpoint.pt": b"state"})
    desk.keep(train, 0, FILES, "diverged")
    assert (workspace.folder(train) / "checkpoint.pt").exists()
    desk.keep(train, 0, FILES, "complete")
    assert not (workspace.folder(train) / "checkpoint.pt").exists()


def test_an_abandoned_attempt_changes_nothing(workspace: Workspace) -> None:
    (train, _), desk = cells(), Desk(workspace.root, workspace.holder)
    desk.begin(train, 0)
    desk.keep(train, 0, {"checkpoint.pt": b"state"})
    desk.begin(train, 1)
    with pytest.raises(BenchmarkError, match="another attempt at this cell, or another run, has begun"):
        desk.keep(train, 0, FILES)
    with pytest.raises(BenchmarkError, match="another attempt at this cell, or another run, has begun"):
        desk.fetch(train, 0, "a")
    desk.report(train, 0, (1, 2, {}))
    desk.report(train, 1, (2, 2, {}))
    assert [progress for _, progress in desk.take_reports()] == [(2, 2, {})] and desk.take_reports() == []
    assert [path.name for path in workspace.folder(train).iterdir()] == ["checkpoint.pt"]


def test_an_earlier_run_changes_nothing(workspace: Workspace) -> None:
    (train, _), desk = cells(), Desk(workspace.root, workspace.holder)
    desk.begin(train, 0)
    with workspace.locked():  # by the next run
        pass
    with pytest.raises(BenchmarkError, match="another attempt at this cell, or another run, has begun"):
        desk.keep(train, 0, FILES)
    assert not workspace.folder(train).exists()
