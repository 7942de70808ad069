"""Computation of an evaluation cell: threads, the method, its SR images and their scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from benchmarks.api.entries import MetricEntry, ScoredSplit
from benchmarks.api.method import Method, TrainedStage
from benchmarks.core.device import device
from benchmarks.data.pixels.images import DatasetImages
from benchmarks.results.record import SanitySettings
from benchmarks.scoring.building import built_method
from benchmarks.scoring.evaluation import Evaluation, evaluate
from benchmarks.scoring.protocol import Protocol
from benchmarks.scoring.sanity import check_sanity


def evaluate_method(
    cls: type[Method],
    stages: Mapping[str, TrainedStage],
    data: DatasetImages,
    protocols: Sequence[Protocol],
    metrics: Sequence[MetricEntry],
    sanity: Mapping[SanitySettings, DatasetImages],
    *,
    split: ScoredSplit,
    tile: int,
    threads: int,
    report: Callable[[int, int], None] = lambda done, of: None,
) -> Evaluation:
    """Build a method from its trained stages and score it on a split.

    Args:
        cls: class of the method.
        stages: trained stages by name; none for an untrained method.
        data: images of the data set.
        protocols: protocols of comparison.
        metrics: metrics to compute.
        split: images that are scored.
        sanity: sanity checks, each with the images of the data set that the method was trained on.
        tile: side of a tile in LR pixels; 0 for whole images.
        threads: torch's threads on a CPU, and pairs that are scored at a time.
        report: called after every enlarged image with the number done and the number of all.

    Raises:
        TrainingCollapsed: an output is not finite.
        UsageError: weights are missing, or an image does not suit a protocol or the method.
        BenchmarkError: the method, an output or a score breaks the contract of ``api.contract``.
    """
    with built_method(cls, stages, data.scale, threads) as method:
        pairs = data.pairs(split)
        evaluation = evaluate(method, pairs, protocols, metrics, tile=tile, threads=threads, report=report, device=device())
        checks = [check_sanity(method, training, settings, device()) for settings, training in sanity.items()]
    return replace(evaluation, sanity=tuple(checks))
