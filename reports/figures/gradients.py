"""Gradients of loss terms: their norms as bars, and the cosines between them as a matrix, for each network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.measuring.joint_gradients import NetworkGradients
from reports.figures.drawing import BLUE, make_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROW = 0.34  # inches of a term
BORDERS = 1.4  # inches above and below the rows of a network


def draw_gradients(gradients: Sequence[NetworkGradients]) -> Figure:
    """Bars of norms on a logarithmic axis, and matrices of cosines from -1 to 1. To be called within ``style()``."""
    heights = [ROW * len(own.norms) + BORDERS for own in gradients]
    figure = make_figure(sum(heights), width=7.2)
    rows = figure.subplots(len(gradients), 2, squeeze=False, height_ratios=heights, width_ratios=(1, 2))
    for own, (bars, matrix) in zip(gradients, rows, strict=True):
        terms, places = list(own.norms), range(len(own.norms))
        bars.barh(places, list(own.norms.values()), color=BLUE)
        bars.set(yticks=places, yticklabels=terms, xscale="log", title=f"{own.network}: norm of the gradient")
        bars.invert_yaxis()
        cosines = [[own.cosines[term].get(other, float("nan")) for other in terms] for term in terms]
        matrix.imshow(cosines, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
        matrix.set(xticks=places, yticks=places, yticklabels=[""] * len(terms), title="cosine between gradients")
        matrix.set_xticks(places, terms, rotation=45, ha="right")
        matrix.grid(visible=False)
        for row, values in enumerate(cosines):
            for column, cosine in enumerate(values):
                shade = "white" if abs(cosine) > 0.6 else "black"
                matrix.text(column, row, f"{cosine:+.2f}", ha="center", va="center", size=7, color=shade)
    return figure
