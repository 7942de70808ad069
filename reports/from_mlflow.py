"""Results from the MLflow mirror, for reports without result files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.core.errors import UsageError
from benchmarks.core.secrets import address_without_secrets
from benchmarks.results.files import read_result
from benchmarks.results.layout import RESULT
from benchmarks.tracking.session import EXPERIMENT, connect, is_mirrored, quiet, sqlite_file
from benchmarks.tracking.tracker import cause_and_remedy, reason, tracking_uri
from reports.studies import FinishedCell

if TYPE_CHECKING:
    from mlflow import MlflowClient


def load_mirrored(root: Path, uri: str) -> list[FinishedCell]:
    """Every finished cell that MLflow has, in the order of ids.

    Args:
        root: the results folder, whose own mirror is read if ``uri`` is empty.
        uri: address of a tracking server or database.

    Raises:
        UsageError: MLflow cannot be reached, or has no results.
    """
    address = uri or tracking_uri(root)
    shown, database = address_without_secrets(address), sqlite_file(address)
    if database and not database.is_file():
        raise UsageError(f"{shown}: no such database: give the folder of a run, or the address of a tracking server")
    try:
        with quiet(), tempfile.TemporaryDirectory() as folder:
            client: MlflowClient = connect(address)
            experiment = client.get_experiment_by_name(EXPERIMENT)
            runs = _children(client, experiment.experiment_id) if experiment else []
            evidence = [_evidence(client, run, Path(folder), address) for run in runs]
    except UsageError:
        raise
    except Exception as error:  # whatever MLflow and its drivers raise
        cause, remedy = cause_and_remedy(error, address)
        raise UsageError(f"{shown}: cannot be read ({cause}): {remedy or 'check the address'}") from error
    if not evidence:
        raise UsageError(f"{shown}: no results there: run python -m benchmarks.run first")
    return sorted(evidence, key=lambda cell: cell.id)


def _children(client: MlflowClient, experiment: str) -> list[Any]:
    """For each cell the run of its latest result."""
    latest: dict[str, Any] = {}
    token: str | None = ""
    while token is not None:
        page = client.search_runs([experiment], page_token=token or None)
        for run in page:
            cell, when = run.data.tags.get("cell_id"), run.data.tags.get("finished_at", "")
            before = latest[cell].data.tags.get("finished_at", "") if cell in latest else ""
            if cell and is_mirrored(run) and when >= before:
                latest[cell] = run
        token = page.token or None
    return list(latest.values())


def _evidence(client: MlflowClient, run: Any, folder: Path, address: str) -> FinishedCell:
    run_id = run.info.run_id
    where = folder / run_id
    where.mkdir()
    try:
        path = client.download_artifacts(run_id, RESULT, str(where))
        result = read_result(Path(path))
        return FinishedCell(result, None, run_id, result.data.place)
    except Exception as error:  # lost, or cut off
        why = f"MLflow run {run_id} has no whole {RESULT} ({reason(error, address)})"
        raise UsageError(f"{why}: python -m benchmarks.sync stores what is lost again") from error
