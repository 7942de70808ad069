"""Style of all figures: colours, marks of methods, SVG with a version for dark surroundings.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; markers and hatches repeat the distinction. The dark
version is the light one with other colours, text for text, so that nothing is drawn twice.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.catalog.metrics import get_metric
from benchmarks.core.errors import UsageError
from benchmarks.statistics.intervals import Estimate
from reports.tables import OWN, group_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
    """Marks of a kind of method."""

    colour: str
    marker: str
    hatch: str
    title: str


LOOKS = {
    "rival": Look(BLUE, "o", "", "rival"),
    "under study": Look(VERMILLION, "D", "////", "method under study"),
    "classical": Look(SKY, "v", "...", "classical floor"),
    "supervised": Look(GREEN, "s", "....", "supervised reference"),
    "released": Look(PURPLE, "^", "xxxx", "released weights"),
    OWN: Look(ORANGE, "P", "++++", "your own model"),
}


@dataclass(frozen=True)
class Drawing:
    """A figure for the page.

    Attributes:
        name: of its files, without an ending.
        svg: the light version.
        alt: its content in words, for readers who cannot see it.
        caption: protocol, units and meaning of its marks.
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
        return re.sub("|".join(DARK), lambda match: DARK[match[0]], self.svg)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in points."""
        match = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', self.svg)
        return (round(float(match[1])), round(float(match[2]))) if match else (0, 0)


@contextmanager
def style() -> Iterator[None]:
    """A context in which matplotlib draws in the project's style, whatever the user's own is."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # the caption beside has the name in the reader's fonts
        matplotlib.rcdefaults()
        parameters: Any = matplotlib.rcParams  # its keys are literals to a type checker
        parameters.update(STYLE)
        yield


def make_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure; height and width in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def to_svg(figure: Figure, description: str = "") -> str:
    """The figure as SVG text, without dates: the same figure gives the same text. A description stands in its metadata."""
    content = io.BytesIO()
    figure.savefig(content, format="svg", metadata=NO_DATES["svg"] | ({"Description": description} if description else {}))
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


def look(method: str, under_study: Collection[str]) -> Look:
    """Marks of a method; the variants of a method under study are marked as the method is."""
    return LOOKS["under study" if method.partition("/")[0] in under_study else group_of(method)]


def axis_title(metric: str, protocol: str) -> str:
    """Label, unit, protocol and direction of a metric, for a horizontal axis."""
    entry = get_metric(metric)
    unit = f" in {entry.unit}" if entry.unit else ""
    return f"{entry.label}{unit}, {protocol}  (better: {'right' if entry.higher_is_better else 'left'})"


def arms(estimate: Estimate) -> tuple[float, float]:
    """Lengths of an estimate's interval below and above its mean; 0 without an interval."""
    if not estimate.has_interval:
        return 0.0, 0.0
    return estimate.mean - estimate.low, estimate.high - estimate.mean
