"""Common parts of all command lines: errors in one line, exit codes, interruption."""

from __future__ import annotations

import argparse
import io
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.core.errors import BenchmarkError, UsageError, missing_prerequisite, one_line
from benchmarks.core.files import existing, real_path
from benchmarks.core.interruption import Interrupted, interruptible
from benchmarks.core.threads import sleep_at_barriers

SIGNALLED = 128  # exit codes above are 128 and the number of a signal


class Parser(argparse.ArgumentParser):
    """Argument parser with errors of one line, examples printed as written, and no abbreviated options."""

    def __init__(self, prog: str, description: str, epilog: str) -> None:
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(prog=prog, description=description, epilog=epilog, formatter_class=formatter, allow_abbrev=False)
        self._words: list[str] = []
        self.register("action", None, Once)  # of options without an action of their own

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As of ``argparse``. Keeps the words of the command line for the hint of an error."""
        self._words = list(sys.argv[1:] if args is None else args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise a UsageError in place of printing the usage."""
        raise UsageError(f"{message}{self._hint(message)} (--help shows examples)")

    def _hint(self, message: str) -> str:
        """How to give a value that begins with a dash, where an error is about such a value; else empty."""
        if lacking := re.match(r"argument (\S+/)*(--?[\w-]+): expected (one|at least one) argument", message):
            values = [value for option, value in pairwise(self._words) if option == lacking[2]]
            dashed = [value for value in values if value.startswith("-") and value not in self._option_string_actions]
            return f": a value that begins with a dash is given as {lacking[2]}={dashed[0]}" if dashed else ""
        if stray := re.match(r"unrecognized arguments: (-\S+)", message):
            is_file = "=" not in stray[1] and os.path.lexists(stray[1])
            return f": a file whose name begins with a dash is given as ./{stray[1]}" if is_file else ""
        return ""


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
    """Names of an option that are separated by blanks, by commas, or by both. Options without a name are refused.

    A value ``<name>:<path>`` is one name, whatever the path has in it, if there is such a file.
    """

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        """Store the list of names."""
        names = [name for value in values for name in ([value] if _names_file(value) else value.replace(",", " ").split())]
        if values and not names:
            parser.error(f"{option_string or self.metavar} is empty: give names")
        super().__call__(parser, namespace, names, option_string)


def _names_file(value: str) -> bool:
    try:
        return ":" in value and Path(value.partition(":")[2]).is_file()
    except (OSError, ValueError):
        return False


def named_path(text: str) -> Path:
    """Path from the command line. Empty texts, which would mean the working directory, and impossible paths are refused."""
    if not text:
        raise argparse.ArgumentTypeError("is empty: name a file or folder")
    try:
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            Path(text).stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        shown = f"{text[:40]!a}…" if len(text) > 40 else f"{text!a}"
        raise argparse.ArgumentTypeError(f"{shown} is no path ({reason}): name another") from error
    return Path(text)


def cluster_address(text: str) -> str:
    """``HOST:PORT`` from the command line. Malformed addresses are refused without repeating a password.

    Raises:
        argparse.ArgumentTypeError: the text has a user or password, or is not a host and a port.
    """
    host, _, port = text.rpartition(":")
    if "@" in text:
        raise argparse.ArgumentTypeError("give HOST:PORT of the cluster's head, without user and password")
    if not host or "/" in host or not (port.isascii() and port.isdecimal() and len(port) < 6 and 0 < int(port) < 65536):
        raise argparse.ArgumentTypeError(f"{text}: give HOST:PORT of the cluster's head, as ray start --head prints it")
    return text


def add_changes(parser: argparse._ActionsContainer) -> None:
    """Add the option ``--set``, whose values a command finds in ``changes``: changes to settings of a profile."""
    help_ = "change a setting; repeatable, the last value counts"
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="changes", help=help_)


def refuse_inside(option: str, output: Path, folders: Iterable[Path | None]) -> None:
    """Raise UsageError if an output would lie among a user's images, where a later run would read it.

    Args:
        option: of the output, for the error.
        output: file or folder to write.
        folders: of images; None for options that are not given.
    """
    for folder in filter(None, folders):
        if real_path(output).is_relative_to(real_path(folder)):
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
            _check_working_directory()
            code = dispatch(options)
            if sys.stdout is not None:
                sys.stdout.flush()
            return code
        except BenchmarkError as error:
            return _say(error)
        except (ImportError, OSError) as error:
            if missing := missing_prerequisite(error):
                return _say(missing)
            if isinstance(error, ImportError):
                raise
            if isinstance(error.__context__, Interrupted):  # printing on the way out, to a terminal that has hung up
                return error.__context__.exit_code
            return _cannot_print(error)
        except KeyboardInterrupt as stop:
            with suppress(OSError):
                print(f"interrupted: {interrupted(options)}", file=sys.stderr, flush=True)
            return stop.exit_code if isinstance(stop, Interrupted) else 130


def end_process(code: int) -> NoReturn:
    """End the process with the exit code of a command.

    After a signal it ends at once: everything is written by then, and Python's orderly end aborts where a thread of a library,
    such as a call to MLflow that was left behind, prints or holds a lock of C++ meanwhile.
    """
    if code <= SIGNALLED:
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def _check_working_directory() -> None:
    """Raise UsageError if the working directory was removed: relative paths mean nothing then."""
    try:
        Path.cwd()
    except OSError as error:
        raise UsageError(f"the working directory cannot be used ({error.strerror}): it was removed: go to another one") from error


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
