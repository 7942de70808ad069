"""Blur kernels and noise that PDM-SR has learned, and those of ``track2-like``, as a figure and as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reports.figures.drawing import BLUE, MUTED, VERMILLION, make_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from benchmarks.api.method import TrainedStage
    from benchmarks.degradations.track2_like import Track2Like

KERNELS = 200
SHOWN = 6
GREY = 127.5  # level of the flat image whose noise is measured
SIDE = 96  # of that image, in LR pixels
SPAN = 9  # HR pixels around the centre of a kernel that are drawn


@dataclass(frozen=True)
class Draws:
    """Random draws of a degradation.

    Attributes:
        kernels: ``(N, K, K)``, each with the sum 1.
        noise: ``(h, w, 3)`` in grey levels, on a flat grey image.
    """

    kernels: NDArray[np.float64]
    noise: NDArray[np.float64]

    @property
    def widths(self) -> NDArray[np.float64]:
        """Standard deviations of each kernel along its minor and its major axis, ``(N, 2)``, in HR pixels."""
        places = np.arange(self.kernels.shape[1]) - (self.kernels.shape[1] - 1) / 2
        grid = np.stack(np.meshgrid(places, places, indexing="ij"), axis=-1)
        means = np.einsum("nyx,yxi->ni", self.kernels, grid)
        moments = np.einsum("nyx,yxi,yxj->nij", self.kernels, grid, grid) - means[:, :, None] * means[:, None]
        widths: NDArray[np.float64] = np.sqrt(np.linalg.eigvalsh(moments))
        return widths

    @property
    def lines(self) -> dict[str, str]:
        """Widths with their spread over kernels, and strength and correlation of the noise, as text."""
        minor, major = (f"{axis.mean():.2f} ± {axis.std():.2f}" for axis in self.widths.T)
        neighbours = ((self.noise[:, :-1], self.noise[:, 1:]), (self.noise[:-1], self.noise[1:]))
        correlation = np.mean([np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in neighbours])
        return {
            "minor axis of kernels, HR pixels": minor,
            "major axis of kernels, HR pixels": major,
            "noise, grey levels": f"{self.noise.std():.1f}",
            "correlation of noise between neighbouring pixels": f"{correlation:.2f}",
        }


def learned(stage: TrainedStage) -> Draws:
    """Kernels and noise of PDM-SR's modules, of random codes that are the same in every call."""
    import torch

    from baselines.pdm.network import CODE, kernel_module, noise_module

    kernel, noise = kernel_module(stage.settings), noise_module(stage.settings)
    for name, module in (("kernel", kernel), ("noise", noise)):
        module.load_state_dict(stage.weights[name])
        module.eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        kernels = kernel(torch.randn(KERNELS, CODE, 1, 1, generator=generator) * stage.settings.random_kernels)
        grey = torch.full((1, 3, SIDE, SIDE), GREY / 255)
        added = 255 * noise(grey, torch.randn(grey.shape, generator=generator))
    return Draws(kernels[:, 0].double().numpy(), added[0].permute(1, 2, 0).double().numpy())


def true(degradation: Track2Like, scale: int) -> Draws:
    """Kernels and noise of the degradation that made the LR images."""
    generator = np.random.default_rng(0)
    kernels = np.stack([degradation.blur_kernel(generator) for _ in range(KERNELS)])
    return Draws(kernels, degradation.apply(np.full((scale * SIDE, scale * SIDE, 3), GREY), scale, "grey") - GREY)


def draw(draws: Mapping[str, Draws]) -> Figure:
    """A row of kernels for each degradation, and below the widths of all kernels."""
    figure = make_figure(4.6)
    halves: Any = figure.subfigures(2, 1, height_ratios=(1, 1.5))
    upper, lower = halves
    axes = upper.subplots(len(draws), SHOWN)
    peak = max(entry.kernels[:SHOWN].max() for entry in draws.values())
    for row, (name, entry) in zip(axes, draws.items(), strict=True):
        half = entry.kernels.shape[1] / 2
        for axis, kernel in zip(row, entry.kernels, strict=False):
            axis.imshow(kernel, extent=(-half, half, half, -half), cmap="Greys", vmin=0, vmax=peak)
            axis.set(xlim=(-SPAN, SPAN), ylim=(SPAN, -SPAN), xticks=[], yticks=[])
        row[0].set_ylabel(name)
    plane = lower.subplots()
    for (name, entry), colour, marker in zip(draws.items(), (BLUE, VERMILLION), "ox", strict=True):
        minor, major = entry.widths.T
        plane.scatter(minor, major, s=14, c=colour, marker=marker, alpha=0.6, linewidths=0.8, label=name)
    low, high = plane.get_xlim()[0], plane.get_ylim()[1]
    plane.plot([low, high], [low, high], color=MUTED, linewidth=0.6, zorder=0)  # round kernels
    plane.set(xlim=plane.get_xlim(), xlabel="standard deviation along the minor axis, HR pixels", ylabel="along the major axis")
    plane.legend(loc="lower right")
    return figure


def to_markdown(draws: Mapping[str, Draws]) -> list[str]:
    """Lines of a Markdown table of widths and noise, a column for each degradation."""
    columns = [entry.lines for entry in draws.values()]
    rows = [f"| {key} | {' | '.join(column[key] for column in columns)} |" for key in columns[0]]
    return [f"| | {' | '.join(draws)} |", f"|---|{'---|' * len(columns)}", *rows]
