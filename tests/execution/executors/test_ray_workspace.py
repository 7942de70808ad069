"""The server without a cluster: files that it gives and takes, and attempts that it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import BenchmarkError
from benchmarks.execution.executors.ray_workspace import WorkspaceServer
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
    (train, evaluate), server = cells(), WorkspaceServer(workspace.root, workspace.holder)
    for number, cell in enumerate((train, evaluate)):
        server.begin(cell, number)
    server.keep(train, 0, {**FILES, "checkpoint.pt": b"state"})
    folder = f"cells/{train.folder}"
    assert server.fetch(train, 0, "a") == {f"{folder}/checkpoint.pt": b"state"}
    expected = {f"{folder}/result.json": b"{}", f"{folder}/weights.safetensors": b"weights"}
    assert server.fetch(evaluate, 1, "b") == expected
    assert (server.host_of(train), server.host_of(evaluate)) == ("a", "b")


def test_a_complete_cell_has_no_checkpoint(workspace: Workspace) -> None:
    (train, _), server = cells(), WorkspaceServer(workspace.root, workspace.holder)
    server.begin(train, 0)
    server.keep(train, 0, {"checkpoint.pt": b"state"})
    server.keep(train, 0, FILES, "diverged")
    assert (workspace.folder(train) / "checkpoint.pt").exists()
    server.keep(train, 0, FILES, "complete")
    assert not (workspace.folder(train) / "checkpoint.pt").exists()


def test_an_abandoned_attempt_changes_nothing(workspace: Workspace) -> None:
    (train, _), server = cells(), WorkspaceServer(workspace.root, workspace.holder)
    server.begin(train, 0)
    server.keep(train, 0, {"checkpoint.pt": b"state"})
    server.begin(train, 1)
    with pytest.raises(BenchmarkError, match="another attempt at this cell, or another run, has begun"):
        server.keep(train, 0, FILES)
    with pytest.raises(BenchmarkError, match="another attempt at this cell, or another run, has begun"):
        server.fetch(train, 0, "a")
    server.report(train, 0, (1, 2, {}))
    server.report(train, 1, (2, 2, {}))
    assert [progress for _, progress in server.take_reports()] == [(2, 2, {})] and server.take_reports() == []
    assert [path.name for path in workspace.folder(train).iterdir()] == ["checkpoint.pt"]


def test_an_earlier_run_changes_nothing(workspace: Workspace) -> None:
    (train, _), server = cells(), WorkspaceServer(workspace.root, workspace.holder)
    server.begin(train, 0)
    with workspace.locked():  # by the next run
        pass
    with pytest.raises(BenchmarkError, match="another attempt at this cell, or another run, has begun"):
        server.keep(train, 0, FILES)
    assert not workspace.folder(train).exists()
