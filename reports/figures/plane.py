"""The perception-distortion plane: LPIPS against PSNR, a point for each method."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from benchmarks.statistics.intervals import Estimate
from reports.figures.drawing import LOOKS, MUTED, PAPER, Drawing, arms, axis_title, look, make_figure, style, to_svg
from reports.figures.labels import Span, place_labels
from reports.tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plane_protocol(table: Table) -> str:
    """The first shown protocol with both PSNR and LPIPS; the first shown protocol if none has both."""
    both = (protocol for protocol in table.protocols if {(protocol, "psnr"), (protocol, "lpips")} <= set(table.columns))
    return next(both, next(iter(table.protocols), ""))


def draw_plane(table: Table, protocol: str, under_study: Collection[str]) -> Drawing | None:
    """A point with two intervals for each method; None if fewer than two methods have both scores, finite."""
    points = {
        row.method: (row.scores[protocol, "psnr"], row.scores[protocol, "lpips"])
        for row in table.rows
        if {(protocol, "psnr"), (protocol, "lpips")} <= row.scores.keys() and math.isfinite(row.scores[protocol, "psnr"].mean)
    }
    if len(points) < 2:
        return None
    with style():
        figure = make_figure(3.9)
        axis: Axes = figure.subplots()
        for method, (x, y) in points.items():
            kind = look(method, under_study)
            axis.errorbar(
                x.mean, y.mean, [[arm] for arm in arms(y)], [[arm] for arm in arms(x)],
                fmt=kind.marker, color=kind.colour, markersize=6, elinewidth=0.8, markeredgecolor=PAPER, zorder=3,
            )  # fmt: skip
        axis.set_xlabel(axis_title("psnr", protocol))
        axis.set_ylabel("LPIPS  (better: down)")
        axis.margins(0.08)
        _legend(axis, points, under_study)
        _label(figure, axis, points)
        svg = to_svg(figure)
    words = "; ".join(f"{m}: {x.mean:.2f} dB, LPIPS {y.mean:.3f}" for m, (x, y) in points.items())
    caption = (
        f"Perception against distortion under {protocol}: the best methods are at the lower right. Lines are 95 % intervals."
    )
    return Drawing("plane", svg, f"LPIPS against PSNR. {words}.", caption)


def _legend(axis: Axes, methods: Iterable[str], under_study: Collection[str]) -> None:
    """Draw the kinds of methods below the figure."""
    used = [look(method, under_study) for method in methods]
    kinds = [kind for kind in LOOKS.values() if kind in used]
    handles = [axis.plot([], [], kind.marker, color=kind.colour, label=kind.title)[0] for kind in kinds]
    axis.figure.legend(handles=handles, loc="outside lower center", ncols=2, handletextpad=0.2, columnspacing=1.2)


def _label(figure: Figure, axis: Axes, points: Mapping[str, tuple[Estimate, Estimate]]) -> None:
    """Write names beside points, where they cover the least, with a rim that keeps lines off them."""
    from matplotlib.patheffects import withStroke

    figure.draw_without_rendering()
    figure.set_layout_engine("none")

    def place(x: float, y: float) -> tuple[float, float]:
        left, bottom = axis.transData.transform((x, y)) * 72 / figure.dpi
        return float(left), float(bottom)

    window = axis.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
    frame = (window.x0 * 72, window.y0 * 72, window.x1 * 72, window.y1 * 72)
    bars: list[Span] = []
    for psnr, lpips in points.values():
        (left, right), (down, up) = arms(psnr), arms(lpips)
        across = (place(psnr.mean - left, lpips.mean), place(psnr.mean + right, lpips.mean))
        for low, high in (across, (place(psnr.mean, lpips.mean - down), place(psnr.mean, lpips.mean + up))):
            bars.append((low[0] - 1.5, low[1] - 1.5, high[0] + 1.5, high[1] + 1.5))
    places = {name: place(psnr.mean, lpips.mean) for name, (psnr, lpips) in points.items()}
    rim = [withStroke(linewidth=2, foreground=PAPER)]
    for name, label in place_labels(places, bars, frame).items():
        line = {"arrowstyle": "-", "color": MUTED, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3} if label.line else None
        middle = ((label.box[0] + label.box[2]) / 2 - places[name][0], (label.box[1] + label.box[3]) / 2 - places[name][1])
        centred: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7.5, "path_effects": rim}
        point = (points[name][0].mean, points[name][1].mean)
        axis.annotate(name, point, middle, textcoords="offset points", arrowprops=line, zorder=4, **centred)
