"""Metrics with weights that stay loaded between the evaluation cells of a process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.api.entries import MetricEntry
from benchmarks.api.metric import Metric
from benchmarks.catalog.metrics import get_metric
from benchmarks.core.files import cache_root


class KeptMetric:
    """Target of entries of the catalog: the metric of a name, loaded when it is first asked for."""

    score_batch = Metric.score_batch  # which the target of a metric must have; instances are of the metric's own class

    def __new__(cls, name: str) -> Any:
        """The loaded metric. Raises WeightsMissing if its weights cannot be had; the next call tries again."""
        return _loaded(name, cache_root())


def kept(names: Iterable[str]) -> list[MetricEntry]:
    """Entries of metrics by name, which load a metric once in a process. No number depends on it."""
    entries = [get_metric(name) for name in names]
    target = f"{KeptMetric.__module__}:{KeptMetric.__name__}"
    return [replace(entry, target=target, options={"name": entry.name}) if entry.target else entry for entry in entries]


@cache
def _loaded(name: str, weights: Path) -> Metric:
    """A metric, with weights that are cached in a folder."""
    from benchmarks.scoring.pairs import load_metric

    return load_metric(get_metric(name))
