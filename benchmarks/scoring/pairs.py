"""Scores of many pairs of images: PSNR and SSIM in threads, networks in batches, with a bounded number of pairs in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from threadpoolctl import threadpool_limits

from benchmarks.api.contract import check_view, checked_score, checked_scores, named_errors
from benchmarks.api.entries import MetricEntry
from benchmarks.api.image import Image
from benchmarks.api.metric import Metric
from benchmarks.core.errors import BenchmarkError, UsageError, WeightsMissing
from benchmarks.core.lazy import resolve
from benchmarks.scoring.alignment import Shift
from benchmarks.scoring.protocol import Protocol, Score
from benchmarks.scoring.seeding import seeded

CHUNK = 16  # pairs whose images are in memory at a time, at most
CHUNK_PIXELS = 1 << 22  # HR pixels in memory at a time, if so many pairs are not needed to keep all threads busy
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
        failures: images that could not be scored, or lack a metric, each with the reason.
    """

    scores: Scores
    shifts: dict[str, dict[str, Shift]]
    missing: dict[str, str]
    failures: dict[str, str] = field(default_factory=dict)


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
    return Scorer(protocols, metrics, threads=threads).score(pairs, report)


def is_full(pairs: int, pixels: int, threads: int) -> bool:
    """True if so many pairs, with so many HR pixels together, are enough in memory at a time."""
    return pairs >= CHUNK or (pixels >= CHUNK_PIXELS and pairs >= threads)


@dataclass(frozen=True)
class _Compared:
    """A pair of images with its numbers.

    Attributes:
        name: of the pair.
        pixels: HR pixels of the views.
        numbers: PSNR and SSIM, as far as they are asked for, by protocol.
        shifts: by protocol that aligns.
        views: SR and HR image for other metrics, by protocol.
        failure: reason why there are no numbers; empty if there are.
    """

    name: str
    pixels: int = 0
    numbers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    shifts: Mapping[str, Shift] = field(default_factory=dict)
    views: Mapping[str, tuple[Image, Image]] = field(default_factory=dict)
    failure: str = ""


class Scorer:
    """Scores pairs of images under protocols. Metrics with weights are loaded once, for any number of pairs.

    Args:
        protocols: protocols of comparison.
        metrics: metrics to keep.
        threads: pairs that are decoded and scored at a time; no number depends on it.
        keep_going: list pairs that cannot be scored as failures, in place of raising their errors.
    """

    def __init__(
        self, protocols: Sequence[Protocol], metrics: Sequence[MetricEntry], *, threads: int, keep_going: bool = False
    ) -> None:
        self._protocols, self._metrics, self._threads, self._keep_going = protocols, metrics, threads, keep_going
        self._basic = [metric.name for metric in metrics if not metric.target]
        self._loaded, self._missing = _load_metrics(metrics, protocols)

    def empty(self) -> Scored:
        """No scores yet: columns of the metrics that can be computed, in the order of the metrics."""
        columns = {protocol.name: _columns(protocol, self._metrics, self._loaded) for protocol in self._protocols}
        return Scored(columns, {}, dict(self._missing))

    def score(self, pairs: Mapping[str, Load], report: Callable[[int, int], None] = lambda done, of: None) -> Scored:
        """Score pairs, of which only a few are in memory at a time. Arguments, result and errors as of ``score_pairs``."""
        scored, done, compared, waiting = self.empty(), 0, list[_Compared](), iter(pairs.items())
        while group := dict(islice(waiting, self._threads if self._loaded else CHUNK)):
            compared += self._compare(group)
            if is_full(len(compared), sum(pair.pixels for pair in compared), self._threads) or done + len(compared) == len(pairs):
                self._collect(scored, compared)
                done += len(compared)
                compared.clear()
                report(done, len(pairs))
        return scored

    def add(self, scored: Scored, pairs: Mapping[str, Load]) -> None:
        """Add the scores of a few pairs, all of which are in memory at a time."""
        self._collect(scored, self._compare(pairs))

    def _compare(self, pairs: Mapping[str, Load]) -> list[_Compared]:
        with ThreadPoolExecutor(self._threads) as pool, threadpool_limits(1, "blas"):
            return list(pool.map(self._compare_pair, pairs, pairs.values()))

    def _compare_pair(self, name: str, load: Load) -> _Compared:
        try:
            sr, hr = load()
        except BenchmarkError as error:
            if not self._keep_going:
                raise
            return _Compared(name, failure=str(error))
        try:
            scores, numbers = dict[str, Score](), dict[str, dict[str, float]]()
            for protocol in self._protocols:
                scores[protocol.name], numbers[protocol.name] = _score(protocol, sr, hr, self._basic)
        except BenchmarkError as error:
            if not self._keep_going or not isinstance(error, UsageError):
                raise type(error)(f"{name}: {error}") from error
            return _Compared(name, failure=str(error))
        viewed = [protocol for protocol in self._protocols if protocol.view and self._loaded]
        return _Compared(
            name,
            hr.shape[0] * hr.shape[1],
            numbers,
            {protocol: score.shift for protocol, score in scores.items() if score.shift is not None},
            {protocol.name: _view(protocol, name, sr, hr, scores[protocol.name]) for protocol in viewed},
        )

    def _collect(self, scored: Scored, compared: Sequence[_Compared]) -> None:
        """Add the numbers of a few pairs, and compute those of the metrics with weights."""
        scored.failures |= {pair.name: pair.failure for pair in compared if pair.failure}
        for protocol, columns in scored.scores.items():
            for pair in compared:
                for metric, value in pair.numbers.get(protocol, {}).items():
                    columns[metric][pair.name] = value
                if protocol in pair.shifts:
                    scored.shifts.setdefault(protocol, {})[pair.name] = pair.shifts[protocol]
            views = [(pair.name, *pair.views[protocol]) for pair in compared if protocol in pair.views]
            for metric in [name for name in columns if name in self._loaded]:
                columns[metric].update(self._score_views(metric, views, scored.failures))

    def _score_views(self, metric: str, views: Sequence[View], failures: dict[str, str]) -> dict[str, float]:
        try:
            with named_errors(f"metric '{metric}'"):
                return score_views(self._loaded[metric], views)
        except UsageError:
            if not self._keep_going:
                raise
        numbers = dict[str, float]()
        for view in views:
            try:
                numbers |= score_views(self._loaded[metric], [view])
            except UsageError as error:
                failures[view[0]] = f"no {metric}: {str(error).removeprefix(f'{view[0]}: ')}"
        return numbers


def _score(protocol: Protocol, sr: Image, hr: Image, wanted: Sequence[str]) -> tuple[Score, dict[str, float]]:
    """Score of a pair, and those of PSNR and SSIM that are wanted. Raises BenchmarkError if a protocol returns no numbers."""
    with named_errors(f"protocol {protocol.name}"):
        score = protocol.score(sr, hr, with_ssim="ssim" in wanted)
        return score, {name: checked_score(getattr(score, name), f"{name} of {protocol.name}") for name in wanted}


def _view(protocol: Protocol, name: str, sr: Image, hr: Image, score: Score) -> tuple[Image, Image]:
    """Parts of both images for metrics beside PSNR and SSIM, under a protocol that has a view."""
    if protocol.view is None:
        raise TypeError(f"protocol {protocol.name} has no view")
    with named_errors(f"{name}: view of protocol {protocol.name}"):
        views = protocol.view(sr, hr, score)
    check_view(views, protocol.name)
    return views


def load_metric(metric: MetricEntry) -> Metric:
    """Make a metric, ready to score. Raises WeightsMissing if its weights cannot be had."""
    make = resolve(metric.target, f"metric '{metric.name}'", ("score_batch",))
    with named_errors(f"metric '{metric.name}'"):
        loaded: Metric = make(**metric.options)
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
            with seeded(*sr, *hr):
                scores = metric.score_batch(sr, hr)
            numbers.update(zip(names, checked_scores(scores, len(names), type(metric).__name__), strict=True))
        except (BenchmarkError, ValueError) as error:
            cls = type(error) if isinstance(error, BenchmarkError) else UsageError
            raise cls(f"{', '.join(names)}: {error}") from error
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
