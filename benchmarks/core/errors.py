"""Errors of the project. Their classes decide the exit code of a command: 1 for failures, 2 for wrong use."""

from __future__ import annotations

import difflib
import re
import traceback
from collections.abc import Iterable

from benchmarks.core.secrets import without_secrets

PROJECT = ("baselines", "benchmarks", "cincgan", "reports")
LONGEST = 1200  # characters of a message
NEAR = 4  # known names that a message asks about, at most
LISTED = 20  # known names in a message, of many
MISSING_LIBRARY = re.compile(r"(?P<library>[\w.+-]+\.so[.\d]*): cannot open shared object file: No such file or directory")
SYSTEM_PACKAGES = {  # of Debian, by the Python package or the library, where the library's name does not tell
    "cv2": "libgl1 libglib2.0-0",  # OpenCV: the second is found missing when the first is there
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
}


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
    """Any exception as an error of this module. A missing prerequisite is wrong use; a missing module of the project is a bug."""
    if isinstance(error, BenchmarkError):
        return error
    if missing := missing_prerequisite(error):
        return missing
    text, trace = f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error))
    return Unexpected(without_secrets(text), without_secrets(trace))


def missing_prerequisite(error: BaseException) -> UsageError | None:
    """Error for an import that failed because a Python package or a shared library of the system is missing.

    Args:
        error: any exception. Shared libraries that are missing are an ``ImportError`` of an extension module, or an ``OSError``
            where a package loads them itself.

    Returns:
        None for all other exceptions. A missing module of the project is a bug, no missing prerequisite.
    """
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        if not package or package in PROJECT:
            return None
        return UsageError(f"the Python package '{package}' is not installed: run pip install -e . in the project's folder")
    if not isinstance(error, ImportError | OSError) or not (found := MISSING_LIBRARY.match(str(error))):
        return None
    library, module = found["library"], (getattr(error, "name", None) or "").partition(".")[0]
    packages = SYSTEM_PACKAGES.get(module) or SYSTEM_PACKAGES.get(library) or _debian_package(library)
    needed_by = f", which the Python package '{module}' loads," if module else ""
    return UsageError(
        f"the system's library {library}{needed_by} is missing: install it, on Debian and Ubuntu by apt-get install {packages}"
    )


def _debian_package(library: str) -> str:
    """Name that Debian's policy gives the package of a shared library: ``libgomp1`` for ``libgomp.so.1``."""
    name, _, version = library.partition(".so")
    version = version.removeprefix(".")
    return f"{name}{'-' if version and name[-1].isdigit() else ''}{version}".lower().replace("_", "-")


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
    """Question after the nearest known names, shown with a prefix; empty if none is near. Case does not count.

    The first that there is: the same name in another case; names of which it is the first part, before a hyphen or the like;
    the shortest name that begins with it; the most similar name.
    """
    by_lower = {choice.lower(): choice for choice in sorted(known, reverse=True)}
    lower, choices = name.lower(), sorted(by_lower)
    begun = sorted((choice for choice in choices if lower and choice.startswith(lower)), key=len)
    parts = [choice for choice in begun if not choice[len(lower) :][:1].isalnum()]
    near = [lower] if lower in by_lower else parts[:NEAR] or begun[:1] or difflib.get_close_matches(lower, choices, n=1)
    shown = [f"'{prefix}{by_lower[choice]}'" for choice in near]
    return f"did you mean {' or '.join(shown)}? " if near else ""
