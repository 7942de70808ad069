"""The paper's visual comparison: an image with a marked region, and the region as every method made it, with its scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.core.text import number
from reports.figures import INK, MUTED, VERMILLION, Drawing, make_figure, style, to_svg
from reports.pictures import HR, LR, Sample, cut, shrunk

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from reports.reported import Paper
    from reports.studies import Study

ROWS = 2
GAP, TEXT, INCH = 0.09, 0.42, 1.0  # of a crop's side: between panels, for a caption; and a crop's side in inches
FONT = 6.6  # points
OVERVIEW = 512  # pixels a side of the whole image


def draw_sample(sample: Sample, methods: Sequence[str], protocol: str, name: str) -> Drawing:
    """The comparison of one image as a drawing for the page.

    Args:
        sample: the image in every version.
        methods: those that are shown.
        protocol: whose PSNR and SSIM the captions give.
        name: of the drawing's files.
    """
    with style():
        svg = to_svg(comparison(sample, methods, protocol))
    said = "; ".join(caption.replace("\n", " ") for caption in (_caption(sample, m, protocol) for m in _shown(sample, methods)))
    top, left, height, width = sample.region
    caption = (
        f"{sample.name}: the marked {width}×{height} pixels at row {top}, column {left}, where the methods differ most. "
        f"PSNR in dB / SSIM of the image under {protocol}."
    )
    return Drawing(name, svg, f"A region of {sample.name} as every method made it. {said}.", caption, wide=True)


def comparison(sample: Sample, methods: Sequence[str], protocol: str) -> Figure:
    """The comparison as a figure: the whole image at the left, crops in two rows. To be called within ``figures.style()``."""
    shown = _shown(sample, methods)
    columns = -(-len(shown) // ROWS)
    row_height = 1 + TEXT
    whole = sample.images.get(HR, sample.images[shown[-1]])
    tall = ROWS * row_height - TEXT
    wide = min(2 * tall, tall * whole.shape[1] / whole.shape[0])
    width, height = wide + columns * (1 + GAP), ROWS * row_height
    figure = make_figure(height * INCH, width * INCH)
    figure.set_layout_engine("none")
    axis = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axis.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
    axis.set_axis_off()
    _overview(axis, sample, whole, (wide, tall))
    for index, version in enumerate(shown):
        left, top = wide + GAP + index % columns * (1 + GAP), index // columns * row_height
        crop = cut(sample.images[version], sample.region, sample.scale if version == LR else 1)
        axis.imshow(crop, extent=(left, left + 1, top + 1, top), interpolation="none", aspect="auto")
        title, _, scores = _caption(sample, version, protocol).partition("\n")
        size = min(FONT, 105 / len(title))  # points: a long name stays over its crop
        axis.text(left, top + 1.05, title, va="top", fontsize=size, fontweight="bold", color=INK)
        axis.text(left, top + 1.21, scores, va="top", fontsize=FONT, color=MUTED)
    axis.set(xlim=(0, width), ylim=(height, 0))
    return figure


def caption_protocol(study: Study, paper: Paper) -> str:
    """The paper's protocol where a study has it, or else the first one that it has."""
    scores = next(iter(study.methods.values()))[0].evaluation.scores
    return paper.protocol if paper.protocol in scores else next(iter(scores), "")


def _shown(sample: Sample, methods: Sequence[str]) -> list[str]:
    return [version for version in sample.images if version in (LR, HR) or version in methods]


def _caption(sample: Sample, version: str, protocol: str) -> str:
    if version in (LR, HR):
        return "LR\nnearest neighbour" if version == LR else "HR\nPSNR / SSIM"
    scores = sample.scores(version, protocol)
    found = [number(scores[metric], digits) for metric, digits in (("psnr", 2), ("ssim", 3)) if metric in scores]
    return f"{version}\n{' / '.join(found)}"


def _overview(axis: Axes, sample: Sample, whole: object, size: tuple[float, float]) -> None:
    """The whole image, fitted into a size, with its region marked twice, so that it shows on any ground."""
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
