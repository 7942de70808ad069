"""``python -m benchmarks.completion``: completion of ``cincgan-bench`` in bash and zsh."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence

from benchmarks.core.command import Parser, end_process, named_path, run_command
from benchmarks.core.errors import UsageError

EXAMPLES = """\
examples:
  cincgan-bench completion bash > ~/.local/share/bash-completion/completions/cincgan-bench
  cincgan-bench completion zsh > ~/.zfunc/_cincgan-bench        in a folder of fpath, before compinit

The script holds names of commands, options, methods, profiles, data sets, protocols and metrics as they are now; a new shell
reads it. It needs the package shtab: pip install 'cincgan-benchmark[completion]'.

exit codes: 0 printed, 2 wrong use, or shtab is not installed
"""
SHELLS = ("bash", "zsh")


def make_parser() -> Parser:
    """The command line."""
    parser = Parser("python -m benchmarks.completion", "Print a script that completes cincgan-bench in a shell.", EXAMPLES)
    parser.add_argument("shell", choices=SHELLS, help="the shell")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(make_parser(), arguments, _dispatch)


def _dispatch(options: argparse.Namespace) -> int:
    print(make_script(options.shell))
    return 0


def make_script(shell: str) -> str:
    """Completion script of ``cincgan-bench`` for a shell of ``SHELLS``. Raises UsageError if shtab is not installed."""
    try:
        from shtab import complete
    except ModuleNotFoundError as error:
        raise UsageError("the Python package 'shtab' is not installed: pip install 'cincgan-benchmark[completion]'") from error
    script: str = complete(full_parser(), shell)
    return script


def full_parser() -> argparse.ArgumentParser:
    """Parser of ``cincgan-bench`` with the parsers of all sub-commands in it; options know names and files that fit them."""
    from benchmarks.__main__ import COMMANDS, PROGRAM

    parser = argparse.ArgumentParser(PROGRAM)
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers()
    names = _names()
    for name, command in COMMANDS.items():
        own = importlib.import_module(command.module).make_parser()
        _add_candidates(own, names)
        commands.add_parser(name, help=command.title, parents=[own], add_help=False)
    return parser


def _names() -> Mapping[str, Callable[[], Iterable[str]]]:
    """Functions that return the names that fit an option, by its attribute in the parsed options."""
    from benchmarks.catalog.composites import COMPOSITES
    from benchmarks.catalog.methods import every_method, methods, stages
    from benchmarks.catalog.metrics import METRICS
    from benchmarks.catalog.profiles import profile_names
    from benchmarks.catalog.protocols import PROTOCOLS
    from benchmarks.data.acquisition.weights import weight_names
    from benchmarks.data.cards import dataset_names

    return {
        "stages": stages,
        "methods": lambda: [method.name for method in every_method()],
        "method": lambda: [method.name for method in every_method()],
        "study": lambda: [name for name, method in methods().items() if method.study],
        "profile": profile_names,
        "profiles": profile_names,
        "datasets": dataset_names,
        "train_on": dataset_names,
        "names": lambda: [*dataset_names(), *weight_names()],
        "protocol": lambda: PROTOCOLS,
        "metrics": lambda: [*METRICS, *COMPOSITES],
    }


def _add_candidates(parser: argparse.ArgumentParser, names: Mapping[str, Callable[[], Iterable[str]]]) -> None:
    """Give each option of a parser, and of the parsers in it, the names or the kind of files that its value is among."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for part in action.choices.values():
                _add_candidates(part, names)
        elif action.type is named_path:
            action.complete = "directory" if action.metavar == "DIR" else "file"  # type: ignore[attr-defined]
        elif action.dest in names and action.choices is None:
            action.choices = list(names[action.dest]())


if __name__ == "__main__":
    end_process(main())
