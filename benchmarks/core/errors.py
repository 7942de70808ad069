"""Errors of the project. Their classes decide the exit code of a command: 1 for failures, 2 for wrong use."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable

from benchmarks.core.secrets import without_secrets

PROJECT = ("baselines", "benchmarks", "cincgan", "reports")
LONGEST = 1200  # characters of a message
LISTED = 20  # known names in a message, of many


class BenchmarkError(Exception):
    """A failure, or a result below its bound: exit code 1. The message is one line: problem, place, how to mend it."""

    exit_code = 1


class UsageError(BenchmarkError):
    """Wrong use or a missing prerequisite: exit code 2."""

    exit_code = 2


class NotWritten(UsageError):
    """A file could not be written: no space, a quota, a read-only folder. An older file of that name is untouched."""


class DamagedCell(UsageError):
    """Files of a finished cell cannot be read, and the run needs the cell.

    Attributes:
        cell: id of the cell.
    """

    def __init__(self, message: str, cell: str) -> None:
        super().__init__(message)
        self.cell = cell


class WeightsMissing(UsageError):
    """Weights that a metric or a method needs are neither in the cache nor obtainable."""


class CodeChanged(BenchmarkError):
    """The code of a cell was edited while it was computed: neither its result nor its checkpoint is of the planned code."""


class TrainingCollapsed(BenchmarkError):
    """A training run diverged or collapsed (``benchmarks.training.health``) and was stopped.

    Attributes:
        history: losses until the end of the run.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.history: list[dict[str, float]] = []


class Unexpected(BenchmarkError):
    """An exception of another class, which is a bug; unlike the exception, it can always be sent to another process.

    Attributes:
        traceback: text of the traceback.
    """

    def __init__(self, message: str, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback


def as_ours(error: Exception) -> BenchmarkError:
    """Any exception as an error of this module. A missing package is wrong use; a missing module of the project is a bug."""
    if isinstance(error, BenchmarkError):
        return error
    if isinstance(error, ModuleNotFoundError) and _package(error):
        return not_installed(error)
    text, trace = f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error))
    return Unexpected(without_secrets(text), without_secrets(trace))


def not_installed(error: ModuleNotFoundError) -> UsageError:
    """Error for a dependency that is not installed. A missing module of the project is a bug: its error is raised again."""
    package = _package(error)
    if not package:
        raise error
    return UsageError(f"the Python package '{package}' is not installed: run pip install -e . in the project's folder")


def _package(error: ModuleNotFoundError) -> str:
    """Name of the missing package; empty for a missing module of the project."""
    package = (error.name or "").partition(".")[0]
    return "" if package in PROJECT else package


def one_line(text: str) -> str:
    """A message in one line, at most ``LONGEST`` characters, without secrets of addresses, with control characters escaped."""
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(without_secrets(text).split()))
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 300]} … {shown[-297:]}"


def unknown(kind: str, name: str, known: Iterable[str], listed: Iterable[str] = (), where: str = "") -> UsageError:
    """Error for an unknown name, with the nearest known name and a list that a reader can take in.

    Args:
        kind: kind of the name.
        name: the unknown name.
        known: all known names.
        listed: the known names to list; the first ``LISTED`` in alphabetical order if there are none.
        where: way to see the names that are not listed.
    """
    choices = sorted(known)
    names = sorted(listed) or (choices if len(choices) <= LISTED + 2 else choices[:LISTED])
    others = f" and {len(choices) - len(names)} others{where}" if len(choices) > len(names) else ""
    return UsageError(f"unknown {kind} '{name}': {nearest(name, choices)}known: {', '.join(names) or 'none'}{others}")


def nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Question after the nearest known name, shown with a prefix; empty if none is near. Case does not count."""
    by_lower = {choice.lower(): choice for choice in sorted(known, reverse=True)}
    lower, choices = name.lower(), sorted(by_lower)
    near = difflib.get_close_matches(lower, choices, n=1) or [choice for choice in choices if lower and choice.startswith(lower)]
    return f"did you mean '{prefix}{by_lower[near[0]]}'? " if near else ""
