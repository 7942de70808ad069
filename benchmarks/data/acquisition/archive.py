"""The declaration of an archive in a card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

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
    """

    name: Name
    urls: tuple[Url, ...] = ()
    bytes: Annotated[int, Meta(ge=1)] | None = None
    sha256: Hash | None = None
    inside: str = ""
    page: Url | None = None
    file: Annotated[str, Meta(pattern=r"^[^/\\]*$")] = ""

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
        """The preferred address, or the page."""
        return self.urls[0] if self.urls else str(self.page)

    @property
    def file_name(self) -> str:
        """Name of the archive file."""
        return self.file or f"{self.name}.zip"
