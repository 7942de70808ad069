"""Visual comparison: an image with a marked region, and crops of the region from every method, with scores of the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.catalog.metrics import get_metric
from benchmarks.core.text import number
from reports.figures.drawing import INK, MUTED, VERMILLION, Drawing, make_figure, style, to_svg
from reports.figures.samples import HR, LR, Sample, cut, shrunk
from reports.measurements import Column

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROWS = 2
GAP, TEXT, INCH = 0.09, 0.42, 1.0  # gap between panels and height of captions, in sides of a crop; side of a crop, in inches
FONT = 6.6  # points
LETTERS_TITLE, LETTERS_SCORES = 105, 135  # font size times the letters that fit over a crop: bold titles, scores
OVERVIEW = 512  # pixels a side of the whole image


def draw_sample(sample: Sample, methods: Sequence[str], columns: Sequence[Column], name: str) -> Drawing:
    """The comparison of one image as a drawing for the page.

    Args:
        sample: the image in every version.
        methods: names of the methods to show.
        columns: scores in the captions of crops, all under one protocol.
        name: of the drawing's files.
    """
    with style():
        svg = to_svg(comparison(sample, methods, columns))
    captions = [" ".join(filter(None, _caption(sample, version, columns))) for version in _shown(sample, methods)]
    top, left, height, width = sample.region
    entries = [get_metric(metric) for _, metric in columns]
    scores = " / ".join(f"{entry.label} in {entry.unit}" if entry.unit else entry.label for entry in entries)
    under = f" {scores} of the image under {columns[0][0]}." if columns else ""
    region = f"the marked {width}×{height} pixels at row {top}, column {left}, where the methods differ most"
    caption = f"{sample.name}: {region}.{under}"
    return Drawing(name, svg, f"A region of {sample.name} from every method. {'; '.join(captions)}.", caption, wide=True)


def comparison(sample: Sample, methods: Sequence[str], columns: Sequence[Column]) -> Figure:
    """The comparison as a figure: the whole image at the left, crops in two rows. To be called within ``style()``."""
    shown = _shown(sample, methods)
    across = -(-len(shown) // ROWS)
    row_height = 1 + TEXT
    whole = sample.images.get(HR, sample.images[shown[-1]])
    tall = ROWS * row_height - TEXT
    wide = min(2 * tall, tall * whole.shape[1] / whole.shape[0])
    width, height = wide + across * (1 + GAP), ROWS * row_height
    figure = make_figure(height * INCH, width * INCH)
    figure.set_layout_engine("none")
    axis = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axis.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
    axis.set_axis_off()
    _overview(axis, sample, whole, (wide, tall))
    for index, version in enumerate(shown):
        left, top = wide + GAP + index % across * (1 + GAP), index // across * row_height
        crop = cut(sample.images[version], sample.region, sample.scale if version == LR else 1)
        axis.imshow(crop, extent=(left, left + 1, top + 1, top), interpolation="none", aspect="auto")
        title, scores = _caption(sample, version, columns)
        sizes = (min(FONT, LETTERS_TITLE / len(title)), min(FONT, LETTERS_SCORES / max(1, len(scores))))
        axis.text(left, top + 1.05, title, va="top", fontsize=sizes[0], fontweight="bold", color=INK)
        axis.text(left, top + 1.21, scores, va="top", fontsize=sizes[1], color=MUTED)
    axis.set(xlim=(0, width), ylim=(height, 0))
    return figure


def _shown(sample: Sample, methods: Sequence[str]) -> list[str]:
    return [version for version in sample.images if version in (LR, HR) or version in methods]


def _caption(sample: Sample, version: str, columns: Sequence[Column]) -> tuple[str, str]:
    """Title and scores of a crop."""
    labels = " / ".join(get_metric(metric).label for _, metric in columns)
    if version in (LR, HR):
        return (LR, "nearest neighbour") if version == LR else (HR, labels)
    scores = [(metric, sample.scores(version, protocol).get(metric)) for protocol, metric in columns]
    return version, " / ".join(number(score, get_metric(metric).digits) for metric, score in scores if score is not None)


def _overview(axis: Axes, sample: Sample, whole: object, size: tuple[float, float]) -> None:
    """Draw the whole image, fitted into a size; its region is marked in white under a colour, to be seen on any ground."""
    import numpy as np
    from matplotlib.patches import Rectangle

    image = np.asarray(whole, dtype=np.uint8)
    scale = min(size[0] / image.shape[1], size[1] / image.shape[0])
    extent = (0, image.shape[1] * scale, image.shape[0] * scale, 0)
    axis.imshow(shrunk(image, OVERVIEW), extent=extent, interpolation="none", aspect="auto")
    top, left, height, width = (value * scale for value in sample.region)
    for colour, line in (("#ffffff", 2.6), (VERMILLION, 1.4)):
        axis.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=colour, linewidth=line))
    axis.text(0, size[1] + 0.05, sample.name, va="top", fontsize=FONT, fontweight="bold", color=INK)
