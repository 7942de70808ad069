"""Losses of trainings by step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.results.record import TrainingResult
from reports.figures.drawing import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION, Drawing, make_figure, style, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from reports.studies import FinishedCell

LINES = [
    (colour, line) for line in ("-", "--", ":") for colour in (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
]  # when colours repeat, the stroke changes
Curves = dict[str, tuple[list[float], list[float]]]  # steps and values by loss
POINTS = 150  # of a curve: longer histories are averaged in blocks


def draw_training(method: str, stages: Mapping[str, FinishedCell]) -> Drawing | None:
    """The losses of a method's own training stages, a panel each; None without histories."""
    results = {name: evidence.result for name, evidence in stages.items()}
    histories = {name: _curves(result.history) for name, result in results.items() if isinstance(result, TrainingResult)}
    shown = {name: curves for name, curves in histories.items() if curves}
    if not shown:
        return None
    with style():
        heights = [_panel_height(curves) for curves in shown.values()]
        figure = make_figure(0.15 + sum(heights))
        axes = figure.subplots(len(shown), squeeze=False, height_ratios=heights).ravel()
        for axis, (name, curves) in zip(axes, shown.items(), strict=True):
            _draw_losses(axis, name, curves)
        axes[-1].set_xlabel("step")
        svg = to_svg(figure)
    seed = next(iter(stages.values())).seed
    words = "; ".join(f"{name}: {', '.join(curves)}" for name, curves in shown.items())
    caption = f"Losses of {method}, seed {seed}."
    return Drawing(f"training-{method}", svg, f"Training losses of {method} by step. {words}.", caption)


def _curves(history: Sequence[Mapping[str, float]]) -> Curves:
    """Finite losses by name, averaged in blocks to at most ``POINTS`` points."""
    curves = {}
    for name in dict.fromkeys(name for entry in history for name in entry if name != "step"):
        points = [(entry["step"], entry[name]) for entry in history if name in entry and math.isfinite(entry[name])]
        if points:
            blocks = np.array_split(np.array(points, dtype=np.float64), min(len(points), POINTS))
            steps, values = zip(*(block.mean(axis=0) for block in blocks), strict=True)
            curves[name] = ([float(step) for step in steps], [float(value) for value in values])
    return curves


def _panel_height(curves: Curves) -> float:
    return max(1.5, 0.35 + 0.155 * len(curves))


def _draw_losses(axis: Axes, name: str, curves: Curves) -> None:
    for (label, (steps, values)), (colour, line) in zip(curves.items(), LINES * 3, strict=False):
        axis.plot(steps, values, color=colour, linestyle=line, label=label, marker="o" if len(steps) == 1 else None, markersize=3)
    _choose_scale(axis, [value for _, values in curves.values() for value in values])
    axis.set_title(name)
    axis.set_ylabel("loss")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.8, labelspacing=0.25)


def _choose_scale(axis: Axes, values: Sequence[float]) -> None:
    """Make the axis logarithmic if losses differ so much that a linear one would show the small ones as 0."""
    from matplotlib.ticker import LogLocator

    positive = [value for value in values if value > 0]
    ratio = max(positive) / min(positive) if positive and min(values) >= 0 else 1
    if ratio < 20:
        return
    axis.set_yscale("log", nonpositive="mask")
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0) if ratio < 1000 else (1.0,)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("")
