"""``python -m reports.comparison``: one test image as every method of a run made it, side by side, with its scores."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.core.command import Parser, named_path, run_command
from benchmarks.core.errors import UsageError, unknown


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = Parser(
        "python -m reports.comparison",
        "Draw one sample image as every method of a finished run made it.",
        "example: python -m reports.comparison --image coffee-8-12 --figure comparison.png",
    )
    parser.add_argument("--output", type=named_path, default=Path("runs"), metavar="DIR", help="the run's folder (default: runs)")
    parser.add_argument("--data-dir", type=named_path, metavar="DIR", help="your own images, where results are of them")
    parser.add_argument("--profile", default="demo", metavar="NAME", help="the run's profile (default: demo)")
    parser.add_argument("--image", required=True, metavar="NAME", help="one of the images under runs/cells/evaluate-*/samples")
    parser.add_argument("--figure", type=named_path, required=True, metavar="FILE", help="PNG, SVG or PDF to write")
    return run_command(parser, arguments, _dispatch)


def _dispatch(options: argparse.Namespace) -> int:
    from reports.figures import save, style
    from reports.pictures import load_samples
    from reports.reported import load_paper
    from reports.studies import UNKNOWN, load_evidence, make_studies
    from reports.visual import caption_protocol, comparison

    evidence = load_evidence(options.output, [str(options.data_dir.absolute())] if options.data_dir else ())
    studies = [study for study in make_studies(evidence) if study.profile in (options.profile, UNKNOWN)]
    if not studies:
        raise UsageError(f"{options.output}: nothing finished of profile '{options.profile}': run python -m benchmarks.run --all")
    study = studies[0]
    samples, notes = load_samples(study)
    sample = next((sample for sample in samples if sample.name == options.image), None)
    if sample is None:
        raise unknown("sample", options.image, [sample.name for sample in samples])
    for note in notes:
        print(note, file=sys.stderr)
    methods = [method for method in study.methods if "/" not in method]
    with style():
        save(comparison(sample, methods, caption_protocol(study, load_paper())), options.figure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
