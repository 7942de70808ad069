"""``python -m reports.comparison``: one test image as every method of a run made it, side by side, with its scores."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.command import Parser, run_command
from benchmarks.data.decode import Image, decode
from benchmarks.errors import UsageError, unknown
from benchmarks.plan import Cell, make_plan
from benchmarks.profile import load_profile
from benchmarks.workspace import Workspace

COLUMNS = 7


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = Parser(
        "python -m reports.comparison",
        "Draw one sample image as every method of a finished run made it.",
        "example: python -m reports.comparison --image coffee-8-12 --figure comparison.png",
    )
    parser.add_argument("--output", type=Path, default=Path("runs"), metavar="DIR", help="the run's folder (default: runs)")
    parser.add_argument("--profile", default="demo", metavar="NAME", help="the run's profile, for LR and HR (default: demo)")
    parser.add_argument("--image", required=True, metavar="NAME", help="one of the images under runs/cells/evaluate-*/samples")
    parser.add_argument("--figure", type=Path, required=True, metavar="FILE", help="PNG or PDF to write")
    return run_command(parser, arguments, _dispatch)


def _dispatch(options: argparse.Namespace) -> int:
    draw(_panels(options.output, options.profile, options.image), options.figure)
    return 0


def _panels(output: Path, profile_name: str, image: str) -> list[tuple[str, Image]]:
    """Caption and pixels ``(H, W, 3)`` uint8 of LR, of every finished method (first seed), and of HR."""
    profile = load_profile(profile_name)
    workspace = Workspace(output)
    evaluations = [cell for cell in make_plan(profile, datasets=profile.datasets[:1]) if cell.kind == "evaluate"]
    finished = [cell for cell in evaluations if cell.seed in (None, profile.seeds[0]) and workspace.read(cell)]
    samples = {path.stem for cell in finished for path in (workspace.folder(cell) / "samples").glob("*.png")}
    if not finished:
        raise UsageError(f"{output}: nothing finished of profile '{profile_name}' here: run python -m benchmarks.run --all first")
    if image not in samples:
        raise unknown("sample", image, samples)
    data = evaluations[0].data
    pair = next(pair for pair in data.test_pairs() if pair.name == image)
    scale = data.card.scale
    panels = [_panel(cell, workspace, image) for cell in finished]
    return [("LR", pair.lr.repeat(scale, 0).repeat(scale, 1)), *panels, ("HR", pair.hr)]


def _panel(cell: Cell, workspace: Workspace, image: str) -> tuple[str, Image]:
    scores = (workspace.read(cell) or {})["scores"]
    protocol = "ntire2018" if "ntire2018" in scores else next(iter(scores))
    psnr, ssim = (scores[protocol][metric][image] for metric in ("psnr", "ssim"))
    sample = workspace.folder(cell) / "samples" / f"{image}.png"
    pixels = decode(sample, f"sample '{image}'", "recompute the cell with --force")
    return f"{cell.label}\n{psnr:.2f} dB / {ssim:.3f}", pixels


def draw(panels: Sequence[tuple[str, Image]], figure: Path) -> None:
    """Write the panels in rows of at most ``COLUMNS``.

    Args:
        panels: caption and pixels ``(H, W, 3)`` uint8 RGB.
        figure: file to write; its ending names the format.

    Raises:
        UsageError: the file cannot be written, or its format is unknown.
    """
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    canvas = Figure(figsize=(2.2 * columns, 2.7 * rows), layout="constrained")
    axes = canvas.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, (caption, pixels) in zip(axes, panels, strict=False):
        axis.imshow(pixels, interpolation="nearest")
        axis.set_title(caption, fontsize=9)
    try:
        canvas.savefig(figure, dpi=110)
    except (OSError, ValueError) as error:
        raise UsageError(f"{figure}: cannot be written ({error}): check the folder and use .png or .pdf") from error


if __name__ == "__main__":
    sys.exit(main())
