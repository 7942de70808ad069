"""Scores of many pairs of images: PSNR and SSIM in threads, networks in batches, with a bounded number of pairs in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from threadpoolctl import threadpool_limits

from benchmarks.api.entries import MetricEntry
from benchmarks.api.image import Image
from benchmarks.api.metric import Metric
from benchmarks.core.errors import UsageError, WeightsMissing
from benchmarks.core.lazy import resolve
from benchmarks.scoring.alignment import Shift
from benchmarks.scoring.protocol import Protocol, Score

CHUNK = 16  # pairs in memory at a time
BATCH_PIXELS = 1 << 18  # HR pixels in a pass of a network: more is no faster on a CPU

Scores = dict[str, dict[str, dict[str, float]]]  # protocol -> metric -> image -> value
Load = Callable[[], tuple[Image, Image]]
View = tuple[str, Image, Image]  # name, SR, HR


@dataclass
class Scored:
    """Scores of pairs of images.

    Attributes:
        scores: numbers by protocol, metric and image.
        shifts: shifts ``(dy, dx)`` by protocol and image, for protocols that align.
        missing: metrics that could not be loaded, each with the reason and a way to mend it.
    """

    scores: Scores
    shifts: dict[str, dict[str, Shift]]
    missing: dict[str, str]


def score_pairs(
    protocols: Sequence[Protocol],
    metrics: Sequence[MetricEntry],
    pairs: Mapping[str, Load],
    *,
    threads: int,
    report: Callable[[int, int], None] = lambda done, of: None,
) -> Scored:
    """Score pairs of images under protocols.

    Args:
        protocols: protocols of comparison. Each computes PSNR and SSIM, and cuts the images for other metrics.
        metrics: metrics to keep. Under a protocol without a view only PSNR and SSIM are kept.
        pairs: functions by name that return SR and HR image, ``(H, W, 3)`` uint8 RGB; they are called in threads.
        threads: pairs that are decoded and scored at a time; no number depends on it.
        report: called with the number of pairs done and the number of all.

    Returns:
        Scores of every pair. A metric whose weights cannot be had is listed as missing.

    Raises:
        UsageError: an image does not suit a protocol or a metric; the message names it.
    """
    loaded_metrics, missing = _load_metrics(metrics, protocols)
    scored = Scored({protocol.name: _columns(protocol, metrics, loaded_metrics) for protocol in protocols}, {}, missing)
    done = 0
    with ThreadPoolExecutor(threads) as pool:
        for chunk in _chunks(pairs):
            with threadpool_limits(1, "blas"):
                compared = list(pool.map(partial(_compare, protocols), chunk, chunk.values()))
            for protocol in protocols:
                _collect(scored, protocol, compared, loaded_metrics)
            done += len(chunk)
            report(done, len(pairs))
    return scored


@dataclass(frozen=True)
class _Compared:
    """A pair of images with its scores by protocol."""

    name: str
    sr: Image
    hr: Image
    scores: Mapping[str, Score]


def load_metric(metric: MetricEntry) -> Metric:
    """Make a metric, ready to score. Raises WeightsMissing if its weights cannot be had."""
    loaded: Metric = resolve(metric.target)(**metric.options)
    return loaded


def _load_metrics(metrics: Sequence[MetricEntry], protocols: Sequence[Protocol]) -> tuple[dict[str, Metric], dict[str, str]]:
    loaded_metrics, missing = dict[str, Metric](), dict[str, str]()
    for metric in metrics:
        if metric.target and any(protocol.view for protocol in protocols):
            try:
                loaded_metrics[metric.name] = load_metric(metric)
            except WeightsMissing as error:
                missing[metric.name] = str(error)
    return loaded_metrics, missing


def _columns(
    protocol: Protocol, metrics: Sequence[MetricEntry], loaded_metrics: Mapping[str, Metric]
) -> dict[str, dict[str, float]]:
    """Empty columns of the metrics that can be computed under a protocol, in the order of ``metrics``."""
    return {metric.name: {} for metric in metrics if not metric.target or (protocol.view and metric.name in loaded_metrics)}


def _chunks(pairs: Mapping[str, Load]) -> Iterator[dict[str, Load]]:
    names = list(pairs)
    for start in range(0, len(names), CHUNK):
        yield {name: pairs[name] for name in names[start : start + CHUNK]}


def _compare(protocols: Sequence[Protocol], name: str, load: Load) -> _Compared:
    sr, hr = load()
    try:
        return _Compared(name, sr, hr, {protocol.name: protocol.score(sr, hr) for protocol in protocols})
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error


def _collect(scored: Scored, protocol: Protocol, compared: Sequence[_Compared], loaded_metrics: Mapping[str, Metric]) -> None:
    """Add the numbers of a chunk of pairs under a protocol to ``scored``."""
    columns = scored.scores[protocol.name]
    for pair in compared:
        score = pair.scores[protocol.name]
        for metric in columns.keys() - loaded_metrics.keys():
            columns[metric][pair.name] = getattr(score, metric)
        if score.shift is not None:
            scored.shifts.setdefault(protocol.name, {})[pair.name] = score.shift
    if protocol.view is None:
        return
    views = [(pair.name, *protocol.view(pair.sr, pair.hr, pair.scores[protocol.name])) for pair in compared]
    for metric in columns.keys() & loaded_metrics.keys():
        columns[metric].update(score_views(loaded_metrics[metric], views))


def score_views(metric: Metric, views: Sequence[View]) -> dict[str, float]:
    """Score images with a metric; images of the same size go through its network together.

    Args:
        metric: the metric.
        views: name, SR image and HR image of each pair.

    Returns:
        Numbers by name, in the order of ``views``.

    Raises:
        UsageError: the metric refuses an image, or is not a number for an image.
    """
    numbers: dict[str, float] = {}
    for names, sr, hr in _batches(views):
        try:
            numbers.update(zip(names, map(float, metric.score_batch(sr, hr)), strict=True))
        except (UsageError, ValueError) as error:
            raise UsageError(f"{', '.join(names)}: {error}") from error
    for name, value in numbers.items():
        if math.isnan(value):
            raise UsageError(f"{name}: the metric is not a number for this image: leave the metric or the image out")
    return {name: numbers[name] for name, *_ in views}


def _batches(views: Sequence[View]) -> Iterator[tuple[list[str], list[Image], list[Image]]]:
    """Batches of views of the same size, in their order, with at most ``BATCH_PIXELS`` HR pixels each."""
    sizes = dict.fromkeys(hr.shape for _, _, hr in views)
    for size in sizes:
        same = [view for view in views if view[2].shape == size]
        step = max(1, BATCH_PIXELS // (size[0] * size[1]))
        for start in range(0, len(same), step):
            names, sr, hr = zip(*same[start : start + step], strict=True)
            yield list(names), list(sr), list(hr)
