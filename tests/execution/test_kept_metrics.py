"""Metrics with weights are loaded once for the evaluation cells of a process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks.api.entries import MetricEntry
from benchmarks.api.image import Image
from benchmarks.catalog.metrics import get_metric
from benchmarks.catalog.protocols import get_protocol
from benchmarks.core.errors import WeightsMissing
from benchmarks.execution import kept_metrics
from benchmarks.execution.kept_metrics import kept
from benchmarks.scoring.pairs import Scorer, load_metric

loads: list[str] = []


class Heavy:
    """A metric that counts how often it is loaded, and fails where its weights are missing."""

    def __init__(self, weights: str) -> None:
        loads.append(weights)
        if weights == "none":
            raise WeightsMissing("metric 'heavy': weights missing")

    def score_batch(self, sr: Sequence[Image], hr: Sequence[Image]) -> list[float]:
        return [float(result.mean()) for result in sr]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """No metric is loaded before a test, and none of a test's stays."""
    loads.clear()
    kept_metrics._loaded.cache_clear()
    yield
    kept_metrics._loaded.cache_clear()


def catalog(monkeypatch: pytest.MonkeyPatch, weights: str) -> None:
    entry = MetricEntry("heavy", "HEAVY", target="tests.execution.test_kept_metrics:Heavy", options={"weights": weights})
    monkeypatch.setattr(kept_metrics, "get_metric", lambda name: entry if name == "heavy" else get_metric(name))


def scorer() -> Scorer:
    return Scorer([get_protocol("rgb")], kept(["psnr", "heavy"]), threads=1)


def test_a_metric_is_loaded_once_for_all_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog(monkeypatch, "some")
    image = np.full((20, 20, 3), 7, np.uint8)
    for _ in range(3):
        scores = scorer().score({"one": lambda: (image, image)}).scores["rgb"]
        assert (list(scores), scores["heavy"]) == (["psnr", "heavy"], {"one": 7.0})
    assert loads == ["some"]


def test_another_cache_has_other_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    catalog(monkeypatch, "some")
    scorer()
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path))
    scorer()
    assert loads == ["some", "some"]


def test_missing_weights_are_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog(monkeypatch, "none")
    for _ in range(2):
        assert scorer().empty().missing == {"heavy": "metric 'heavy': weights missing"}
    assert loads == ["none", "none"]


def test_entries_keep_what_tables_show() -> None:
    for entry, original in zip(kept(["psnr", "lpips"]), map(get_metric, ("psnr", "lpips")), strict=True):
        shown = [(one.name, one.label, one.higher_is_better, one.digits, one.weights, one.smallest) for one in (entry, original)]
        assert shown[0] == shown[1]


@pytest.mark.network
def test_a_kept_network_gives_the_same_bits() -> None:
    generator = np.random.default_rng(0)
    sr, hr = ([generator.integers(0, 256, (40, 44, 3), dtype=np.uint8)] for _ in range(2))
    fresh_scores = load_metric(get_metric("lpips")).score_batch(sr, hr)
    assert [load_metric(kept(["lpips"])[0]).score_batch(sr, hr) for _ in range(2)] == [fresh_scores, fresh_scores]
