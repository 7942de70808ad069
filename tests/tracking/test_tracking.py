"""The MLflow mirror, with real MLflow on SQLite in a temporary folder."""

from __future__ import annotations

import functools
import json
import logging
import os
import platform
import shlex
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from mlflow import MlflowClient

from benchmarks.tracking import session as mlflow_session
from benchmarks.tracking.session import EXPERIMENT
from benchmarks.tracking.tracker import tracking_uri, ui_command
from tests.conftest import ROOT
from tests.helpers.mlflow_cells import all_runs, make_result, make_tracker, make_training, mirror


def test_a_cell_becomes_a_child_of_its_invocation(output: Path) -> None:
    with make_tracker(output) as tracker:
        mirror(tracker, output, make_result())
    assert tracker.failures == []
    [parent], [child] = all_runs(output)
    assert parent.info.run_name.startswith("demo 20") and parent.info.status == "FINISHED"
    assert parent.data.params == {"profile": "demo", "methods": '["bicubic", "cincgan"]', "seeds": "[0]", "git.commit": "c0ffee"}
    assert child.info.run_name == "evaluate cincgan/no-inner-cycle seed 0" and child.info.status == "FINISHED"
    assert child.info.end_time - child.info.start_time == 12_500
    assert child.data.params == {
        **{"protocols.rgb": "1", "protocols.ntire2018": "1", "metrics.psnr.target": "", "metrics.psnr.weights": "{}"},
        **{"threads": "1", "tile": "0", "weights": "{}", "sanity": "[]", "split": "test"},
    }
    assert child.data.metrics == {
        **{"rgb.psnr": 25.1, "rgb.psnr.low": 24.0, "rgb.psnr.high": 26.2, "seconds": 12.5},
        **{"ntire2018.ssim": 0.7, "ntire2018.ssim.low": 0.6, "ntire2018.ssim.high": 0.8},
    }
    expected = {"cell_id": "3f2a" * 4, "kind": "evaluate", "dataset": "demo-photos", "seed": "0", "data_digest": "da7a"}
    expected |= {"mlflow.parentRunId": parent.info.run_id, "mlflow.source.git.commit": "c0ffee", "git_dirty": "false"}
    assert expected.items() <= child.data.tags.items() and "weights_digest" not in child.data.tags
    stored = output / "mlartifacts" / child.info.run_id / "artifacts"
    assert (stored / "samples" / "photo.png").read_bytes() == b"pixels"
    [folder] = output.glob("cells/*")
    assert (stored / "result.json").read_bytes() == (folder / "result.json").read_bytes()
    note = {"run_id": child.info.run_id, "uri": tracking_uri(output), "finished_at": "2026-11-24T12:00:00+00:00"}
    assert json.loads((folder / "mlflow.json").read_text()) == note


def test_history_and_settings_beyond_one_batch(output: Path) -> None:
    history = [{"step": 10 * i, "loss": 1 / (i + 1), "discriminator": i / 7} for i in range(1200)]
    settings = {f"option{i}": i for i in range(250)} | {"long": "x" * 10_000, "adam": {"betas": [0.5, 0.999], "rate": 2e-4}}
    with make_tracker(output) as tracker:
        mirror(tracker, output, make_training(settings, history))
    child = all_runs(output)[1][0]
    assert child.data.params.items() >= {"adam.betas": "[0.5, 0.999]", "adam.rate": "0.0002", "threads": "1"}.items()
    assert len(child.data.params) == 253 + 2 and len(child.data.params["long"]) == 6000
    assert child.data.tags["weights_digest"] == "f00d"
    stored = MlflowClient(tracking_uri=tracking_uri(output)).get_metric_history(child.info.run_id, "discriminator")
    values = {point.step: point.value for point in stored}
    assert values == {entry["step"]: entry["discriminator"] for entry in history}


def test_a_mirrored_cell_is_noted_and_not_mirrored_again(output: Path) -> None:
    for _ in range(2):
        with make_tracker(output) as tracker:
            mirror(tracker, output, make_result())
    parents, [child] = all_runs(output)
    assert [parent.data.tags.get(f"reused.{'3f2a' * 4}") for parent in parents] == [None, child.info.run_id]
    with make_tracker(output) as tracker:
        mirror(tracker, output, make_result(finished_at="2026-11-25T12:00:00+00:00"))
    assert len(all_runs(output)[1]) == 2, "computed again: another result"


def test_mirrored_runs_are_found_on_every_page(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = [make_result(f"{i:016x}") for i in range(3)]
    page = functools.partial(MlflowClient.search_runs, max_results=1)
    monkeypatch.setattr(MlflowClient, "search_runs", lambda client, ids, page_token: page(client, ids, page_token=page_token))
    for _ in range(2):
        with make_tracker(output) as tracker:
            for result in results:
                mirror(tracker, output, result)
    monkeypatch.undo()
    assert len(all_runs(output)[1]) == 3


def test_a_cell_that_failed_half_way_is_mirrored_anew_and_the_others_go_on(output: Path) -> None:
    warnings: list[str] = []
    with make_tracker(output, warnings.append) as tracker:
        tracker.mirror(make_result("a" * 16), output / "nowhere")
        mirror(tracker, output, make_result("b" * 16))
    assert len(tracker.failures) == 1 and "a" * 16 in warnings[0] and "\n" not in warnings[0]
    sync = f"python -m benchmarks.sync --results {output} mirrors them"
    assert warnings[1:] == [f"MLflow lacks 1 of 2 cells, whose results are safe: {sync}"]
    with make_tracker(output) as tracker:
        mirror(tracker, output, make_result("a" * 16))
        mirror(tracker, output, make_result("b" * 16))
    states = sorted((child.data.tags["cell_id"][0], child.info.status) for child in all_runs(output)[1])
    assert states == [("a", "FINISHED"), ("a", "KILLED"), ("b", "FINISHED")]


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt, "KILLED"), (SystemExit, "KILLED"), (ValueError, "FAILED")])
def test_how_an_invocation_ends(output: Path, error: type[BaseException], status: str) -> None:
    with pytest.raises(error), make_tracker(output) as tracker:
        tracker.open()
        raise error
    assert all_runs(output)[0][0].info.status == status


@pytest.mark.parametrize("own", [True, False])
def test_a_killed_invocation_is_closed_by_the_next(output: Path, own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In its own database whatever the host, for process ids and host names are used again; in a shared one with care."""
    if not own:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{output}//mlflow.db")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    client = MlflowClient(tracking_uri=tracking_uri(output))
    experiment = client.create_experiment(EXPERIMENT)
    here, alive = platform.node(), str(os.getppid())
    owners = {
        "killed": {"host": here, "pid": str(gone.pid)},
        "its number came again": {"host": here, "pid": alive, "workspace": str(output)},
        "at work": {"host": here, "pid": alive, "workspace": "/other"},
        "elsewhere": {"host": "another host", "pid": str(gone.pid), "workspace": str(output)},
        "somebody's": {},
    }
    runs = {name: client.create_run(experiment, tags=tags).info.run_id for name, tags in owners.items()}
    with make_tracker(output):
        pass
    killed = {name for name, run in runs.items() if client.get_run(run).info.status == "KILLED"}
    assert killed == {"killed", "its number came again"} | ({"at work", "elsewhere"} if own else set())


class FakeServer(BaseHTTPRequestHandler):
    """Answers whatever an MLflow server is asked with an experiment and a run."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        info = {"run_id": "77", "run_uuid": "77", "experiment_id": "1", "status": "RUNNING", "artifact_uri": "file:/77"}
        body = {"experiment": {"experiment_id": "1", "name": EXPERIMENT}, "run": {"info": info, "data": {}}, "run_info": info}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    do_POST = do_GET  # noqa: N815

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def test_a_server_s_links_stay_out_of_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with HTTPServer(("127.0.0.1", 0), FakeServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        with make_tracker(tmp_path) as tracker:
            mirror(tracker, tmp_path, make_result())
        server.shutdown()
    assert tracker.failures == [] and capfd.readouterr() == ("", "")


def test_a_path_that_no_database_address_can_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    warnings: list[str] = []
    with make_tracker(tmp_path / "why?", warnings.append):
        pass
    assert len(warnings) == 1 and list(tmp_path.iterdir()) == []


def test_a_new_process_creates_the_database_first_and_says_nothing(tmp_path: Path) -> None:
    """In a process of its own: no early import, no network, no git, no output, no environment variables left behind."""
    output = tmp_path / "new folder #1"
    program = f"""
import os, sys, warnings
from pathlib import Path
from benchmarks.tracking.tracker import Tracker
warnings.simplefilter("default")
def hook(event, what):
    if event in ("socket.connect", "socket.getaddrinfo") or (event == "subprocess.Popen" and "git" in str(what[0])):
        os._exit(3)
sys.addaudithook(hook)
before = dict(os.environ)
with Tracker(Path({str(output)!r}), invocation={{}}, warn=print) as tracker:
    assert "mlflow" not in sys.modules
    assert tracker.open()
    assert sorted(path.name for path in Path({str(output)!r}).iterdir()) == [".mlflow.db.lock", "mlflow.db"]
from mlflow.telemetry.client import get_telemetry_client
assert get_telemetry_client() is None
assert dict(os.environ) == before
"""
    hidden = ("MLFLOW", "DO_NOT_TRACK", "CI", "PYTEST", "GITHUB")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    environment |= {"PYTHONPATH": str(ROOT), "PATH": str(Path(sys.executable).parent)}  # no git there
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path.name for path in tmp_path.iterdir()] == ["new folder #1"], "no ./mlruns or ./mlflow.db beside it"


def test_interrupted_before_anything_was_mirrored(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_session, "connect", lambda uri: pytest.fail("nobody waits for MLflow after Ctrl-C"))
    with pytest.raises(KeyboardInterrupt), make_tracker(output):
        raise KeyboardInterrupt


def test_logging_is_as_it_was(output: Path) -> None:
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic", "urllib3.connectionpool")]
    before = [logger.level for logger in loggers]
    with make_tracker(output):
        pass
    assert [logger.level for logger in loggers] == before


def test_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path.as_posix()}/my runs/mlflow.db"
    assert tracking_uri(Path("my runs")) == uri
    assert shlex.split(ui_command(Path("my runs"))) == ["mlflow", "ui", "--backend-store-uri", uri]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@host/db")
    assert ui_command(tmp_path) == 'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"'
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000")
    assert ui_command(tmp_path) == "python -m webbrowser http://host:5000"
