"""The MLflow mirror of a run."""

from __future__ import annotations

from dataclasses import asdict
from types import TracebackType

from benchmarks.degradations.operator import label
from benchmarks.execution.executors.executor import Ended
from benchmarks.execution.outcome import Outcome, say
from benchmarks.results.provenance import git
from benchmarks.tracking.tracker import Tracker


class Mirror:
    """Mirrors the results of a run into MLflow, as a context manager.

    Args:
        profile: name of the profile.
        outcome: results of the run.
        waiting: number of cells that will be computed.
    """

    def __init__(self, profile: str, outcome: Outcome, waiting: int) -> None:
        cells = outcome.cells
        invocation = {
            "profile": profile,
            "methods": " ".join(dict.fromkeys(cell.label for cell in cells if cell.kind == "evaluate")),
            "datasets": " ".join(dict.fromkeys(cell.dataset for cell in cells)),
            "degradations": ", ".join(dict.fromkeys(label(cell.data.degradation) for cell in cells)),
            "seeds": " ".join(dict.fromkeys(str(cell.seed) for cell in cells if cell.seed is not None)),
            "cells": waiting,
            "git": asdict(git()),
        }
        self._outcome = outcome
        self._tracker = Tracker(outcome.workspace.root, invocation=invocation, warn=say)

    def __enter__(self) -> Mirror:
        self._tracker.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._tracker.__exit__(kind, error, trace)

    @property
    def is_lacking(self) -> bool:
        """True if MLflow lacks a result of the run."""
        return self._tracker.is_lacking

    def add_finished(self) -> None:
        """Mirror the results of cells that were finished before the run."""
        for cell in self._outcome.cells:
            if result := self._outcome.results.get(cell.id):
                self._tracker.mirror(result, self._outcome.workspace.folder(cell))

    def add(self, ended: Ended) -> None:
        """Mirror the result of a cell that has ended. A failed or diverged cell makes the run's status FAILED."""
        if ended.result is None or ended.result.has_diverged:
            self._tracker.cell_failed = True
        if ended.result is not None:
            self._tracker.mirror(ended.result, self._outcome.workspace.folder(ended.cell))
