"""The figure of a designed study: its curves, change of each metric against the number of training steps, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.catalog.metrics import get_metric
from benchmarks.core.text import number
from reports.designed.contrasts import Contrast, Contrasts
from reports.designed.verdict import decimals, shown, title
from reports.figures.drawing import BLUE, MUTED, PAPER, VERMILLION, arms, make_figure, style, to_svg
from reports.measurements import Column

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS = ((VERMILLION, "D", "-"), (BLUE, "o", "--"))  # colour, marker and stroke of a curve
PANEL = 2.1  # inches of a metric
ASIDE = 0.012  # share of the axis by which the curves' points are moved apart


def describe_curves(contrasts: Contrasts) -> str:
    """The figure in words, which its file has as its description; empty if fewer than two points are known."""
    curves = _curves(contrasts)
    if len({steps for points in curves.values() for steps, _ in points}) < 2:
        return ""
    words = "; ".join(
        f"{title(column).replace('`', '')}, {name}: {', '.join(f'{steps} steps {shown(own)}' for steps, own in points)}"
        for column in contrasts.columns
        for name, every in curves.items()
        if (points := [(steps, own) for steps, own in every if own.column == column])
    )
    return f"Change against the number of joint steps. {words}."


def draw_curves(contrasts: Contrasts) -> str:
    """SVG of a panel for each metric, with a curve for each of the study's. To be called where there is something to describe.

    A point is the difference to the configuration that the curves begin with, at 0. Points that are not told from it are hollow.
    """
    curves = _curves(contrasts)
    known = {contrast.column for points in curves.values() for _, contrast in points}
    columns = [column for column in contrasts.columns if column in known]
    with style():
        figure = make_figure(PANEL * len(columns) + 0.7, width=6.4)
        panels = figure.subplots(len(columns), squeeze=False, sharex=True).ravel()
        for axis, column in zip(panels, columns, strict=True):
            _draw(axis, column, curves)
            level = number(contrasts.start_mean(column), decimals(column))
            axis.set_ylabel(f"less {level} of no joint step", fontsize=7.5)
        panels[-1].set_xlabel("joint steps")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
        return to_svg(figure, describe_curves(contrasts))


def _curves(contrasts: Contrasts) -> dict[str, list[tuple[int, Contrast]]]:
    return {name: _points(contrasts, configurations) for name, configurations in contrasts.design.curves.items()}


def _points(contrasts: Contrasts, configurations: tuple[str, ...]) -> list[tuple[int, Contrast]]:
    """Steps and comparison with the start of a curve's configurations, under every metric; of those that have scores."""
    start = contrasts.design.start
    found = [
        (contrasts.joint_steps(name), contrasts.find((name, start), column))
        for name in configurations
        for column in contrasts.columns
    ]
    points = [(steps, contrast) for steps, contrast in found if steps is not None and contrast is not None]
    return sorted(points, key=lambda point: point[0])


def _draw(axis: Axes, column: Column, curves: dict[str, list[tuple[int, Contrast]]]) -> None:
    """Draw the curves of a metric, the second a little to the right so that intervals do not hide each other."""
    entry = get_metric(column[1])
    span = max((steps for points in curves.values() for steps, _ in points), default=1)
    axis.axhline(0, color=MUTED, linewidth=0.8)
    for (name, every), (colour, marker, stroke), place in zip(curves.items(), LOOKS, (-1, 1), strict=True):
        points = [(steps + place * ASIDE * span, own) for steps, own in every if own.column == column]
        means = [own.comparison.difference.mean for _, own in points]
        axis.plot([0, *(x for x, _ in points)], [0.0, *means], color=colour, linestyle=stroke, label=name, zorder=2)
        for x, own in points:
            below, above = arms(own.comparison.difference)
            axis.errorbar(
                x, own.comparison.difference.mean, [[below], [above]],
                fmt=marker, color=colour, markersize=5, elinewidth=0.8, markerfacecolor=colour if own.effect else PAPER, zorder=3,
            )  # fmt: skip
    unit = f" in {entry.unit}" if entry.unit else ""
    axis.set_title(f"{entry.label}{unit}, {column[0]}  (better: {'up' if entry.higher_is_better else 'down'})")
