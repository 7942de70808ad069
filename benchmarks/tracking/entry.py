"""Conversion of a result to an MLflow run: names within MLflow's limits, and numbers that it stores unchanged."""

from __future__ import annotations

import hashlib
import json
import math
import posixpath
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.core.files import write_text
from benchmarks.core.secrets import without_secrets
from benchmarks.results.layout import MIRROR_NOTE, RESULT, SAMPLES
from benchmarks.results.record import EvaluationResult, Result, TrainingResult

if TYPE_CHECKING:
    from typing import TypeGuard

VALUE_LENGTH, KEY_LENGTH = 6000, 250  # MLflow's own limits

Number = tuple[str, float, int]  # name, value, step


@dataclass(frozen=True)
class Entry:
    """Content of an MLflow run that mirrors a result.

    Attributes:
        key: the cell's id and the result's ``finished_at``. An entry is mirrored once.
        name: of the run.
        start: when the computation began, in seconds since 1970.
        end: when the computation ended, in seconds since 1970.
        tags: identity, origin and outcome of the cell.
        params: settings of the cell.
        metrics: finite numbers by name and step.
        status: ``FINISHED``; ``FAILED`` for a training that diverged, and for the cells that need it.
    """

    key: tuple[str, str]
    name: str
    start: float
    end: float
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Sequence[Number]
    status: str


def make_entry(result: Result) -> Entry:
    """Convert a result. Raises ValueError if ``finished_at`` is not an ISO 8601 time."""
    cell = result.cell
    end = datetime.fromisoformat(result.finished_at).timestamp()
    seed = "" if cell.seed is None else f" seed {cell.seed}"
    metrics, unstorable = collect_metrics(asdict(result))
    return Entry(
        key=(cell.id, result.finished_at),
        name=as_text(f"{cell.kind} {cell.label}{seed}"),
        start=end - (result.seconds if result.seconds < end else 0),
        end=end,
        tags={**cell_tags(result), **unstorable},
        params=flatten(_parameters(result)),
        metrics=metrics,
        status="FAILED" if result.has_diverged else "FINISHED",
    )


def _parameters(result: Result) -> dict[str, Any]:
    """Settings of a cell; the settings of a stage stand beside threads and weights."""
    if isinstance(result, EvaluationResult):
        return result.settings.identity
    settings = asdict(result.settings) if isinstance(result, TrainingResult) else {}
    return {**settings.pop("stage", {}), **settings}


def mirrored_files(folder: Path) -> list[Path]:
    """Files of a cell's folder that MLflow stores as artifacts: the result file and the sample images."""
    return [folder / RESULT, *sorted((folder / SAMPLES).glob("*.png"))]


def read_note(folder: Path) -> dict[str, Any]:
    """Content of ``mlflow.json`` in a cell's folder: ``run_id``, ``uri`` and ``finished_at``. Empty if there is none."""
    with suppress(OSError, ValueError):
        note = json.loads((folder / MIRROR_NOTE).read_text(encoding="utf-8"))
        return note if isinstance(note, dict) else {}
    return {}


def write_note(folder: Path, entry: Entry, run_id: str, address: str) -> None:
    """Write ``mlflow.json``, which names the run that mirrors the result, unless it says so already.

    Raises:
        UsageError: the file cannot be written.
    """
    note = {"run_id": run_id, "uri": address, "finished_at": entry.key[1]}
    if read_note(folder) != note:
        write_text(folder / MIRROR_NOTE, json.dumps(note) + "\n")


def forget_stale_note(folder: Path, result: Result) -> None:
    """Remove ``mlflow.json`` if it is about an earlier result of the cell: reports would name a run with other numbers."""
    if read_note(folder).get("finished_at") != result.finished_at:
        with suppress(OSError):
            (folder / MIRROR_NOTE).unlink()


def flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested data as MLflow parameters or tags: dotted keys, values as text, both within MLflow's limits.

    >>> flatten({"adam": {"betas": [0.5, 0.999]}, "steps": 10})
    {'adam.betas': '[0.5, 0.999]', 'steps': '10'}
    """
    flat: dict[str, str] = {}
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[_name(f"{prefix}{key}")] = as_text(value if isinstance(value, str) else json.dumps(value, default=str))
    return flat


def cell_tags(result: Result) -> dict[str, str]:
    """A cell's identity, origin and outcome as tags; empty fields are left out."""
    tags: dict[str, Any] = {("cell_id" if key == "id" else key): value for key, value in asdict(result.cell).items()}
    tags |= {"finished_at": result.finished_at, "status": result.status, "diagnosis": result.diagnosis}
    tags |= {"weights_digest": result.weights_digest if isinstance(result, TrainingResult) else ""}
    if isinstance(result, EvaluationResult):
        tags |= {"split": result.settings.split, "exploratory": result.exploratory}
    tags |= {"data_digest": result.data.digest, "degradation": result.data.degradation}
    tags |= {"mlflow.source.git.commit": result.git.commit, "git_dirty": result.git.dirty}
    tags |= {"git_unknown": result.git.unknown}
    return flatten({key: value for key, value in tags.items() if value not in (None, "")})


def collect_metrics(result: Mapping[str, Any]) -> tuple[list[Number], dict[str, str]]:
    """The numbers of a result, sorted into metrics and tags.

    Args:
        result: a result as plain data.

    Returns:
        1. Metrics: the numbers that MLflow stores unchanged.
        2. Tags: the names and values of all others. MLflow would store infinity as 1.8e308, for example.

    >>> collect_metrics({"summary": {"rgb": {"psnr": {"mean": 25.0, "low": 24.0, "high": float("inf")}}}})
    ([('rgb.psnr', 25.0, 0), ('rgb.psnr.low', 24.0, 0)], {'nonfinite.rgb.psnr.high': 'inf'})
    """
    named: list[tuple[str, Any, int]] = [(key, result.get(key), 0) for key in ("seconds", "training_seconds")]
    for protocol, columns in (result.get("summary") or {}).items():
        for metric, statistics in columns.items():
            named += [(f"{protocol}.{metric}.{key}".removesuffix(".mean"), value, 0) for key, value in statistics.items()]
    for point in result.get("history") or []:
        named += [(key, value, int(point["step"])) for key, value in point.items() if key != "step"]
    numbers = [(name, value, step, _defect(value)) for name, value, step in named if _is_number(value)]
    metrics = [(_name(name), float(value), step) for name, value, step, defect in numbers if not defect]
    return metrics, {_name(f"{defect}.{name}"): as_text(str(value)) for name, value, _, defect in numbers if defect}


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _defect(value: float) -> str:
    """The reason why a database would change a number: ``nonfinite``, ``inexact`` (as a 64-bit float), or none."""
    if isinstance(value, float):
        return "" if math.isfinite(value) else "nonfinite"
    try:
        return "" if float(value) == value else "inexact"
    except OverflowError:
        return "inexact"


def _name(text: str) -> str:
    """A name that MLflow accepts on every platform. A changed name ends with a hash, so that different names stay different."""
    clean = re.sub(r"[^\w. /-]", "_", text, flags=re.ASCII)[:KEY_LENGTH]
    if clean == text == posixpath.normpath(text) and text[0] not in "./":
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{clean.replace('/', '_').lstrip('.')[: KEY_LENGTH - 9]}-{digest}"


def as_text(text: str) -> str:
    """A text that databases accept, without secrets of addresses.

    It is cut to MLflow's limit; half a surrogate pair, which JSON can have, is a question mark.
    """
    return without_secrets(text)[:VALUE_LENGTH].encode("utf-8", "replace").decode()
