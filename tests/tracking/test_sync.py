"""``python -m benchmarks.sync``: MLflow mirrors the result files again, whatever happened to it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.core.locks import locked
from benchmarks.sync import main
from benchmarks.tracking.session import EXPERIMENT
from benchmarks.tracking.sync import Sync
from reports.from_mlflow import load_mirrored
from reports.studies import load_evidence
from tests.conftest import ROOT
from tests.helpers.mlflow_cells import all_runs, client_of, contents, diverged, make_result, mirror_all, notes, states, write_cell

Say = Callable[..., tuple[int, str, str]]
WITHOUT_TORCH = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "basicsr", "pyiqa"):
            raise ImportError(f"{name} is not here")
sys.meta_path.insert(0, Blocked())
from benchmarks.core.locks import locked
from benchmarks.sync import main
sys.exit(main())
"""


@pytest.fixture
def run(output: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Calls the command on the workspace; returns exit code, standard output and standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["--results", str(output), *arguments])
        return (code, *capsys.readouterr())

    return call


def test_missing_cells_are_mirrored_once(output: Path, run: Say) -> None:
    for number in range(3):
        write_cell(output, make_result(f"{number:016x}"))
    before = contents(output)
    code, out, progress = run()
    assert (code, out) == (0, "synced: 3 cells (3 mirrored)\n") and progress.count(": mirrored\n") == 3
    [parent], children = all_runs(output)
    assert parent.info.run_name.startswith("sync 20") and parent.info.status == "FINISHED"
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert set(notes(output).values()) == {run.info.run_id for run in children}
    assert [evidence.result for evidence in load_mirrored(output, "")] == [evidence.result for evidence in load_evidence(output)]
    assert run() == (0, "synced: 3 cells\n", "")
    assert states(output) == ["child FINISHED"] * 3 + ["parent FINISHED"], "nothing to mirror, no run of its own"
    assert contents(output) == before


def test_only_lost_parts_are_mended(output: Path, run: Say) -> None:
    mirror_all(output, 5)
    runs = {run.data.tags["cell_id"]: run.info.run_id for run in all_runs(output)[1]}
    stored = {number: output / "mlartifacts" / runs[f"{number:016x}"] / "artifacts" for number in range(5)}
    client_of(output).delete_run(runs[f"{0:016x}"])
    (stored[1] / "samples" / "photo.png").unlink()
    (stored[2] / "result.json").write_text("cut")
    (output / "cells" / f"evaluate-{3:016x}" / "mlflow.json").write_text("{")
    expected = "1 {}mirrored, 2 lost artifacts {}stored again, 1 mlflow.json {}rewritten"
    code, out, _ = run("--dry-run")
    assert (code, out) == (0, f"not synced: changes in 4 of 5 cells ({expected.format(*['to be '] * 3)})\n")
    assert run()[:2] == (0, f"synced: 5 cells ({expected.format('', '', '')})\n")
    assert run() == (0, "synced: 5 cells\n", "") and run("--dry-run") == (0, "synced: 5 cells\n", "")
    now = {run.data.tags["cell_id"]: run.info.run_id for run in all_runs(output)[1]}
    assert {cell for cell in runs if now[cell] != runs[cell]} == {f"{0:016x}"}, "only the deleted one has another run"
    assert (stored[1] / "samples" / "photo.png").read_bytes() == b"pixels"
    assert notes(output) == {f"evaluate-{cell}": run_id for cell, run_id in now.items()}


def test_runs_that_were_cut_off_are_closed_and_mirrored_anew(output: Path, run: Say) -> None:
    """Runs of a process that was killed within a cell, and a run that an early version left FAILED half-way."""
    mirror_all(output, 1)
    client = client_of(output)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    tags = {"host": "gone", "pid": "1", "finished_at": make_result().finished_at}
    client.create_run(experiment, tags={**tags, "kind": "invocation"})
    client.create_run(experiment, tags={**tags, "cell_id": f"{1:016x}"})
    half = client.create_run(experiment, tags={**tags, "cell_id": f"{2:016x}"})
    client.set_terminated(half.info.run_id, "FAILED")
    for number in (1, 2):
        write_cell(output, make_result(f"{number:016x}"))
    assert run()[:2] == (0, "synced: 3 cells (2 mirrored, 2 unfinished MLflow runs of killed processes closed)\n")
    assert states(output) == [
        *("child FAILED", "child FINISHED", "child FINISHED", "child FINISHED", "child KILLED"),
        *("parent FINISHED", "parent FINISHED", "parent KILLED"),
    ]
    assert run() == (0, "synced: 3 cells\n", "")


def test_a_diverged_training_is_mirrored_with_its_diagnosis(output: Path, run: Say) -> None:
    write_cell(output, diverged("d" * 16))
    write_cell(output, make_result("e" * 16))
    assert run()[:2] == (0, "synced: 2 cells (2 mirrored)\n")
    [child] = [run for run in all_runs(output)[1] if run.data.tags["cell_id"] == "d" * 16]
    assert child.info.status == "FAILED" and child.data.tags["status"] == "diverged"
    assert child.data.tags["diagnosis"] == "the loss is no number at step 3"
    assert run() == (0, "synced: 2 cells\n", "")
    assert [evidence.result for evidence in load_mirrored(output, "")] == [evidence.result for evidence in load_evidence(output)]


def test_a_dry_run_changes_nothing(output: Path, run: Say) -> None:
    write_cell(output, make_result())
    (output / "mlflow.db").unlink()
    before = sorted(output.rglob("*"))
    assert run("--dry-run")[:2] == (0, "not synced: changes in 1 of 1 cell (1 to be mirrored)\n")
    assert sorted(output.rglob("*")) == before


def test_json_names_the_action_of_each_cell(output: Path, run: Say) -> None:
    folder = write_cell(output, make_result())
    code, out, _ = run("--json")
    data = json.loads(out)
    assert code == 0 and data["cells"] == {folder.name: "mirrored"} and not data["failed"] and not data["dry_run"]
    assert json.loads(run("--json")[1])["cells"] == {folder.name: "synced"}


@pytest.mark.parametrize("content", ['{"schema": 1', '{"schema": 1}', '{"schema": 99}', "[]", "\x00", None])
def test_a_corrupt_result_is_named_and_the_others_go_on(output: Path, run: Say, content: str | None) -> None:
    broken = write_cell(output, make_result("a" * 16))
    if content is None:
        write_cell(output, make_result("a" * 16, finished_at="yesterday"))
    else:
        (broken / "result.json").write_text(content)
    write_cell(output, make_result("b" * 16))
    for expected in ("(1 mirrored)\n", "not mirrored\n"):
        code, out, progress = run()
        assert code == 1 and out.startswith("not synced: 1 of 2 cells not mirrored") and out.endswith(expected)
        assert progress.startswith(f"{broken.name}: not mirrored: ") and "Traceback" not in progress
    assert [run.data.tags["cell_id"] for run in all_runs(output)[1]] == ["b" * 16]


def test_all_results_corrupt(output: Path, run: Say) -> None:
    (write_cell(output, make_result()) / "result.json").write_text("{")
    assert run()[:2] == (1, "not synced: 1 of 1 cell not mirrored\n")


@pytest.mark.parametrize(
    "address", ["ftp://somewhere/x", "file:///tmp/mlruns", "nonsense://", "sqlite:///cells", "postgresql://a:b@localhost/x", ""]
)
def test_addresses_that_cannot_be_used(output: Path, run: Say, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import environment_variables

    if address.startswith("file:") and not hasattr(environment_variables, "MLFLOW_ALLOW_FILE_STORE"):
        pytest.skip("this version of MLflow takes folders")
    write_cell(output, make_result())
    monkeypatch.chdir(output)
    code, out, error = run("--to", address)
    assert (code, out, error.count("\n")) == (2, "", 1) and error.startswith("error: ") and "a:b" not in error
    assert not (output / "mlruns").exists() and notes(output) == {}


def test_a_folder_without_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (tmp_path, tmp_path / "nowhere", Path("/dev/null")):
        assert main(["--results", str(folder)]) == 2
        assert "no results here: give the folder of a run" in capsys.readouterr().err
    assert main(["--results", ""]) == 2 and list(tmp_path.iterdir()) == []


def test_a_workspace_at_work_is_left_alone(output: Path, run: Say) -> None:
    write_cell(output, make_result())
    with locked(output / ".lock", "choose another folder"):
        code, out, error = run()
    assert (code, out) == (2, "") and "another run is at work here" in error and all_runs(output) == ([], [])


def test_interrupted(output: Path, run: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        write_cell(output, make_result(f"{number:016x}"))
    act, calls = Sync._act, iter(range(9))

    def interrupt(self: Sync, *arguments: object) -> str:
        if next(calls) == 1:
            raise KeyboardInterrupt
        return act(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Sync, "_act", interrupt)
    code, out, error = run()
    assert (code, out) == (130, "") and "the same command goes on from there" in error
    assert states(output) == ["child FINISHED", "parent KILLED"]
    assert run()[:2] == (0, "synced: 3 cells (2 mirrored)\n")


def test_as_a_process_without_torch(output: Path) -> None:
    write_cell(output, make_result())
    line = [sys.executable, "-c", WITHOUT_TORCH, "--results", str(output)]
    env = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stdout) == (0, "synced: 1 cell (1 mirrored)\n"), done.stderr


def test_another_database(output: Path, run: Say, mlflow_database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its artifacts lie beside the database, not in the workspace; option and environment variable name it alike."""
    write_cell(output, make_result())
    (output / "other").mkdir()
    shutil.copy(mlflow_database, output / "other" / "mlflow.db")
    address = f"sqlite:///{output / 'other' / 'mlflow.db'}"
    assert run("--to", address)[:2] == (0, "synced: 1 cell (1 mirrored)\n")
    assert len(list((output / "other" / "mlartifacts").glob("*/artifacts/result.json"))) == 1
    assert run() == (0, "synced: 1 cell (1 mirrored)\n", f"evaluate-{'3f2a' * 4}: mirrored\n")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert run()[1] == "synced: 1 cell (1 mlflow.json rewritten)\n"
