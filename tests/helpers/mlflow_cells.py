"""Results as a run leaves them, and what MLflow made of them."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from benchmarks.results.files import SCHEMA, write_result
from benchmarks.results.record import COMPLETE
from benchmarks.tracking.session import EXPERIMENT
from benchmarks.tracking.tracker import Tracker, tracking_uri

INVOCATION = {"profile": "demo", "methods": ["bicubic", "cincgan"], "seeds": [0], "git": {"commit": "c0ffee"}}


def fail(message: str) -> None:
    pytest.fail(f"unexpected warning: {message}")


def make_tracker(output: Path, warn: Callable[[str], None] = fail) -> Tracker:
    return Tracker(output, invocation=INVOCATION, warn=warn)


def make_result(identity: str = "3f2a" * 4, **parts: Any) -> dict[str, Any]:
    cell = {"id": identity, "kind": "evaluate", "label": "cincgan/no-inner-cycle", "seed": 0, "dataset": "demo-photos"}
    return {
        "schema": SCHEMA,
        "status": COMPLETE,
        "cell": {**cell, "needs": {"cincgan-inner": "beef" * 4}},
        "settings": {"adam": {"betas": [0.5, 0.999], "rate": 2e-4}, "steps": 10},
        "data": {"digest": "da7a", "scale": 4},
        "summary": {
            "rgb": {"psnr": {"mean": 25.1, "low": 24.0, "high": 26.2}},
            "ntire2018": {"ssim": {"mean": 0.7}},
        },
        "seconds": 12.5,
        "finished_at": "2026-11-24T12:00:00+00:00",
        "environment": {},
        "git": {"commit": "c0ffee", "dirty": False},
        **parts,
    }


def diverged(identity: str, **parts: Any) -> dict[str, Any]:
    """A cell whose training was stopped by the health check."""
    return make_result(identity, status="diverged", diagnosis="the loss is no number at step 3", summary={}, scores={}, **parts)


def write_cell(output: Path, result: dict[str, Any]) -> Path:
    """The folder of a finished cell, with its result file and a sample."""
    folder = output / "cells" / f"evaluate-{result['cell']['id']}"
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    (folder / "samples" / "photo.png").write_bytes(b"pixels")
    settings = {"protocols": {"rgb": 1, "ntire2018": 1}, **result["settings"]}
    write_result(folder / "result.json", {"scores": {}, **result, "settings": settings})
    return folder


def mirror(tracker: Tracker, output: Path, result: dict[str, Any]) -> str:
    return tracker.mirror(result, write_cell(output, result))


def mirror_all(output: Path, count: int, warn: Callable[[str], None] = fail) -> Tracker:
    """One invocation that passes ``count`` cells."""
    with make_tracker(output, warn) as tracker:
        for number in range(count):
            mirror(tracker, output, make_result(f"{number:016x}"))
    return tracker


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of the cells except the notes."""
    paths = (path for path in sorted(folder.glob("cells/**/*")) if path.is_file() and path.name != "mlflow.json")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def client_of(output: Path) -> MlflowClient:
    return MlflowClient(tracking_uri=tracking_uri(output))


def all_runs(output: Path) -> tuple[list[Run], list[Run]]:
    """The parents and the children, oldest first."""
    client = client_of(output)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    runs = list(client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"])) if experiment else []
    return [run for run in runs if "cell_id" not in run.data.tags], [run for run in runs if "cell_id" in run.data.tags]


def states(output: Path) -> list[str]:
    """Every run as kind and status, sorted."""
    parents, children = all_runs(output)
    return sorted([f"parent {run.info.status}" for run in parents] + [f"child {run.info.status}" for run in children])


def forget(output: Path, run_id: str) -> None:
    """Delete a run for good, as ``mlflow gc`` does."""
    with sqlite3.connect(output / "mlflow.db") as database:
        for table in ("metrics", "latest_metrics", "params", "tags", "runs"):
            database.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (run_id,))  # noqa: S608
    database.close()


def unprivileged() -> list[str]:
    """Before a command, what makes permissions count for root too."""
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.name == "posix" and os.geteuid() == 0 else []


def notes(output: Path) -> dict[str, str]:
    """By the name of a cell's folder, the run that is noted beside its result."""
    return {path.parent.name: json.loads(path.read_text())["run_id"] for path in output.glob("cells/*/mlflow.json")}
