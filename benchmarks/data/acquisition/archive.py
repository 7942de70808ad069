"""The declaration of an archive in a card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from benchmarks.data.fields import Hash, Name, Url


@dataclass(frozen=True)
class Archive:
    """A folder of images: where it comes from, and what must come.

    Attributes:
        name: of the folder that it becomes.
        urls: mirrors, the preferred first, of a zip or tar file; or, each ending in ``/{}``, of single files by their names.
        bytes: size of the archive file; None where nobody has published it.
        sha256: of the archive file; None where nobody has published it: then the first download pins it.
        inside: the folder in the archive whose files are taken, wherever it lies; empty for all files.
    """

    name: Name
    urls: Annotated[tuple[Url, ...], Meta(min_length=1)]
    bytes: Annotated[int, Meta(ge=1)] | None = None
    sha256: Hash | None = None
    inside: str = ""

    def __post_init__(self) -> None:
        if len({url.endswith("/{}") for url in self.urls}) > 1:
            raise ValueError("urls: either all end in /{} or none")

    @property
    def by_file(self) -> bool:
        """Whether the files come one by one."""
        return self.urls[0].endswith("/{}")
