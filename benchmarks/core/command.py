"""Common parts of all command lines: errors in one line, exit codes, interruption."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.core.errors import BenchmarkError, UsageError, not_installed, one_line
from benchmarks.core.files import existing
from benchmarks.core.interruption import Interrupted, interruptible
from benchmarks.core.threads import sleep_at_barriers


class Parser(argparse.ArgumentParser):
    """Argument parser with errors of one line, examples printed as written, and no abbreviated options."""

    def __init__(self, prog: str, description: str, epilog: str) -> None:
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(prog=prog, description=description, epilog=epilog, formatter_class=formatter, allow_abbrev=False)
        self.register("action", None, Once)  # of options without an action of their own

    def error(self, message: str) -> NoReturn:
        """Raise a UsageError in place of printing the usage."""
        raise UsageError(f"{message} (--help shows examples)")


class Once(argparse.Action):
    """An option that has one value. Given twice it is refused: the first value would be lost without a word."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        """Store the value. The namespace, which is new at every parse, keeps the options that were given."""
        given: set[str] = vars(namespace).setdefault("options_given", set())
        if option_string and self.dest in given:
            parser.error(f"{option_string} is given twice: give it once")
        given.add(self.dest)
        setattr(namespace, self.dest, values)


class Names(Once):
    """Names of an option that are separated by blanks, by commas, or by both. Options without a name are refused."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        """Store the list of names."""
        names = [name for value in values for name in value.replace(",", " ").split()]
        if values and not names:
            parser.error(f"{option_string or self.metavar} is empty: give names")
        super().__call__(parser, namespace, names, option_string)


def named_path(text: str) -> Path:
    """Path from the command line. Empty texts, which would mean the working directory, and impossible paths are refused."""
    if not text:
        raise argparse.ArgumentTypeError("is empty: name a file or folder")
    try:
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            os.lstat(text)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise argparse.ArgumentTypeError(f"{text[:40]!a}… is no path ({reason}): name another") from error
    return Path(text)


def refuse_inside(option: str, output: Path, folders: Iterable[Path | None]) -> None:
    """Raise UsageError if an output would lie among a user's images, where a later run would read it.

    Args:
        option: of the output, for the error.
        output: file or folder to write.
        folders: of images; None for options that are not given.
    """
    for folder in filter(None, folders):
        if output.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"{option} {output}: lies in {folder}, which has your images: name a place outside of it")


def refuse_file(option: str, output: Path) -> None:
    """Raise UsageError if an output folder cannot be made: it, or a folder above it, is a file or cannot be searched."""
    try:
        place = existing(output.absolute())
    except OSError as error:
        raise UsageError(f"{option} {output}: cannot be read ({error.strerror}): check permissions, or name another") from error
    if not place.is_dir():
        what = "is a file" if place == output.absolute() else f"{place} is a file"
        raise UsageError(f"{option} {output}: {what}: name another folder")


def go_offline_if_asked(options: argparse.Namespace) -> None:
    """Forbid internet sockets from here on if ``--offline`` or the environment says so."""
    from benchmarks.core.offline import go_offline, is_offline

    if options.offline or is_offline():
        go_offline()


def run_command(
    parser: Parser,
    arguments: Sequence[str] | None,
    dispatch: Callable[[argparse.Namespace], int],
    interrupted: Callable[[argparse.Namespace], str] = lambda options: "nothing was written",
) -> int:
    """Parse a command line, run it and return its exit code.

    Args:
        parser: of the command line.
        arguments: of the command line; those of the process if None.
        dispatch: does the work and returns the exit code.
        interrupted: message after a signal: files that are kept, and how to go on.

    Returns:
        Exit code of ``dispatch``; 1 or 2 for an error, by its class; after a signal 128 and its number, such as 130 after Ctrl-C.
    """
    sleep_at_barriers()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without arrows still gets its table
    try:
        options = parser.parse_args(arguments)
    except UsageError as error:
        return _say(error)
    with interruptible(lambda: _last_words(interrupted(options))):
        try:
            code = dispatch(options)
            if sys.stdout is not None:
                sys.stdout.flush()
            return code
        except BenchmarkError as error:
            return _say(error)
        except ModuleNotFoundError as error:
            return _say(not_installed(error))
        except OSError as error:
            if isinstance(error.__context__, Interrupted):  # printing on the way out, to a terminal that has hung up
                return error.__context__.exit_code
            return _cannot_print(error)
        except KeyboardInterrupt as stop:
            with suppress(OSError):
                print(f"interrupted: {interrupted(options)}", file=sys.stderr, flush=True)
            return stop.exit_code if isinstance(stop, Interrupted) else 130


def _last_words(text: str) -> None:
    """Print the message of an interruption without Python's stream, whose lock the stopped thread may hold."""
    with suppress(OSError):
        os.write(2, f"interrupted: {text}\n".encode(errors="replace"))


def _cannot_print(error: OSError) -> int:
    """Exit code if standard output cannot be written, as on a full disk. Errors of other files are raised again."""
    try:
        print(flush=True)
    except OSError:
        with Path(os.devnull).open("w") as nowhere:  # Python would try again at its end
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # the reader has closed the pipe
            return 128 + signal.SIGPIPE
        return _say(BenchmarkError(f"standard output cannot be written ({error.strerror}): results are kept"))
    raise error


def _say(error: BenchmarkError) -> int:
    print(f"error: {one_line(str(error))}", file=sys.stderr)
    return error.exit_code
