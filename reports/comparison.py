"""``python -m reports.comparison``: one test image from every method of a run, side by side, with its scores."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.core.command import Parser, end_process, named_path, refuse_inside, run_command
from benchmarks.core.errors import UsageError, unknown


def make_parser() -> Parser:
    """The command line."""
    parser = Parser(
        "python -m reports.comparison",
        "Draw one sample image from every method of a finished run, side by side, with its scores.",
        "example: python -m reports.comparison --image coffee-104-108 --figure comparison.png\n\n"
        "exit codes: 0 drawn, 2 wrong use or no such image",
    )
    parser.add_argument(
        "--results", type=named_path, default=Path("runs"), metavar="DIR", help="results folder of the run (default: runs)"
    )
    parser.add_argument("--data-dir", type=named_path, metavar="DIR", help="folder of your own images, if results are of them")
    parser.add_argument("--profile", default="demo", metavar="NAME", help="profile of the run (default: demo)")
    parser.add_argument(
        "--image", required=True, metavar="NAME", help="name of a sample image, as in runs/cells/evaluate-*/samples"
    )
    parser.add_argument("--figure", type=named_path, required=True, metavar="FILE", help="PNG, SVG or PDF to write")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(make_parser(), arguments, _dispatch)


def _dispatch(options: argparse.Namespace) -> int:
    from benchmarks.execution.outcome import say
    from reports.chapters import caption_columns, make_chapters
    from reports.figures.crops import comparison
    from reports.figures.drawing import save, style
    from reports.figures.samples import load_samples
    from reports.paper import load_papers
    from reports.studies import UNKNOWN, load_evidence

    refuse_inside("--figure", options.figure, (options.data_dir,))
    evidence = load_evidence(options.results, [str(options.data_dir.absolute())] if options.data_dir else (), say)
    chapters = make_chapters(evidence, load_papers().values())
    chapter = next((chapter for chapter in chapters if chapter.study.profile in (options.profile, UNKNOWN)), None)
    if chapter is None:
        raise UsageError(
            f"{options.results}: no finished evaluation of profile '{options.profile}': run python -m benchmarks.run --all"
        )
    samples, notes = load_samples(chapter.study)
    sample = next((sample for sample in samples if sample.name == options.image), None)
    if sample is None:
        raise unknown("sample", options.image, [sample.name for sample in samples])
    for note in notes:
        print(note, file=sys.stderr)
    methods = [method for method in chapter.study.methods if "/" not in method]
    with style():
        save(comparison(sample, methods, caption_columns(chapter)), options.figure)
    return 0


if __name__ == "__main__":
    end_process(main())
