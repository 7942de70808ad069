"""Computation of an evaluation cell without ground truth: SR images, and scores of metrics that see nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from benchmarks.api.entries import MetricEntry
from benchmarks.api.image import Image
from benchmarks.api.method import Method, TrainedStage
from benchmarks.core.device import device
from benchmarks.core.errors import WeightsMissing
from benchmarks.scoring.building import built_method
from benchmarks.scoring.evaluation import Evaluation, super_resolve
from benchmarks.scoring.pairs import Scored, load_metric, score_views


def enlarge_images(
    cls: type[Method],
    stages: Mapping[str, TrainedStage],
    images: Mapping[str, Image],
    scale: int,
    metrics: Mapping[str, Sequence[MetricEntry]],
    *,
    tile: int,
    threads: int,
    report: Callable[[int, int], None] = lambda done, of: None,
) -> Evaluation:
    """Build a method from its trained stages and enlarge LR images.

    Args:
        cls: class of the method.
        stages: trained stages by name; none for an untrained method.
        images: LR images ``(h, w, 3)`` uint8 RGB by name.
        scale: HR pixels per LR pixel.
        metrics: no-reference metrics, under the name that results have in place of a protocol.
        tile: side of a tile in LR pixels; 0 for whole images.
        threads: torch's threads on a CPU.
        report: called after every enlarged image with the number done and the number of all.

    Returns:
        SR images and their scores. A metric whose weights cannot be had is listed as missing.

    Raises:
        TrainingCollapsed: an output is not finite.
        UsageError: a metric refuses an image.
        BenchmarkError: the method or an output breaks the contract of ``api.contract``.
    """
    sr: dict[str, Image] = {}
    with built_method(cls, stages, scale, threads) as method:
        for name, lr in images.items():
            sr[name] = super_resolve(method, lr, tile, device())
            report(len(sr), len(images))
    scored = Scored({}, {}, {})
    for protocol, entries in metrics.items():
        for metric in entries:
            _score(scored, protocol, metric, sr)
    return Evaluation(scored, sr)


def _score(scored: Scored, protocol: str, metric: MetricEntry, sr: Mapping[str, Image]) -> None:
    """Add the numbers of a metric to ``scored``, or the reason why it could not be loaded."""
    try:
        loaded = load_metric(metric)
    except WeightsMissing as error:
        scored.missing[metric.name] = str(error)
        return
    views = [(name, image, image) for name, image in sr.items()]  # the place of the HR image is not looked at
    scored.scores.setdefault(protocol, {})[metric.name] = score_views(loaded, views)
