"""Reproducibility benchmark for unsupervised super-resolution: the public API. ``docs/api.md`` has an example.

Names follow semantic versioning; modules below this package do not. Everything is imported on first access, so that
``import benchmarks`` and the commands are fast. ``evaluate`` and ``results`` are modules that can be called, for commands and
result files have these names.

Attributes:
    benchmark: scores a model on a data set and stores the result.
    evaluate: scores images or folders of images under a protocol.
    load_dataset: LR and HR images of a data set.
    results: scores of a results folder as a pandas frame.
    METHODS: methods of the catalog by name, without their variants.
    PROTOCOLS: protocols of comparison by name.
    METRICS: metrics by name; pyiqa's are found by their names too.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.api.entries import Entry, MethodEntry, MetricEntry
    from benchmarks.core.registry import Registry
    from benchmarks.public.images import load_dataset
    from benchmarks.public.model import benchmark
    from benchmarks.public.scores import evaluate
    from benchmarks.results.frame import results

    METHODS: Registry[MethodEntry]
    PROTOCOLS: Registry[Entry]
    METRICS: Registry[MetricEntry]
    __version__: str

__all__ = ["METHODS", "METRICS", "PROTOCOLS", "benchmark", "evaluate", "load_dataset", "results"]

_PLACES = {
    "benchmark": "benchmarks.public.model",
    "load_dataset": "benchmarks.public.images",
    "METRICS": "benchmarks.catalog.metrics",
    "PROTOCOLS": "benchmarks.catalog.protocols",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first access."""
    if name in ("evaluate", "results"):
        return importlib.import_module(f"benchmarks.{name}")
    if name == "METHODS":
        return importlib.import_module("benchmarks.catalog.methods").methods()
    if name == "__version__":
        return importlib.import_module("benchmarks.results.provenance").own_version()
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Public names, whether they are imported yet or not."""
    return sorted({*globals(), *__all__})
