"""Several processes on one MLflow, several on one workspace, and a real tracking server that stops answering."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from mlflow import MlflowClient

from benchmarks.sync import main
from benchmarks.tracking import tracker as tracking
from benchmarks.tracking.session import EXPERIMENT, is_mirrored
from reports.from_mlflow import load_mirrored
from reports.studies import load_evidence
from tests.conftest import ROOT
from tests.helpers.flaky_server import wait_for
from tests.helpers.mlflow_cells import contents, diverged, make_result, make_tracker, mirror, notes, write_cell

QUICK = [
    "--profile",
    "smoke",
    "--methods",
    "bicubic",
    "--set",
    "protocols=['rgb']",
    "--set",
    "shown=['rgb']",
    "--set",
    "metrics=['psnr']",
]

OPEN = """
import sys, time
from pathlib import Path
from benchmarks.tracking.tracker import Tracker
output, start = Path(sys.argv[1]), float(sys.argv[2])
import mlflow, mlflow.store.db.utils
time.sleep(max(0, start - time.time()))
with Tracker(output, invocation={}, warn=print) as tracker:
    tracker.open()
"""


def start(*line: str, **environment: str) -> subprocess.Popen[str]:
    env = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    return subprocess.Popen(line, cwd=ROOT, env=env | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run_quickly(output: Path, uri: str) -> subprocess.Popen[str]:
    return start(sys.executable, "-m", "benchmarks.run", *QUICK, "--json", "--output", str(output), MLFLOW_TRACKING_URI=uri)


def is_sound(database: Path) -> bool:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_processes_that_open_a_fresh_database_at_once(tmp_path: Path) -> None:
    """Without a lock all but one crash in MLflow's migrations, and leave a database that no version opens."""
    uri, when = f"sqlite:///{tmp_path / 'shared' / 'mlflow.db'}", str(time.time() + 6)
    outputs = [tmp_path / name for name in "ab"]
    processes = [start(sys.executable, "-c", OPEN, str(output), when, MLFLOW_TRACKING_URI=uri) for output in outputs]
    assert [process.communicate(timeout=240) for process in processes] == [("", "")] * 2
    client = MlflowClient(tracking_uri=uri)
    [experiment] = [entry for entry in client.search_experiments() if entry.name == EXPERIMENT]
    assert [run.info.status for run in client.search_runs([experiment.experiment_id])] == ["FINISHED"] * 2
    assert is_sound(tmp_path / "shared" / "mlflow.db")


@pytest.mark.train
def test_two_runs_on_one_database_and_two_on_one_workspace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = tmp_path / "mlflow.db"
    uri = f"sqlite:///{database}"
    first, other = tmp_path / "first", tmp_path / "other"
    runs = [run_quickly(first, uri), run_quickly(other, uri)]
    wait_for((first / ".lock").exists, 120)
    late = run_quickly(first, uri)
    refused = late.communicate(timeout=120)
    assert (late.returncode, refused[0], refused[1].count("\n")) == (2, "", 1)
    assert "another run is at work here: wait for it" in refused[1]
    for process in runs:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0 and "MLflow" not in errors, errors
    results = [*first.glob("cells/*/result.json"), *other.glob("cells/*/result.json")]
    assert len(results) == 2 and is_sound(database)
    client = MlflowClient(tracking_uri=uri)
    found_runs = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    assert {run.info.status for run in found_runs} == {"FINISHED"}
    assert len(found_runs) == 4, "two invocations, and the cell twice"
    assert {run.info.run_id for run in found_runs if is_mirrored(run)} == {*notes(first).values(), *notes(other).values()}
    for output in (first, other):
        assert main(["--results", str(output), "--to", uri]) == 0
        assert capsys.readouterr().out == "synced: 1 cell\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> Iterator[tuple[str, int]]:
    """A real tracking server on the loopback interface: its address, and its process group."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "mlflow.db").write_bytes(mlflow_database.read_bytes())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    store = ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--artifacts-destination", str(folder / "artifacts")]
    line = [sys.executable, "-m", "mlflow", "server", *store, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    alone = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # without seven more processes
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(line, cwd=folder, env=alone, stdout=log, stderr=log, start_new_session=True)

    def answers() -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=5) as reply:  # noqa: S310
            return bool(reply.status == 200)
        return False

    try:
        wait_for(answers, 240)
        yield address, process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.train
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_server_that_stops_answering(
    tmp_path: Path, server: tuple[str, int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server is stopped by a signal after two of six cells; it goes on later, and so does the mirror."""
    address, group = server
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")  # its first answers take seconds of work
    warnings: list[str] = []
    with make_tracker(tmp_path, warnings.append) as tracker:
        for number in range(2):
            assert mirror(tracker, tmp_path, make_result(f"{number:016x}"))
        os.killpg(group, signal.SIGSTOP)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        monkeypatch.setattr(tracking, "CLOSING_SECONDS", 2.0)
        began = time.monotonic()
        for number in range(2, 6):
            assert not mirror(tracker, tmp_path, make_result(f"{number:016x}"))
    assert time.monotonic() - began < 60
    assert len(warnings) == 2 and "timed out" in warnings[0] and "MLflow lacks 4 of 6 cells" in warnings[1]
    os.killpg(group, signal.SIGCONT)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")
    write_cell(tmp_path, diverged("d" * 16))
    before = contents(tmp_path)
    assert main(["--results", str(tmp_path), "--to", address]) == 0
    assert capsys.readouterr().out.startswith("synced: 7 cells (5 mirrored")
    assert main(["--results", str(tmp_path), "--to", address]) == 0
    assert capsys.readouterr().out == "synced: 7 cells\n"
    assert [evidence.result for evidence in load_mirrored(tmp_path, address)] == [
        evidence.result for evidence in load_evidence(tmp_path)
    ]
    assert contents(tmp_path) == before
