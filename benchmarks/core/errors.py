"""The two ways a command ends badly, each with its exit code."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable

PROJECT = ("baselines", "benchmarks", "cincgan", "reports")
LONGEST = 1200  # characters of a message


class BenchmarkError(Exception):
    """Something failed or came out worse: exit code 1. The message is one line: what, where, how to mend it."""

    exit_code = 1


class UsageError(BenchmarkError):
    """Wrong use or a missing prerequisite: exit code 2."""

    exit_code = 2


class NotWritten(UsageError):
    """A file could not be written: no space, a quota, a read-only folder. What stood there before is untouched."""


class WeightsMissing(UsageError):
    """Weights that a metric or a method needs are neither in the cache nor within reach."""


class TrainingCollapsed(BenchmarkError):
    """A training run has come to nothing (``benchmarks.training.health``) and was stopped.

    Attributes:
        history: of the losses until then.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.history: list[dict[str, float]] = []


class Unexpected(BenchmarkError):
    """An exception that is none of ours, which is a bug; it can be handed to another process.

    Attributes:
        traceback: as Python prints it.
    """

    def __init__(self, message: str, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback


def as_ours(error: Exception) -> BenchmarkError:
    """What a cell raised, as one of the errors of this module. One of our own modules that is not there is raised again."""
    if isinstance(error, BenchmarkError):
        return error
    if isinstance(error, ModuleNotFoundError):
        return not_installed(error)
    return Unexpected(f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)))


def not_installed(error: ModuleNotFoundError) -> UsageError:
    """What to say of a dependency that is not there. One of our own modules that is not there is a bug: it is raised again."""
    package = (error.name or "").partition(".")[0]
    if not package or package in PROJECT:
        raise error
    return UsageError(f"the Python package '{package}' is not installed: run pip install -e . in the project's folder")


def one_line(text: str) -> str:
    """A message as a terminal shows it: in one line, and what names in it could do to the terminal made visible."""
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(text.split()))
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 300]} … {shown[-297:]}"


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist, with the nearest one that does."""
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return UsageError(f"unknown {kind} '{name}': {hint}known: {', '.join(choices) or 'none'}")
