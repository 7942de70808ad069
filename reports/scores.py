"""Scores of folders of images, as ``benchmarks.evaluate`` prints and writes them: by image, by method, and pairs of methods."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.api.entries import CompositeEntry
from benchmarks.catalog.metrics import get_metric
from benchmarks.core.text import counted, csv_text, number
from benchmarks.data.file_pairs import Crop, describe
from benchmarks.results.files import to_json as as_json
from benchmarks.scoring.protocol import Protocol
from benchmarks.statistics.intervals import Estimate, ScoreMatrix, estimate
from benchmarks.statistics.significance import Comparison, compare
from reports.grid import interval, metric_heading, p_value

if TYPE_CHECKING:
    from rich.table import Table as RichTable


@dataclass(frozen=True)
class MethodScores:
    """Scores of one folder.

    Attributes:
        name: of the folder's method.
        scores: a number for each metric and image.
        shifts: ``(dy, dx)`` for each image, under a protocol that aligns.
    """

    name: str
    scores: Mapping[str, Mapping[str, float]]
    shifts: Mapping[str, tuple[int, int]]

    @property
    def images(self) -> list[str]:
        """Names of the images that have any score."""
        return list(dict.fromkeys(image for values in self.scores.values() for image in values))


@dataclass(frozen=True)
class ScoreSheet:
    """Methods under one protocol, on the same images.

    Attributes:
        protocol: of all scores.
        methods: at least one.
        missing: reason for each metric that lacks its weights.
        notes: lines about files that were left out, and images whose scores mean little.
        failures: reason for each image that could not be scored, or lacks a metric, by method.
        crop: rule by which images were cropped; None for none.
        groups: the photograph of each image, by the image's name; images that are not named are photographs of their own.
        composites: composite scores that were asked for.
    """

    protocol: Protocol
    methods: tuple[MethodScores, ...]
    missing: Mapping[str, str]
    notes: tuple[str, ...] = ()
    failures: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    crop: Crop | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    composites: tuple[CompositeEntry, ...] = ()

    @property
    def metrics(self) -> list[str]:
        """Names of the computed metrics."""
        return list(self.methods[0].scores)

    def images(self, metric: str) -> list[str]:
        """Images that have the metric in every method: means and comparisons are over them."""
        columns = [method.scores[metric] for method in self.methods]
        return [image for image in columns[0] if all(image in column for column in columns[1:])]

    def estimate(self, method: MethodScores, metric: str) -> Estimate | None:
        """Mean of a method and its interval, over the images of ``images``; None if there are none."""
        images = self.images(metric)
        return estimate(self._matrix(method, metric), self.photographs(images)) if images else None

    def composite(self, method: MethodScores, entry: CompositeEntry) -> float | None:
        """Composite score of a method; None if one of its metrics is missing."""
        return entry.score(self._means(method))

    def lacking(self, entry: CompositeEntry) -> list[str]:
        """Metrics of a composite score that are missing."""
        return entry.missing(self._means(self.methods[0]))

    def _means(self, method: MethodScores) -> dict[str, float]:
        return {metric: mean.mean for metric in self.metrics if (mean := self.estimate(method, metric))}

    def finite(self, method: MethodScores, metric: str) -> Estimate | None:
        """Mean of a method over the images with a finite score; None if all are finite, or none is."""
        images = self.finite_images(method, metric)
        if not images or len(images) == len(self.images(metric)):
            return None
        return estimate(ScoreMatrix.fixed([method.scores[metric][image] for image in images]), self.photographs(images))

    def finite_images(self, method: MethodScores, metric: str) -> list[str]:
        """Images with a finite score of a method: PSNR is infinite where result and ground truth are identical."""
        return [image for image in self.images(metric) if math.isfinite(method.scores[metric][image])]

    def photographs(self, images: Sequence[str]) -> list[str]:
        """The photograph of each image."""
        return [self.groups.get(image, image) for image in images]

    def _matrix(self, method: MethodScores, metric: str) -> ScoreMatrix:
        return ScoreMatrix.fixed([method.scores[metric][image] for image in self.images(metric)])

    def comparisons(self) -> dict[str, list[Comparison]]:
        """Comparisons of every pair of methods, image by image, for each metric that all methods have for an image."""
        return {
            metric: compare({method.name: self._matrix(method, metric) for method in self.methods}, self.photographs(images))
            for metric in self.metrics
            if (images := self.images(metric))
        }


def print_sheet(sheet: ScoreSheet) -> None:
    """Print the images of one method, or several methods and their comparisons."""
    from rich.console import Console

    console = Console(width=max(Console().width, 110), highlight=False, markup=False, emoji=False)
    several = len(sheet.methods) > 1
    console.print(_methods_table(sheet) if several else _images_table(sheet))
    if several:
        console.print(_comparison_table(sheet))
    console.print(_caption(sheet), soft_wrap=True)
    for line in map(partial(_composite_line, sheet), sheet.composites):
        console.print(line, soft_wrap=True)
    for line in (*(f"{get_metric(metric).label}: weights missing" for metric in sheet.missing), *sheet.notes):
        console.print(line, soft_wrap=True)


def _composite_line(sheet: ScoreSheet, entry: CompositeEntry) -> str:
    """A composite score of every method, or the metrics that it lacks."""
    about = f"{entry.name} v{entry.version} of the means"
    if lacking := sheet.lacking(entry):
        return f"{about}: missing, for lack of {', '.join(get_metric(name).label for name in lacking)}"
    scores = {method.name: sheet.composite(method, entry) for method in sheet.methods}
    return f"{about}: {', '.join(f'{name} {number(score or 0.0, entry.digits + 1)}' for name, score in scores.items())}"


def _caption(sheet: ScoreSheet) -> str:
    """Protocol, images, intervals and tests."""
    lines = [
        f"protocol {sheet.protocol.name} v{sheet.protocol.version}: {sheet.protocol.title}",
        f"{_counted(sheet)}; mean and its 95 % t-interval over photographs",
    ]
    if sheet.crop is not None:
        lines.append(describe(sheet.crop))
    if len(sheet.methods) > 1:
        lines.append("differences are paired by image; p: the larger of sign flips of photographs and Student's t,")
        lines.append(
            "Holm-corrected over all pairs of methods. A verdict is on these folders, whatever other trainings would give"
        )
    reasons = dict.fromkeys(pair.reason for pairs in sheet.comparisons().values() for pair in pairs if pair.reason)
    lines += [f"cannot be told: {reason}" for reason in reasons]
    return "\n".join(lines)


def _counted(sheet: ScoreSheet) -> str:
    """Number of images and photographs behind the means, and of images that failed."""
    counts = sorted({len(sheet.images(metric)) for metric in sheet.metrics})
    failed = sum(len(reasons) for reasons in sheet.failures.values())
    photographs = max(len(set(sheet.photographs(sheet.images(metric)))) for metric in sheet.metrics)
    images = f"{counts[0]} to {counts[-1]} images" if len(counts) > 1 else counted(counts[0], "image")
    images += f" of {counted(photographs, 'photograph')}"
    return images + (f", {failed} failed" if failed else "")


def _table(title: str) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable

    table = RichTable(box=box.SIMPLE_HEAD)
    table.add_column(title)
    return table


def _images_table(sheet: ScoreSheet) -> RichTable:
    (method,) = sheet.methods
    table = _table("image")
    for metric in sheet.metrics:
        table.add_column(metric_heading(metric), justify="right")
    if method.shifts:
        table.add_column("shift", justify="right")
    for image in method.images:
        values = [(method.scores[metric].get(image, math.nan), get_metric(metric).digits + 1) for metric in sheet.metrics]
        table.add_row(image, *(number(*value) for value in values), *([_shift(method.shifts[image])] if method.shifts else []))
    table.add_section()
    means, intervals = zip(*(_mean(sheet, method, metric) for metric in sheet.metrics), strict=True)
    table.add_row("mean", *means)
    table.add_row("", *intervals)
    others = [_finite(sheet, method, metric) for metric in sheet.metrics]
    if any(others):
        table.add_row("without ∞", *others)
    return table


def _shift(shift: tuple[int, int]) -> str:
    return f"{shift[0]:+d}, {shift[1]:+d}"


def _mean(sheet: ScoreSheet, method: MethodScores, metric: str) -> tuple[str, str]:
    mean = sheet.estimate(method, metric)
    return interval(mean, get_metric(metric).digits + 1) if mean else ("–", "")


def _finite(sheet: ScoreSheet, method: MethodScores, metric: str) -> str:
    """Mean over the images with a finite score, if others are infinite, and how many they are; empty otherwise."""
    mean = sheet.finite(method, metric)
    if mean is None:
        return ""
    count = f"{len(sheet.finite_images(method, metric))} of {counted(len(sheet.images(metric)), 'image')}"
    return "\n".join(filter(None, (*interval(mean, get_metric(metric).digits + 1), count)))


def _methods_table(sheet: ScoreSheet) -> RichTable:
    table = _table("method")
    for metric in sheet.metrics:
        table.add_column(metric_heading(metric), justify="right")
    for method in sheet.methods:
        table.add_row(method.name, *("\n".join(_mean(sheet, method, metric)) for metric in sheet.metrics))
        others = [_finite(sheet, method, metric) for metric in sheet.metrics]
        if any(others):
            table.add_row("  without ∞", *others)
    return table


def _comparison_table(sheet: ScoreSheet) -> RichTable:
    table = _table("difference")
    for title in ("metric", "mean", "interval", "p", "verdict"):
        table.add_column(title, justify="left" if title in ("metric", "verdict") else "right")
    for metric, comparisons in sheet.comparisons().items():
        digits = get_metric(metric).digits + 1
        for pair in comparisons:
            numbers = (*interval(pair.difference, digits, "+"), "–" if pair.p is None else p_value(pair.p))
            table.add_row(f"{pair.first} - {pair.second}", get_metric(metric).label, *numbers, _verdict(metric, pair))
    return table


def _verdict(metric: str, pair: Comparison) -> str:
    if not pair.differs:
        return pair.verdict
    is_first = (pair.difference.mean > 0) == get_metric(metric).higher_is_better
    return f"{pair.first if is_first else pair.second} is better"


def to_csv(sheet: ScoreSheet) -> str:
    """A line for each method, metric and image, at full precision."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "image", "photograph", "protocol", "version", "metric", "value", "dy", "dx"])
    for method in sheet.methods:
        for metric, values in method.scores.items():
            for image, value in values.items():
                names = [csv_text(name) for name in (method.name, image, *sheet.photographs([image]))]
                about = [*names, sheet.protocol.name, sheet.protocol.version]
                writer.writerow([*about, metric, repr(value), *method.shifts.get(image, ("", ""))])
    return text.getvalue()


def to_json(sheet: ScoreSheet) -> str:
    """All scores and comparisons as JSON; infinite numbers as texts, undefined means (of infinities of both signs) as null."""
    return as_json(
        {
            "protocol": {"name": sheet.protocol.name, "version": sheet.protocol.version},
            "methods": [_plain_method(sheet, method) for method in sheet.methods],
            "comparisons": [
                {"metric": metric, **_plain(asdict(pair)), "verdict": _verdict(metric, pair)}
                for metric, comparisons in sheet.comparisons().items()
                for pair in comparisons
            ],
            "composites": [
                {
                    "name": entry.name,
                    "version": entry.version,
                    "missing": sheet.lacking(entry),
                    "scores": {method.name: sheet.composite(method, entry) for method in sheet.methods},
                }
                for entry in sheet.composites
            ],
            "photographs": dict(sheet.groups),
            "missing": sheet.missing,
            "crop": sheet.crop,
            "notes": sheet.notes,
            "failures": sheet.failures,
        }
    )


def _plain_method(sheet: ScoreSheet, method: MethodScores) -> dict[str, Any]:
    estimates = {metric: sheet.estimate(method, metric) for metric in method.scores}
    summary = {metric: _plain(asdict(mean)) for metric, mean in estimates.items() if mean}
    for metric in summary:
        if mean := sheet.finite(method, metric):
            summary[metric]["finite"] = {**_plain(asdict(mean)), "images": len(sheet.finite_images(method, metric))}
    return {"name": method.name, "summary": summary, "scores": method.scores, "shifts": method.shifts}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
