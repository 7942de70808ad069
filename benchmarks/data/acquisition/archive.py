"""The declaration of an archive in a card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Annotated, Literal

from msgspec import Meta, ValidationError, convert

from benchmarks.core.errors import UsageError
from benchmarks.core.paths import CARDS
from benchmarks.data.fields import Hash, Name, Url


@dataclass(frozen=True)
class Archive:
    """An archive of image files, which becomes a folder of that name.

    Attributes:
        name: of the folder.
        urls: mirrors of a zip or tar file, the preferred first; or addresses of single files, all ending in ``/{}`` for the name.
            Empty if no program can fetch the file.
        page: web page where a person gets the file, in place of ``urls``: it needs a browser, a form or an account.
        file: published name of the archive file, for ``--from-archive``; empty if it is the archive's name.
        bytes: size of the archive file; None if it is not published.
        sha256: of the archive file; None if it is not published: then the first download pins it.
        inside: folder in the archive whose files are extracted, at any depth; empty for all files.
        listed: file beside the card with the SHA-256 of each file that data sets use, as ``sha256sum`` writes it; empty if there
            is none. Where there is one, the files decide, and the archive file is not pinned.
    """

    name: Name
    urls: tuple[Url, ...] = ()
    bytes: Annotated[int, Meta(ge=1)] | None = None
    sha256: Hash | None = None
    inside: str = ""
    page: Url | None = None
    file: Annotated[str, Meta(pattern=r"^[^/\\]*$")] = ""
    listed: Name | Literal[""] = ""

    def __post_init__(self) -> None:
        if bool(self.urls) == bool(self.page):
            raise ValueError("give either urls, or the page where a person gets the file")
        if len({url.endswith("/{}") for url in self.urls}) > 1:
            raise ValueError("urls: either all end in /{} or none")

    @property
    def by_file(self) -> bool:
        """True if files are downloaded one by one."""
        return bool(self.urls) and self.urls[0].endswith("/{}")

    @property
    def origin(self) -> str:
        """The preferred address, that of the folder for single files, or the page."""
        return self.urls[0].removesuffix("/{}") if self.urls else str(self.page)

    @property
    def file_name(self) -> str:
        """Name of the archive file."""
        return self.file or f"{self.name}.zip"

    @cached_property
    def hashes(self) -> Mapping[str, str]:
        """SHA-256 by file name, as listed beside the card; empty without a list. Raises UsageError for an invalid list."""
        if not self.listed:
            return {}
        path = CARDS / self.listed
        try:
            return _parse(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            mend = "restore it; sha256sum writes such lines"
            raise UsageError(f"{path}: no list of files with their SHA-256 ({error}): {mend}") from error


def _parse(text: str) -> dict[str, str]:
    """SHA-256 by file name. Raises ValueError for a line that is none of ``sha256sum``, and for a name outside or given twice."""
    hashes: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        sha256, separator, name = line.partition("  ")
        try:
            convert(sha256, Hash)
        except ValidationError as error:
            raise ValueError(f"line {number}: {error}") from None
        if not separator or not name or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or name in hashes:
            raise ValueError(f"line {number}: {name!a} is no file name, leads out of the folder, or is there twice")
        hashes[name] = sha256
    return hashes
