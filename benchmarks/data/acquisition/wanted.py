"""Files that an archive must hold: by name, or by a pattern where nobody publishes the names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from benchmarks.core.text import counted


@dataclass(frozen=True)
class Glob:
    """Image files of an archive by a pattern, for example ``Test/4/*_HR.png``.

    Attributes:
        pattern: path with ``*`` for any text without ``/``, and ``**/`` for any folders; the last part has one ``*``, for the
            image's name.
        count: number of files; None if it is not published.
    """

    pattern: str
    count: int | None = None

    def __post_init__(self) -> None:
        path = PurePosixPath(self.pattern)
        if path.is_absolute() or ".." in path.parts or "\\" in self.pattern:
            raise ValueError(f"pattern {self.pattern}: it leads out of the archive's folder")
        if path.name.count("*") != 1 or "{" in self.pattern:
            raise ValueError(f"pattern {self.pattern}: a file name with one *, such as HR/*.png")

    def names(self, paths: Iterable[str]) -> dict[str, str]:
        """Names of images by the paths of the files that fit. Hidden files and files that are no images do not."""
        from benchmarks.data.pixels.decode import SUFFIXES

        folder, _, file = self.pattern.rpartition("/")
        start, end = map(re.escape, file.split("*"))
        parts = [f"{re.escape(part)}/".replace(r"\*", "[^/]*") for part in folder.split("/") if folder]
        above = "".join(parts).replace("[^/]*[^/]*/", "(?:[^/]+/)*")
        fit = re.compile(rf"{above}(?!\.){start}([^/]+?){end}" + ("" if "." in file else r"\.\w+"))
        matches = {path: fit.fullmatch(path) for path in paths if PurePosixPath(path).suffix.lower() in SUFFIXES}
        return {path: match[1] for path, match in sorted(matches.items()) if match}


Wanted = Sequence[str | Glob]


def expanded(wanted: Wanted, paths: Iterable[str]) -> list[str]:
    """Names of files, with those of ``paths`` in place of the patterns that they fit."""
    paths = list(paths)
    parts = ([entry] if isinstance(entry, str) else entry.names(paths) for entry in wanted)
    return list(dict.fromkeys(name for part in parts for name in part))


def lacking(wanted: Wanted, paths: Iterable[str]) -> list[str]:
    """Names that are not among ``paths``, and patterns that too few or too many of them fit, with the numbers."""
    present = set(paths)
    return [problem for entry in wanted if (problem := _problem(entry, present))]


def number_of(missed: Sequence[str]) -> str:
    """Number of missing files in words; without a number where a pattern is among them."""
    return "files" if any("*" in entry for entry in missed) else counted(len(missed), "file")


def _problem(entry: str | Glob, present: set[str]) -> str:
    if isinstance(entry, str):
        return "" if entry in present else entry
    number = len(entry.names(present))
    if number == entry.count or (number and entry.count is None):
        return ""
    of = "" if entry.count is None else f" ({counted(number, 'file')} of {entry.count})"
    return f"{entry.pattern}{of}"
