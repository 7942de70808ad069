"""Results as a run leaves them, and their mirror in MLflow."""

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

from benchmarks.results.files import SCHEMA, to_result, write_result
from benchmarks.results.layout import RESULT, SAMPLES
from benchmarks.results.record import COMPLETE, DIVERGED, Result
from benchmarks.tracking.session import EXPERIMENT
from benchmarks.tracking.tracker import Tracker, tracking_uri

INVOCATION = {"profile": "demo", "methods": ["bicubic", "cincgan"], "seeds": [0], "git": {"commit": "c0ffee"}}


def fail(message: str) -> None:
    pytest.fail(f"unexpected warning: {message}")


def make_tracker(output: Path, warn: Callable[[str], None] = fail) -> Tracker:
    return Tracker(output, invocation=INVOCATION, warn=warn)


def make_result(identity: str = "3f2a" * 4, **fields: Any) -> Result:
    """The result of an evaluation; its fields can be replaced. Raises ValueError where a field is none of a result."""
    cell = {"id": identity, "kind": "evaluate", "label": "cincgan/no-inner-cycle", "seed": 0, "dataset": "demo-photos"}
    return to_result(
        {
            "schema": SCHEMA,
            "status": COMPLETE,
            "cell": {**cell, "needs": {"cincgan-inner": "beef" * 4}},
            "settings": {"protocols": {"rgb": 1, "ntire2018": 1}, "metrics": {"psnr": {"target": "", "weights": {}}}},
            "data": {"digest": "da7a", "scale": 4},
            "scores": {},
            "summary": {
                "rgb": {"psnr": {"mean": 25.1, "low": 24.0, "high": 26.2}},
                "ntire2018": {"ssim": {"mean": 0.7, "low": 0.6, "high": 0.8}},
            },
            "seconds": 12.5,
            "finished_at": "2026-11-24T12:00:00+00:00",
            "environment": {},
            "git": {"commit": "c0ffee", "dirty": False},
            **fields,
        }
    )


def make_training(stage: dict[str, Any], history: list[dict[str, float]]) -> Result:
    """The result of a training with such settings of its stage."""
    cell = {"id": "beef" * 4, "kind": "train", "label": "cincgan-inner", "seed": 0, "dataset": "demo-photos", "needs": {}}
    return make_result(cell=cell, settings={"stage": stage}, history=history, weights_digest="f00d")


def diverged(identity: str, **fields: Any) -> Result:
    """A cell whose training was stopped by the health check."""
    return make_result(identity, status=DIVERGED, diagnosis="the loss is no number at step 3", summary={}, scores={}, **fields)


def write_cell(output: Path, result: Result) -> Path:
    """The folder of a finished cell, with its result file and a sample."""
    folder = output / "cells" / f"evaluate-{result.cell.id}"
    (folder / SAMPLES).mkdir(parents=True, exist_ok=True)
    (folder / SAMPLES / "photo.png").write_bytes(b"pixels")
    write_result(folder / RESULT, result)
    return folder


def mirror(tracker: Tracker, output: Path, result: Result) -> str:
    return tracker.mirror(result, write_cell(output, result))


def mirror_all(output: Path, count: int, warn: Callable[[str], None] = fail) -> Tracker:
    """One invocation that passes ``count`` cells."""
    with make_tracker(output, warn) as tracker:
        for number in range(count):
            mirror(tracker, output, make_result(f"{number:016x}"))
    return tracker


def contents(folder: Path) -> dict[str, bytes]:
    """Content of every file of the cells by its path, ``mlflow.json`` excepted."""
    paths = (path for path in sorted(folder.glob("cells/**/*")) if path.is_file() and path.name != "mlflow.json")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def client_of(output: Path) -> MlflowClient:
    return MlflowClient(tracking_uri=tracking_uri(output))


def all_runs(output: Path) -> tuple[list[Run], list[Run]]:
    """The parent runs and the child runs, oldest first."""
    client = client_of(output)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    runs = list(client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"])) if experiment else []
    return [run for run in runs if "cell_id" not in run.data.tags], [run for run in runs if "cell_id" in run.data.tags]


def states(output: Path) -> list[str]:
    """Kind and status of every run, sorted."""
    parents, children = all_runs(output)
    return sorted([f"parent {run.info.status}" for run in parents] + [f"child {run.info.status}" for run in children])


def forget(output: Path, run_id: str) -> None:
    """Delete a run for good, as ``mlflow gc`` does."""
    with sqlite3.connect(output / "mlflow.db") as database:
        for table in ("metrics", "latest_metrics", "params", "tags", "runs"):
            database.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (run_id,))  # noqa: S608
    database.close()


def unprivileged() -> list[str]:
    """Words before a command that make permissions count for root too."""
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.name == "posix" and os.geteuid() == 0 else []


def notes(output: Path) -> dict[str, str]:
    """Id of the run that is noted beside a result, by the name of the cell's folder."""
    return {path.parent.name: json.loads(path.read_text())["run_id"] for path in output.glob("cells/*/mlflow.json")}
