"""``python -m benchmarks.export``: finished results in the formats of other sites."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.core.command import Parser, named_path, refuse_file, run_command
from benchmarks.core.errors import UsageError

EXAMPLES = """\
examples:
  python -m benchmarks.export --results runs --output export
  python -m benchmarks.export --results runs --results submissions/mine --output export
  python -m benchmarks.export --results runs --output export --hub my-team --url https://example.org/results

Writes, from result files alone:
  results.csv                        a row for each number: task, data, protocol, model, metric, value, interval, rank, origin
  models/*/README.md                 a model card for Hugging Face beside the weights of each training, with its model-index
  models/*/.eval_results/*.yaml      evaluation results for Hugging Face, one file a data set
  datasets/*.croissant.json          Croissant metadata of the cards of the used data sets
  results/*/result.json              the result files
  ro-crate-metadata.json             RO-Crate of all files: cells as actions, with code, machine and data

Names of methods, images and data sets are escaped in each format. Result files name the machine, and folders of your own images:
look at them before you publish. Files that an earlier export wrote and this one does not are removed; others are kept.

exit codes: 0 written, 1 something failed, 2 wrong use or nothing to export
"""


def make_parser() -> Parser:
    """Parser of the command line."""
    parser = Parser("python -m benchmarks.export", "Write finished results in the formats of other sites.", EXAMPLES)
    parser.add_argument(
        "--results", action="append", type=named_path, metavar="DIR", help="folder of a run or of submissions; repeatable (runs)"
    )
    parser.add_argument("--output", type=named_path, metavar="DIR", help="folder to write to")
    parser.add_argument(
        "--hub", default="cincgan-benchmark", metavar="NAME", help="owner of the data sets on the Hugging Face Hub"
    )
    parser.add_argument("--url", default="", metavar="URL", help="address of the results, as their source there")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(make_parser(), arguments, _dispatch)


def _dispatch(options: argparse.Namespace) -> int:
    from benchmarks.execution.outcome import say
    from reports.build import refuse_results_folder
    from reports.exports.writing import export
    from reports.sharing.merging import load_merged
    from reports.studies import without_replaced_weights

    if options.output is None:
        raise UsageError("--output DIR is missing: name a folder to write to")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}", options.hub):
        raise UsageError(f"--hub {options.hub!a:.80}: give the name of an account of the Hub")
    if options.url and not re.fullmatch(r"https?://[^\s<>\"]+", options.url):
        raise UsageError(f"--url {options.url!a:.80}: give an address that begins with https://")
    refuse_file("--output", options.output)
    refuse_results_folder(options.output)
    evidence, lines = without_replaced_weights(load_merged(options.results or [Path("runs")], leave_out=say))
    for line in lines:
        say(line)
    for line in export(evidence, options.output, namespace=options.hub, url=options.url):
        print(line)
    print(f"export   {options.output.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
