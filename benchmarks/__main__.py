"""``cincgan-bench``, or ``python -m benchmarks``: every command of the project under one name."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from benchmarks.core.command import Parser, end_process, run_command
from benchmarks.core.errors import UsageError, unknown

PROGRAM = "cincgan-bench"


@dataclass(frozen=True)
class Command:
    """A sub-command.

    Attributes:
        module: module with the functions ``make_parser`` and ``main``.
        title: a line for lists.
        arguments: arguments that stand before the user's.
    """

    module: str
    title: str
    arguments: tuple[str, ...] = ()


COMMANDS = {
    "run": Command("benchmarks.run", "train and score methods"),
    "list": Command("benchmarks.run", "methods, data sets, degradations, profiles and protocols", ("--list",)),
    "evaluate": Command("benchmarks.evaluate", "score folders of images under a protocol"),
    "submit": Command("benchmarks.submit", "store scores of SR images that were made elsewhere"),
    "upscale": Command("benchmarks.upscale", "enlarge your own images with a method"),
    "prepare": Command("benchmarks.prepare", "download and verify data sets and weights"),
    "report": Command("reports.build", "tables, verdicts and a page from finished results"),
    "export": Command("benchmarks.export", "finished results as model cards, CSV, Croissant and RO-Crate"),
    "comparison": Command("reports.comparison", "one image from every method, side by side"),
    "kernels": Command("reports.kernels", "blur kernels that PDM-SR has learned beside the true ones"),
    "reference-results": Command("reports.reference_results", "write README's table and docs/results.md from committed results"),
    "check": Command("benchmarks.check", "compare scores with the committed reference scores"),
    "sync": Command("benchmarks.sync", "mirror result files in MLflow"),
    "speed": Command("benchmarks.speed", "measure speed and memory"),
    "gradients": Command("benchmarks.gradients", "gradients of the loss terms of CinCGAN's joint stage"),
    "pack": Command("benchmarks.pack", "pack weights of a run into the package"),
    "freeze": Command("benchmarks.freeze", "freeze the settings of a profile"),
    "calibrate": Command("benchmarks.calibrate", "fit a degradation to published scores"),
    "coverage": Command("benchmarks.coverage", "simulate how often intervals hold the truth"),
    "completion": Command("benchmarks.completion", "print a completion script for bash or zsh"),
}
EPILOG = """\
{list}

cincgan-bench COMMAND --help shows options and examples of a command, under its other name: cincgan-bench run is
python -m benchmarks.run, cincgan-bench report is python -m reports.build.

exit codes are those of the command; 2 for an unknown command
"""


def make_parser() -> Parser:
    """The command line before the sub-command."""
    width = max(map(len, COMMANDS))
    titles = "\n".join(f"  {name:<{width}}  {command.title}" for name, command in COMMANDS.items())
    parser = Parser(PROGRAM, "Reproducibility benchmark for unsupervised super-resolution.", EPILOG.format(list=titles))
    parser.add_argument("command", nargs="?", metavar="COMMAND", help="a command of the list below, with its arguments")
    parser.add_argument("--version", action="store_true", help="print the version")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sub-command with the arguments behind its name, and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and (command := COMMANDS.get(arguments[0])):
        code: int = importlib.import_module(command.module).main([*command.arguments, *arguments[1:]])
        return code
    is_name = bool(arguments) and not arguments[0].startswith("-")
    return run_command(make_parser(), arguments[:1] if is_name else arguments, _dispatch)


def console() -> NoReturn:
    """The console script."""
    end_process(main())


def _dispatch(options: argparse.Namespace) -> int:
    if options.version:
        from benchmarks.results.provenance import own_version

        print(f"{PROGRAM} {own_version()}")
        return 0
    if options.command is None:
        raise UsageError(f"a command is missing: give one of {', '.join(COMMANDS)} (--help says what they do)")
    if options.command in COMMANDS:
        raise UsageError(f"options of the command '{options.command}' stand after its name")
    raise unknown("command", options.command, COMMANDS)


if __name__ == "__main__":
    console()
