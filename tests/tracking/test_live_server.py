"""A tracking server that answers at an address with a password: no part of the password is in any file, line or report."""

from __future__ import annotations

import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchmarks import sync
from benchmarks.tracking.tracker import ui_command
from reports import build
from tests.helpers.mlflow_cells import make_result, make_tracker, write_cell

# as it stands in the address, and the pieces of which none may show
PASSWORDS = {
    "p%40TAILss/w:TAILrd": ("p%40TAILss", "p@TAILss", "TAILss", "w:TAILrd", "TAILrd"),
    "s3cr@tTAIL88": ("s3cr@tTAIL88", "tTAIL88", "s3cr"),
    "p%40TAILss": ("p%40TAILss", "p@TAILss", "TAILss"),
}


class Answers(BaseHTTPRequestHandler):
    """MLflow's REST interface without a store, or a refusal that repeats the credentials that came with the request."""

    status = 200
    artifacts = ""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        given = self.headers.get("Authorization", "")
        decoded = b64decode(given.partition(" ")[2]).decode() if given.startswith("Basic ") else ""
        refusal = {"error_code": "PERMISSION_DENIED", "message": f"no access for {decoded} ({given}), see {self.path}"}
        content = json.dumps(self._content() if self.status == 200 else refusal).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - names that http.server looks for

    def _content(self) -> dict[str, Any]:
        name = self.path.partition("?")[0].rpartition("/mlflow/")[2]
        experiment = {"experiment_id": "1", "name": "cincgan-benchmark", "lifecycle_stage": "active"}
        info = {
            "run_id": "2b" * 16,
            "run_uuid": "2b" * 16,
            "experiment_id": "1",
            "status": "RUNNING",
            "lifecycle_stage": "active",
        }
        run = {"info": {**info, "artifact_uri": self.artifacts}, "data": {}}
        contents: dict[str, dict[str, Any]] = {
            "experiments/get-by-name": {"experiment": {**experiment, "artifact_location": self.artifacts}},
            "runs/create": {"run": run},
            "runs/get": {"run": run},
            "runs/update": {"run_info": run["info"]},
        }
        return contents.get(name, {})

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def server(status: int, artifacts: Path) -> Iterator[int]:
    """A server on a free port of this machine, which is yielded."""
    handler = type("Handler", (Answers,), {"status": status, "artifacts": artifacts.as_uri()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running.server_address[1]
        running.shutdown()


@pytest.mark.parametrize("status", [200, 401, 403])
@pytest.mark.parametrize("password", PASSWORDS)
def test_no_part_of_the_password_is_kept_or_said(
    password: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    root, said = tmp_path / "runs", list[str]()
    with server(status, tmp_path / "artifacts") as port:
        address = f"http://bob:{password}@127.0.0.1:{port}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        folder = write_cell(root, make_result(scores={"rgb": {"psnr": {"photo": 25.1}}}))
        with make_tracker(root, said.append) as tracker:
            tracker.mirror(make_result(scores={"rgb": {"psnr": {"photo": 25.1}}}), folder)
        codes = [sync.main(["--results", str(root), *more]) for more in ((), ("--dry-run",), ("--json",))]
        codes += [build.main(["--results", str(root)]), build.main(["--results", str(root), "--from-mlflow", address])]
        said += [*tracker.failures, tracker.address, ui_command(root)]
    out, err = capfd.readouterr()
    texts = {"out": out, "err": err, "said": "\n".join(said)}
    texts |= {str(path): path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()}
    secrets = (*PASSWORDS[password], b64encode(f"bob:{password}".encode()).decode(), b64encode(b"bob:p@TAILss").decode())
    shown = [(place, secret) for place, text in texts.items() for secret in secrets if secret.lower() in text.lower()]
    assert shown == [], texts
    reached = status == 200 and "/" not in password
    assert codes == ([0, 0, 0, 0, 2] if reached else [2, 2, 2, 0, 2]), texts
    assert (folder / "mlflow.json").exists() == reached, "the server was reached"
