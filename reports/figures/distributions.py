"""Scores of single images, and differences of variants to the full model."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.catalog.metrics import get_metric
from benchmarks.core.text import number
from reports.figures.drawing import INK, LOOKS, MUTED, PAPER, RULE, Drawing, arms, axis_title, look, make_figure, style, to_svg
from reports.measurements import Column
from reports.tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from reports.studies import Study


def draw_distribution(study: Study, methods: Sequence[str], column: Column, under_study: Collection[str]) -> Drawing | None:
    """Every image's score under one protocol and metric; None without finite scores.

    A method is a row: a box of quartiles and median, and a point for each image. An image has the same height in all rows.
    """
    protocol, metric = column
    columns = {method: study.measurements.columns(method).get(column) for method in methods}
    scores = {method: matrix.by_image for method, matrix in columns.items() if matrix}
    finite = {method: values[np.isfinite(values)] for method, values in scores.items()}
    shown = {method: values for method, values in finite.items() if values.size}
    if not shown:
        return None
    entry = get_metric(metric)
    with style():
        figure = make_figure(0.8 + 0.29 * len(shown))
        axis: Axes = figure.subplots()
        for row, (method, values) in enumerate(reversed(shown.items())):
            kind = look(method, under_study)
            low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
            axis.barh(row, high - low, 0.62, low, color=RULE, edgecolor=MUTED, linewidth=0.7)
            axis.plot([middle, middle], [row - 0.31, row + 0.31], color=INK, linewidth=1.4)
            spread = row + np.linspace(-0.24, 0.24, values.size)
            axis.scatter(values, spread, s=11, c=kind.colour, marker=kind.marker, linewidths=0.3, edgecolors=PAPER, zorder=3)
        axis.set_yticks(range(len(shown)), list(reversed(shown)))
        axis.grid(visible=False, axis="y")
        axis.set_xlabel(axis_title(metric, protocol))
        svg = to_svg(figure)
    words = "; ".join(f"{m}: median {np.median(v):.{entry.digits}f}" for m, v in shown.items())
    caption = (
        f"{entry.label} of every test image under {protocol}; boxes are quartiles and median. "
        "The order of images is the same in all rows."
    )
    return Drawing(f"images-{metric}", svg, f"{entry.label} of every test image, by method. {words}.", caption)


def draw_ablation(table: Table, protocol: str, name: str) -> Drawing | None:
    """PSNR of each variant less the full model's, with intervals; None without variants.

    Args:
        table: an ablation.
        protocol: of the differences.
        name: of the drawing's files.
    """
    gains = {row.method: row.gains[protocol] for row in table.rows if protocol in row.gains}
    bars = {method: gain for method, gain in gains.items() if math.isfinite(gain.mean)}
    if not bars:
        return None
    with style():
        figure = make_figure(0.9 + 0.27 * len(bars))
        axis: Axes = figure.subplots()
        for row, gain in enumerate(reversed(bars.values())):
            kind = LOOKS["under study" if gain.mean < 0 else "rival"]
            ends = [[arm] for arm in arms(gain)]
            axis.barh(row, gain.mean, 0.62, color=PAPER, edgecolor=kind.colour, hatch=kind.hatch or "....", linewidth=0.9)
            axis.errorbar(gain.mean, row, xerr=ends, color=INK, linewidth=1.1, capsize=2.5)
        axis.axvline(0, color=INK, linewidth=0.9)
        axis.margins(x=0.06)
        axis.set_yticks(range(len(bars)), [variant.partition("/")[2] or variant for variant in reversed(bars)])
        axis.grid(visible=False, axis="y")
        axis.set_xlabel(f"PSNR against {table.reference} in dB, {protocol}  (better: right)")
        svg = to_svg(figure)
    words = "; ".join(f"{m}: {number(g.mean, 2, '+')} dB" for m, g in bars.items())
    caption = (
        f"PSNR of each variant less that of {table.reference} under {protocol}, paired by image, with 95 % intervals. "
        f"Left of 0: worse than {table.reference}."
    )
    return Drawing(name, svg, f"PSNR of each variant against {table.reference}. {words}.", caption)
