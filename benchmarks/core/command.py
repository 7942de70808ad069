"""What every command line here has in common: errors in one line, exit codes, interruption."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from benchmarks.core.errors import BenchmarkError, UsageError, not_installed, one_line
from benchmarks.core.interruption import Interrupted, interruptible


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; shows examples as they are written; takes no abbreviated options."""

    def __init__(self, prog: str, description: str, epilog: str) -> None:
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(prog=prog, description=description, epilog=epilog, formatter_class=formatter, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise a UsageError in place of printing the usage."""
        raise UsageError(f"{message} (--help shows examples)")


def named_path(text: str) -> Path:
    """A path from the command line that can be there; the empty text would mean the working directory."""
    if not text:
        raise argparse.ArgumentTypeError("is empty: name a file or folder")
    try:
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            os.lstat(text)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise argparse.ArgumentTypeError(f"{text[:40]!a}… is no path ({reason}): name another") from error
    return Path(text)


def go_offline_if_asked(options: argparse.Namespace) -> None:
    """Open no internet socket from here on, where ``--offline`` or the environment says so."""
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
        arguments: those of the process where None.
        dispatch: does the work and returns the exit code.
        interrupted: what to say when a signal has stopped it: what is kept, and how to go on.

    Returns:
        What ``dispatch`` returned; 1 or 2 for an error, by its kind; 130 after SIGINT (Ctrl-C), 143 after SIGTERM.
    """
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
            return _cannot_print(error)
        except KeyboardInterrupt as stop:
            print(f"interrupted: {interrupted(options)}", file=sys.stderr)
            return stop.exit_code if isinstance(stop, Interrupted) else 130


def _last_words(text: str) -> None:
    """Past Python's own stream, whose lock the thread that was stopped may hold."""
    os.write(2, f"interrupted: {text}\n".encode(errors="replace"))


def _cannot_print(error: OSError) -> int:
    """The exit code where standard output takes nothing, as on a full disk; an error of another file is raised again."""
    try:
        print(flush=True)
    except OSError:
        with Path(os.devnull).open("w") as nowhere:  # or else Python would try once more at its end
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # who reads has enough
            return 128 + signal.SIGPIPE
        return _say(BenchmarkError(f"standard output cannot be written ({error.strerror}): what was computed is kept"))
    raise error


def _say(error: BenchmarkError) -> int:
    print(f"error: {one_line(str(error))}", file=sys.stderr)
    return error.exit_code
