"""``python -m reports.comparison``: one test image as every method of a run made it, side by side, with its scores."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.data.decode import Image, decode
from benchmarks.data.images import DataSpec
from benchmarks.errors import BenchmarkError, UsageError, unknown
from benchmarks.profile import load_profile
from benchmarks.results import read_result

PROTOCOL = "ntire2018"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m reports.comparison",
        description="Draw one sample image as every method of a finished run made it.",
        epilog="example: python -m reports.comparison --image coffee-8-12 --figure comparison.png",
        allow_abbrev=False,
    )
    parser.add_argument("--output", type=Path, default=Path("runs"), metavar="DIR", help="the run's folder (default: runs)")
    parser.add_argument("--profile", default="demo", metavar="NAME", help="the run's profile, for LR and HR (default: demo)")
    parser.add_argument("--image", required=True, metavar="NAME", help="one of the images under runs/cells/evaluate-*/samples")
    parser.add_argument("--figure", type=Path, required=True, metavar="FILE", help="PNG or PDF to write")
    options = parser.parse_args(arguments)
    try:
        draw(_panels(options.output, options.profile, options.image), options.figure)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _panels(output: Path, profile_name: str, image: str) -> list[tuple[str, Image]]:
    """Caption and pixels ``(H, W, 3)`` uint8 of LR, of every method in the order of their PSNR, and of HR."""
    from benchmarks.data.cards import load_dataset_card

    profile = load_profile(profile_name)
    data = DataSpec(load_dataset_card(profile.datasets[0]), profile.degradation, profile.track2_like)
    pairs = {pair.name: pair for pair in data.test_pairs()}
    if image not in pairs:
        raise unknown("image", image, pairs)
    found = [_panel(path, image) for path in sorted(output.glob("cells/evaluate-*/result.json"))]
    made = [panel for panel in found if panel is not None]
    if not made:
        raise UsageError(f"{output}: no sample of '{image}' here: run python -m benchmarks.run --all --output {output}")
    panels = [(caption, pixels) for _, caption, pixels in sorted(made, key=lambda panel: panel[0])]
    scale = data.card.scale
    return [("LR", pairs[image].lr.repeat(scale, 0).repeat(scale, 1)), *panels, ("HR", pairs[image].hr)]


def _panel(path: Path, image: str) -> tuple[float, str, Image] | None:
    result: dict[str, Any] = read_result(path)
    sample = path.parent / "samples" / f"{image}.png"
    if not sample.is_file() or result["cell"]["seed"] not in (None, 0):
        return None
    scores = result["scores"][PROTOCOL]
    caption = f"{result['cell']['label']}\n{scores['psnr'][image]:.2f} dB / {scores['ssim'][image]:.3f}"
    return scores["psnr"][image], caption, decode(sample, f"sample '{image}'", "recompute the cell with --force")


def draw(panels: Sequence[tuple[str, Image]], figure: Path) -> None:
    """Write the panels as one row.

    Args:
        panels: caption and pixels ``(H, W, 3)`` uint8 RGB.
        figure: file to write; its ending names the format.

    Raises:
        UsageError: the file cannot be written, or its format is unknown.
    """
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(2.2 * len(panels), 2.7), layout="constrained")
    for axis, (caption, pixels) in zip(canvas.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        axis.imshow(pixels, interpolation="nearest")
        axis.set_title(caption, fontsize=9)
        axis.set_axis_off()
    try:
        canvas.savefig(figure, dpi=110)
    except (OSError, ValueError) as error:
        raise UsageError(f"{figure}: cannot be written ({error}): check the folder and use .png or .pdf") from error


if __name__ == "__main__":
    sys.exit(main())
