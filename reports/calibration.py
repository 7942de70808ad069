"""Calibration of a paper's protocol: which protocol gives the number that the paper reports for an untrained method."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.catalog.metrics import get_metric
from benchmarks.core.text import number
from benchmarks.results.record import EvaluationResult
from reports.paper import Paper

# Units of a metric's last digit (0.05 dB of PSNR): room for the paper's rounding, and for another copy of bicubic interpolation.
TOLERANCE = 5


def calibration(paper: Paper, result: EvaluationResult) -> str | None:
    """A sentence with the number that a paper reports for its calibration method and the number that every protocol gives.

    Protocols are compared by the main metric, the first that the paper reports; a number within ``TOLERANCE`` is a hit.

    Returns:
        None if the evaluation is of another method or data set, or no protocol has all metrics that the paper reports.
    """
    method = result.cell.label
    target = paper.reported_means(method)
    if result.settings.split != "test" or target is None or (paper.dataset, paper.calibration) != (result.cell.dataset, method):
        return None
    means = {
        protocol: {metric: metrics[metric].mean for metric in target.metrics}
        for protocol, metrics in result.summary.items()
        if target.metrics.keys() <= metrics.keys()
    }
    if not means:
        return None
    main = next(iter(target.metrics))
    distances = {protocol: abs(values[main] - target.metrics[main]) for protocol, values in means.items()}
    nearest = min(distances, key=distances.__getitem__)
    is_hit = distances[nearest] <= TOLERANCE * 10 ** -get_metric(main).digits
    verdict = f"{nearest} gives the paper's number" if is_hit else f"no protocol gives it, {nearest} comes nearest"
    if "test" in paper.origin and result.data.origin.get("test") != paper.origin["test"]:
        verdict += ", for images that are not known to be the paper's"
    labels = " / ".join(get_metric(metric).label for metric in target.metrics)
    reported = _numbers(target.metrics, {metric: paper.digits(metric) for metric in target.metrics}, units=True)
    digits = {metric: get_metric(metric).digits for metric in target.metrics}
    measured = ", ".join(f"{protocol} {_numbers(values, digits)}" for protocol, values in means.items())
    return (
        f"Calibration of {paper.name} on {method}, {paper.dataset}, {labels}: "
        f"{target.source} reports {reported}; here {measured}: {verdict}."
    )


def _numbers(values: Mapping[str, float], digits: Mapping[str, int], *, units: bool = False) -> str:
    texts = {metric: number(value, digits[metric]) for metric, value in values.items()}
    suffixes = {metric: f" {get_metric(metric).unit}".rstrip() if units else "" for metric in values}
    return " / ".join(f"{text}{suffixes[metric]}" for metric, text in texts.items())
