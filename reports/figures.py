"""Figures of a study: drawn once with matplotlib, written as SVG for light and for dark surroundings.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; markers and hatches say the same again. The dark version
is the light one with other colours, text for text, so that nothing is drawn twice.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.catalog.methods import get_method
from benchmarks.catalog.metrics import get_metric
from benchmarks.core.errors import UsageError
from benchmarks.core.text import number
from benchmarks.results.record import TrainingResult
from benchmarks.scoring.statistics import Estimate
from reports.labels import Span, place_labels
from reports.tables import Table, image_means

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from reports.studies import Evidence, Study

WIDTH = 4.8  # inches: readable on a phone, half of a wide page
INK, MUTED, RULE, PAPER = "#1b1c1f", "#5b6067", "#d9dce0", "#ffffff"
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"
DARK = {
    INK: "#e9eaec",
    MUTED: "#a3a8b0",
    RULE: "#3a3e45",
    PAPER: "#16181b",
    BLUE: "#4ba6e3",
    VERMILLION: "#ff8a3d",
    GREEN: "#2ec79a",
    PURPLE: "#e79cc6",
    ORANGE: "#ffc04d",
    SKY: "#9bdcff",
}
STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.facecolor": PAPER,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.6,
    "image.composite_image": False,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.3,
    "svg.fonttype": "path",
    "svg.hashsalt": "figures",
    "text.color": INK,
    "text.parse_math": False,  # names are no formulas
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
}
NO_DATES: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@dataclass(frozen=True)
class Look:
    """How a kind of method is marked."""

    colour: str
    marker: str
    hatch: str
    title: str


LOOKS = {
    "rival": Look(BLUE, "o", "", "rival"),
    "ours": Look(VERMILLION, "D", "////", "the paper's method"),
    "supervised": Look(GREEN, "s", "....", "supervised reference"),
    "released": Look(PURPLE, "^", "xxxx", "released weights"),
}


@dataclass(frozen=True)
class Drawing:
    """A figure for the page.

    Attributes:
        name: of its files, without an ending.
        svg: the light version.
        alt: what it shows, for who cannot see it.
        caption: what the reader must know of it.
        wide: whether it needs the whole width of a page.
    """

    name: str
    svg: str
    alt: str
    caption: str
    wide: bool = False

    @property
    def dark(self) -> str:
        """The version for dark surroundings."""
        return re.sub("|".join(DARK), lambda found: DARK[found[0]], self.svg)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in points."""
        found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', self.svg)
        return (round(float(found[1])), round(float(found[2]))) if found else (0, 0)


@contextmanager
def style() -> Iterator[None]:
    """Draw in the project's style, whatever the user's own is."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the caption beside has the name in the reader's fonts
        matplotlib.rcdefaults()
        parameters: Any = matplotlib.rcParams  # its keys are literals to a type checker
        parameters.update(STYLE)
        yield


def make_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure, in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def to_svg(figure: Figure) -> str:
    """The figure as SVG text: the same for the same figure."""
    content = io.BytesIO()
    figure.savefig(content, format="svg", metadata=NO_DATES["svg"])
    return content.getvalue().decode()


def save(figure: Figure, path: Path) -> None:
    """Write a figure into a file whose ending names the format. Raises UsageError where that fails or the format is unknown."""
    kind = path.suffix.removeprefix(".").lower()
    if kind not in NO_DATES or path.is_dir():  # matplotlib would find another name
        raise UsageError(f"{path}: cannot be written (no such format): name a file and use .png, .svg or .pdf")
    try:
        figure.savefig(path, dpi=160, metadata=NO_DATES[kind])
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}): check the folder and use .png, .svg or .pdf") from error


def look(method: str, ours: str) -> Look:
    """How a method is marked; ``ours`` is the paper's, and its variants are marked as it is."""
    return LOOKS["ours" if method.partition("/")[0] == ours else get_method(method).group]


def draw_plane(table: Table, protocol: str, ours: str) -> Drawing | None:
    """The perception-distortion plane: LPIPS against PSNR, a point and its intervals per method; None without both."""
    points = {
        row.method: (row.scores[protocol, "psnr"], row.scores[protocol, "lpips"])
        for row in table.rows
        if {(protocol, "psnr"), (protocol, "lpips")} <= row.scores.keys() and math.isfinite(row.scores[protocol, "psnr"].high)
    }
    if len(points) < 2:
        return None
    with style():
        figure = make_figure(3.9)
        axis: Axes = figure.subplots()
        for method, (x, y) in points.items():
            kind = look(method, ours)
            axis.errorbar(
                x.mean, y.mean, [[y.mean - y.low], [y.high - y.mean]], [[x.mean - x.low], [x.high - x.mean]],
                fmt=kind.marker, color=kind.colour, markersize=6, elinewidth=0.8, markeredgecolor=PAPER, zorder=3,
            )  # fmt: skip
        axis.set_xlabel(f"PSNR in dB, {protocol}  (better: right)")
        axis.set_ylabel("LPIPS  (better: down)")
        axis.margins(0.08)
        _legend(axis, points, ours)
        _label(figure, axis, points)
        svg = to_svg(figure)
    said = "; ".join(f"{m}: {x.mean:.2f} dB, LPIPS {y.mean:.3f}" for m, (x, y) in points.items())
    caption = (
        f"Perception against distortion under {protocol}: the best methods are at the lower right. Lines are 95 % intervals."
    )
    return Drawing("plane", svg, f"LPIPS against PSNR. {said}.", caption)


def _legend(axis: Axes, methods: Mapping[str, object], ours: str) -> None:
    """The kinds of methods, below the figure."""
    kinds = [kind for kind in LOOKS.values() if any(look(method, ours) is kind for method in methods)]
    handles = [axis.plot([], [], kind.marker, color=kind.colour, label=kind.title)[0] for kind in kinds]
    axis.figure.legend(handles=handles, loc="outside lower center", ncols=2, handletextpad=0.2, columnspacing=1.2)


def _label(figure: Figure, axis: Axes, points: Mapping[str, tuple[Estimate, Estimate]]) -> None:
    """Name points beside them, each where it covers least of what is there already, with a rim that keeps lines off it."""
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
        across = (place(psnr.low, lpips.mean), place(psnr.high, lpips.mean))
        for low, high in (across, (place(psnr.mean, lpips.low), place(psnr.mean, lpips.high))):
            bars.append((low[0] - 1.5, low[1] - 1.5, high[0] + 1.5, high[1] + 1.5))
    places = {name: place(psnr.mean, lpips.mean) for name, (psnr, lpips) in points.items()}
    rim = [withStroke(linewidth=2, foreground=PAPER)]
    for name, label in place_labels(places, bars, frame).items():
        line = {"arrowstyle": "-", "color": MUTED, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3} if label.line else None
        middle = ((label.box[0] + label.box[2]) / 2 - places[name][0], (label.box[1] + label.box[3]) / 2 - places[name][1])
        centred: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7.5, "path_effects": rim}
        point = (points[name][0].mean, points[name][1].mean)
        axis.annotate(name, point, middle, textcoords="offset points", arrowprops=line, zorder=4, **centred)


def draw_distribution(study: Study, methods: Sequence[str], protocol: str, metric: str, ours: str) -> Drawing | None:
    """Every image's score, a row of points over a box per method; None without scores. An image has one height in all rows."""
    scores = {method: image_means(study.results[method]).get((protocol, metric), {}) for method in methods}
    values = {m: np.array([v for v in found.values() if math.isfinite(v)]) for m, found in scores.items()}
    shown = {method: found for method, found in values.items() if found.size}
    if not shown:
        return None
    entry = get_metric(metric)
    with style():
        figure = make_figure(0.8 + 0.29 * len(shown))
        axis: Axes = figure.subplots()
        for row, (method, found) in enumerate(reversed(shown.items())):
            kind = look(method, ours)
            low, middle, high = np.quantile(found, [0.25, 0.5, 0.75])
            axis.barh(row, high - low, 0.62, low, color=RULE, edgecolor=MUTED, linewidth=0.7)
            axis.plot([middle, middle], [row - 0.31, row + 0.31], color=INK, linewidth=1.4)
            spread = row + np.linspace(-0.24, 0.24, found.size)
            axis.scatter(found, spread, s=11, c=kind.colour, marker=kind.marker, linewidths=0.3, edgecolors=PAPER, zorder=3)
        axis.set_yticks(range(len(shown)), list(reversed(shown)))
        axis.grid(visible=False, axis="y")
        axis.set_xlabel(f"{entry.label}{' in dB' if metric == 'psnr' else ''}, {protocol}  (better: {_side(metric)})")
        svg = to_svg(figure)
    said = "; ".join(f"{m}: median {np.median(v):.{entry.digits}f}" for m, v in shown.items())
    caption = (
        f"{entry.label} of every test image under {protocol}; boxes are quartiles and median. "
        "The order of images is the same in all rows."
    )
    return Drawing(f"images-{metric}", svg, f"{entry.label} of every test image, by method. {said}.", caption)


def _side(metric: str) -> str:
    return "right" if get_metric(metric).higher_is_better else "left"


def draw_ablation(table: Table, protocol: str, ours: str) -> Drawing | None:
    """What each variant loses in PSNR against the full model, with intervals; None without variants."""
    gains = {row.method: row.gains[protocol] for row in table.rows if protocol in row.gains}
    bars = {method: gain for method, gain in gains.items() if math.isfinite(gain.mean)}
    if not bars:
        return None
    with style():
        figure = make_figure(0.9 + 0.27 * len(bars))
        axis: Axes = figure.subplots()
        for row, gain in enumerate(reversed(bars.values())):
            kind = LOOKS["ours" if gain.mean < 0 else "rival"]
            ends = [[gain.mean - gain.low], [gain.high - gain.mean]]
            axis.barh(row, gain.mean, 0.62, color=PAPER, edgecolor=kind.colour, hatch=kind.hatch or "....", linewidth=0.9)
            axis.errorbar(gain.mean, row, xerr=ends, color=INK, linewidth=1.1, capsize=2.5)
        axis.axvline(0, color=INK, linewidth=0.9)
        axis.margins(x=0.06)
        axis.set_yticks(range(len(bars)), [name.partition("/")[2] or name for name in reversed(bars)])
        axis.grid(visible=False, axis="y")
        axis.set_xlabel(f"PSNR against {table.reference} in dB, {protocol}  (better: right)")
        svg = to_svg(figure)
    said = "; ".join(f"{m}: {number(g.mean, 2, '+')} dB" for m, g in bars.items())
    caption = (
        f"What each variant changes in PSNR under {protocol}, paired by image, with 95 % intervals. Left of 0: worse than {ours}."
    )
    return Drawing("ablation", svg, f"PSNR of each variant against {table.reference}. {said}.", caption)


LINES = [
    (colour, line) for line in ("-", "--", ":") for colour in (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
]  # colours repeat with another stroke


def draw_training(method: str, stages: Mapping[str, Evidence]) -> Drawing | None:
    """The losses of a method's own training stages, a panel each; None without histories."""
    histories = {
        name: _history(found.result.history if isinstance(found.result, TrainingResult) else ()) for name, found in stages.items()
    }
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
    said = "; ".join(f"{name}: {', '.join(curves)}" for name, curves in shown.items())
    caption = f"Losses of {method}, seed {seed}."
    return Drawing(f"training-{method}", svg, f"Training losses of {method} by step. {said}.", caption)


Curves = dict[str, tuple[list[float], list[float]]]  # steps and values by loss


def _history(entries: Sequence[Mapping[str, float]]) -> Curves:
    """Finite losses by name, averaged over blocks where there are many."""
    names = dict.fromkeys(name for entry in entries for name in entry if name != "step")
    curves = {}
    for name in names:
        found = [(e["step"], e[name]) for e in entries if name in e and math.isfinite(e[name])]
        if found:
            blocks = np.array_split(np.array(found, dtype=np.float64), min(len(found), 150))
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
    """A logarithmic axis where losses of different sizes would else be one line at the bottom."""
    from matplotlib.ticker import LogLocator

    positive = [value for value in values if value > 0]
    ratio = max(positive) / min(positive) if positive and min(values) >= 0 else 1
    if ratio < 20:
        return
    axis.set_yscale("log", nonpositive="mask")
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0) if ratio < 1000 else (1.0,)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("")
