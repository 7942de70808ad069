"""Sets of image files in archives, as cards declare them: numbered, listed, or by a pattern."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from string import Formatter
from typing import Annotated

from msgspec import Meta

from benchmarks.data.acquisition.wanted import Glob, Wanted
from benchmarks.data.fields import Name

MOST_FILES = 10_000_000  # of a split: reading a card makes a list of all names


@dataclass(frozen=True)
class FileSet:
    """Image files of an archive, in order.

    Attributes:
        archive: name of the archive.
        pattern: path with the number in braces, for example ``{:04d}.png``; a second pair of braces is the variant's number.
            Or, where names follow no number, a path with ``*`` for the image's name, for example ``Test/4/*_HR.png``.
        first: the first number.
        last: the last number.
        variants: files of each number; without a second pair of braces, each file is repeated as often.
        files: paths of the files, in place of a pattern.
        count: number of files that fit a pattern with ``*``; None if it is not published.
        archives: names of the archives, in place of ``archive``, where files of several fit a pattern with ``*``.
    """

    archive: Name = ""
    pattern: str = ""
    first: Annotated[int, Meta(ge=0)] | None = None
    last: Annotated[int, Meta(ge=0)] | None = None
    variants: Annotated[int, Meta(ge=1)] = 1
    files: tuple[str, ...] = ()
    count: Annotated[int, Meta(ge=1)] | None = None
    archives: tuple[Name, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.archive) == bool(self.archives):
            raise ValueError("give either archive or archives")
        if bool(self.pattern) == bool(self.files):
            raise ValueError("give either a pattern or files")
        numbers = (self.first, self.last)
        if self.files:
            _check_files(self.files)
        elif self.is_glob:
            Glob(self.pattern, self.count)
        else:
            self._check_numbers()
        if (self.files or self.is_glob) and numbers != (None, None):
            raise ValueError("first and last belong to a pattern with a number in braces")
        if not self.is_glob and (self.count is not None or self.archives):
            raise ValueError("count and several archives belong to a pattern with *")

    def _check_numbers(self) -> None:
        """Raise ValueError for a pattern without a place for the number, and for numbers that are no range."""
        if re.search(r"\{[^}]*[0-9]{3}", self.pattern):
            raise ValueError(f"pattern {self.pattern}: a width of 99 at most")
        try:
            names = {self.pattern.format(number, variant) for number in (1, 2) for variant in (1, 2)}
        except (IndexError, KeyError, ValueError) as error:
            raise ValueError(f"pattern {self.pattern}: {error}") from error
        if len(names) < 2:
            raise ValueError(f"pattern {self.pattern}: a file name with the number in braces, such as {{:04d}}.png")
        _check_files(tuple(names))
        if self.first is None or self.last is None:
            raise ValueError(f"pattern {self.pattern}: first and last are needed")
        if self.last < self.first:
            raise ValueError(f"last {self.last} is below first {self.first}")
        if (self.last - self.first + 1) * self.variants > MOST_FILES:
            raise ValueError(f"first, last and variants: {MOST_FILES:,} files at most")

    @property
    def is_glob(self) -> bool:
        """True if the names are known once the archive is here."""
        return "*" in self.pattern

    @property
    def archive_names(self) -> tuple[str, ...]:
        """Names of all archives."""
        return self.archives or (self.archive,)

    @property
    def names(self) -> list[str]:
        """File names in order, or the pattern with ``*``."""
        if self.files or self.is_glob:
            return list(self.files) or [self.pattern]
        numbers, variants = range(self.first or 0, (self.last or 0) + 1), range(1, self.variants + 1)
        return [self.pattern.format(number, variant) for number in numbers for variant in variants]

    def numbered(self, paths: Iterable[str]) -> list[str]:
        """The paths that fit the pattern with any number; none if files are listed or their names follow no number."""
        if self.files or self.is_glob:
            return []
        parts = Formatter().parse(self.pattern)
        fit = re.compile("".join(re.escape(text) + ("" if field is None else r"\d+") for text, field, _, _ in parts))
        return [path for path in paths if fit.fullmatch(path)]

    @property
    def size(self) -> int | None:
        """Number of files; None if it is not published."""
        return self.count if self.is_glob else len(self.names)

    @property
    def wanted(self) -> Wanted:
        """Names of the files that each archive must hold, or the pattern."""
        count = self.count if len(self.archive_names) == 1 else None
        return [Glob(self.pattern, count)] if self.is_glob else self.names

    def images(self, paths: Iterable[str]) -> list[tuple[str, str]]:
        """Paths of the files in an archive that holds ``paths``, in order, with the names of the images in results."""
        if self.is_glob:
            return sorted(Glob(self.pattern).names(paths).items(), key=lambda found: found[::-1])
        return [(path, PurePosixPath(path).name.rpartition(".")[0].removesuffix("_HR")) for path in self.names]


def _check_files(files: tuple[str, ...]) -> None:
    for file in files:
        if not file or "\\" in file or PurePosixPath(file).is_absolute() or ".." in PurePosixPath(file).parts:
            raise ValueError(f"{file!a} is no path inside of an archive")
