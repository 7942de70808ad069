"""Composite scores: sums over means of metrics, by which challenges rank. They are computed from scores, never stored as such."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmarks.api.entries import CompositeEntry, Term
from benchmarks.core.registry import Registry

COMPOSITES = Registry(
    "composite score",
    (
        CompositeEntry(
            "ntire2026-perceptual",
            "NTIRE 2026",
            1,
            (
                Term("lpips", -1.0, 1.0),
                Term("dists", -1.0, 1.0),
                Term("clipiqa", 1.0),
                Term("maniqa", 1.0),
                Term("musiq", 0.01),
                Term("niqe", -0.1, 1.0, least=0.0),
            ),
            "perceptual track of NTIRE 2025 and 2026, image super-resolution x4",
        ),
    ),
)


def expanded(names: Iterable[str]) -> list[str]:
    """Names of metrics, each once, with the metrics of a composite score in place of its name."""
    parts = (COMPOSITES[name].metrics if name in COMPOSITES else (name,) for name in names)
    return list(dict.fromkeys(part for group in parts for part in group))


def composites_of(names: Iterable[str]) -> list[CompositeEntry]:
    """The composite scores among names."""
    return [COMPOSITES[name] for name in dict.fromkeys(names) if name in COMPOSITES]


def composite_scores(means: Mapping[str, float]) -> dict[str, float]:
    """All composite scores that means of metrics under one protocol allow, by name."""
    scores = {entry.name: entry.score(means) for entry in COMPOSITES.values()}
    return {name: score for name, score in scores.items() if score is not None}
