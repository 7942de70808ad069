"""Scores of SR images without ground truth: an image that a metric refuses, being too small, does not stop the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from benchmarks.api.entries import MetricEntry
from benchmarks.api.image import Image
from benchmarks.core.errors import UsageError, WeightsMissing
from benchmarks.results.record import NO_REFERENCE

if TYPE_CHECKING:
    from benchmarks.api.metric import Metric
    from benchmarks.scoring.pairs import Scored


def score_pictures(images: Mapping[str, Image], metrics: Sequence[MetricEntry]) -> Scored:
    """Score SR images with no-reference metrics.

    Args:
        images: ``(H, W, 3)`` uint8 RGB by name.
        metrics: no-reference metrics.

    Returns:
        Numbers by metric, of the images that it takes. A metric whose weights cannot be had is listed as missing.

    Raises:
        UsageError: a metric refuses every image.
    """
    from benchmarks.scoring.pairs import Scored, load_metric

    columns, missing = dict[str, dict[str, float]](), dict[str, str]()
    for metric in metrics:
        try:
            columns[metric.name] = _numbers(load_metric(metric), images)
        except WeightsMissing as error:
            missing[metric.name] = str(error)
    return Scored({NO_REFERENCE: columns} if columns else {}, {}, missing)


def _numbers(metric: Metric, images: Mapping[str, Image]) -> dict[str, float]:
    """Numbers of the images that a metric takes. Raises UsageError if it takes none."""
    from benchmarks.scoring.pairs import score_views

    views = [(name, image, image) for name, image in images.items()]  # the place of the HR image is not looked at
    try:
        return score_views(metric, views)
    except UsageError:  # image by image only now: most sets have no image that is refused
        numbers, reasons = dict[str, float](), list[str]()
        for view in views:
            try:
                numbers |= score_views(metric, [view])
            except UsageError as error:
                reasons.append(str(error))
        if not numbers:
            raise UsageError(f"{reasons[0]}: leave the metric out, or name another with --set metrics") from None
        return numbers
