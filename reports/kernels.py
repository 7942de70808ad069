"""``python -m reports.kernels``: blur kernels and noise that PDM-SR has learned, beside those of ``track2-like``.

Real data never tell the truth. Those that ``track2-like`` has degraded do: it draws a kernel for each image, and so does PDM-SR.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.core.command import Parser, end_process, named_path, run_command
from benchmarks.core.errors import UsageError

if TYPE_CHECKING:
    from benchmarks.degradations.track2_like import Track2Like

STAGE = "pdm-degradation"


def make_parser() -> Parser:
    """The command line."""
    parser = Parser(
        "python -m reports.kernels",
        "Draw the blur kernels that PDM-SR has learned beside those of track2-like, and print widths and noise of both.",
        "example: python -m reports.kernels --figure kernels.png      after: python -m benchmarks.run --methods pdm\n\n"
        "exit codes: 0 drawn, 2 wrong use, no such training, or LR images that track2-like has not made",
    )
    folder = "results folder of the run (default: runs)"
    parser.add_argument("--results", type=named_path, default=Path("runs"), metavar="DIR", help=folder)
    parser.add_argument("--method", choices=("pdm", "pdm/one-kernel"), default="pdm", help="method (default: pdm)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the training (default: 0)")
    parser.add_argument("--figure", type=named_path, required=True, metavar="FILE", help="PNG, SVG or PDF to write")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(make_parser(), arguments, _dispatch)


def _dispatch(options: argparse.Namespace) -> int:
    from benchmarks.results.files import read_result
    from benchmarks.results.layout import CELLS, RESULT
    from benchmarks.results.trained import latest_evaluation, load_stage, training_folder
    from reports.figures.drawing import save, style
    from reports.figures.kernels import draw, learned, to_markdown, true

    evaluation = latest_evaluation(options.results, options.method, options.seed)
    folder = training_folder(options.results / CELLS, evaluation.cell.needs[STAGE])
    stage, data = load_stage(folder), read_result(folder / RESULT).data
    draws = {
        "learned": learned(stage),
        "track2-like": true(_truth(data.degradation, data.parameters, options.results), data.scale),
    }
    with style():
        save(draw(draws), options.figure)
    print("\n".join(to_markdown(draws)))
    return 0


def _truth(name: str, parameters: Mapping[str, object] | None, results: Path) -> Track2Like:
    """The degradation of a result. Raises UsageError if it is another than track2-like."""
    from benchmarks.core.strict import build
    from benchmarks.degradations.track2_like import Track2Like

    if name != Track2Like.name:
        made = f"made by {name}" if name else "the data set's own"
        raise UsageError(f"{results}: its LR images are {made}: kernels are known of {Track2Like.name} alone")
    return build(Track2Like, dict(parameters or {}), str(results), "parameters")


if __name__ == "__main__":
    end_process(main())
