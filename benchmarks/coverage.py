"""``python -m benchmarks.coverage``: how often the intervals of tables hold the truth, in simulations; docs/intervals.md."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.core.blocks import END, begin, with_block
from benchmarks.core.command import Parser, end_process, named_path, run_command
from benchmarks.core.errors import UsageError

EXAMPLES = """\
examples:
  python -m benchmarks.coverage                                    two minutes on one core
  python -m benchmarks.coverage --simulations 200                  a first look
  python -m benchmarks.coverage --write docs/intervals.md          replaces the generated part of the document

Simulated scores of 5 to 100 photographs and 1 to 5 trainings; the same command gives the same table.

exit codes: 0 simulated, 2 wrong use, or the file cannot be written
"""
COMMAND = "python -m benchmarks.coverage"


def make_parser() -> Parser:
    """Parser of the command line."""
    parser = Parser("python -m benchmarks.coverage", "Simulate how often intervals hold the truth.", EXAMPLES)
    parser.add_argument("--simulations", type=int, default=2000, metavar="N", help="simulated tables a row (default: 2000)")
    parser.add_argument("--write", type=named_path, metavar="FILE", help="replace the generated part of a Markdown file")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(make_parser(), arguments, _dispatch)


def _dispatch(options: argparse.Namespace) -> int:
    from benchmarks.core.files import write_text
    from benchmarks.core.progress.step_progress import StepProgress
    from benchmarks.statistics.coverage import CORRELATIONS, PHOTOGRAPHS, TRAININGS, study, to_markdown

    if options.simulations < 1:
        raise UsageError(f"--simulations {options.simulations}: give 1 or more")
    document = _document(options.write) if options.write else ""
    shares, rows = [], len(CORRELATIONS) * len(PHOTOGRAPHS) * len(TRAININGS)
    with StepProgress("simulate") as progress:
        for row in study(options.simulations):
            shares.append(row)
            progress.update(len(shares), rows, {})
    table = f"{options.simulations:,} simulations a number.\n\n{to_markdown(shares)}"
    if options.write:
        write_text(options.write, with_block(document, COMMAND, table.strip(), f"--write {options.write}"))
        print(f"written  {options.write}")
    else:
        print(table, end="")
    return 0


def _document(path: Path) -> str:
    """Text of a Markdown file. Raises UsageError if it cannot be read or has no part that this command writes."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--write {path}: cannot be read: name a Markdown file with the lines {begin(COMMAND)} and {END}"
        ) from error
    with_block(text, COMMAND, "", f"--write {path}")
    return text


if __name__ == "__main__":
    end_process(main())
