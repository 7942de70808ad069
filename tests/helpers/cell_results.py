"""Results of planned cells with made-up content."""

from __future__ import annotations

from typing import Any

from benchmarks.planning.cells import Cell, StageSettings
from benchmarks.results.files import SCHEMA
from benchmarks.results.record import (
    COMPLETE,
    DIVERGED,
    DataRecord,
    Environment,
    EvaluationResult,
    Git,
    Result,
    TrainingResult,
)


def cell_result(cell: Cell, *, seconds: float = 1.0, status: str = COMPLETE, diagnosis: str = "") -> Result:
    """A result of the cell, without scores or history."""
    common: dict[str, Any] = {
        **{"schema": SCHEMA, "status": status, "cell": cell.record, "seconds": seconds, "diagnosis": diagnosis},
        **{"data": DataRecord("digest", 4), "environment": Environment(), "git": Git()},
        "finished_at": "2026-11-24T12:00:00+00:00",
    }
    if isinstance(cell.settings, StageSettings):
        return TrainingResult(**common, settings=cell.settings.record)
    return EvaluationResult(**common, settings=cell.settings, scores={}, exploratory=cell.exploratory)


def diverged_result(cell: Cell) -> Result:
    """A result of the cell's collapsed training."""
    return cell_result(cell, status=DIVERGED, diagnosis="the loss is no number at step 3")
