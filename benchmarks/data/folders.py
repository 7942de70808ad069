"""Data sets in folders of image files, under the folder that ``CINCGAN_DATA`` names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from benchmarks.data.cards import CARDS, FileSet, ImageFolders
from benchmarks.data.decode import Image, decode
from benchmarks.errors import UsageError

VARIABLE = "CINCGAN_DATA"


def root() -> Path:
    """The folder above the image folders. Raises UsageError where it is not named."""
    named = os.environ.get(VARIABLE)
    if not named:
        raise UsageError(
            f"the environment variable {VARIABLE} is not set: name the folder that holds the unpacked data set in it"
        )
    return Path(named)


def identity(card: ImageFolders, splits: Iterable[str]) -> dict[str, object]:
    """What decides the pixels of the splits: the files' names and the archives' hashes."""
    names = [name for split in splits for name in ((f"{split}_lr", f"{split}_hr") if split in ("test", "pairs") else (split,))]
    return {"archives": [archive.sha256 for archive in card.archives], **{name: asdict(getattr(card, name)) for name in names}}


def verify(card: ImageFolders) -> None:
    """Raise UsageError where a file is missing. Their content is not hashed: it is gigabytes."""
    for file_set in (card.x, card.z, card.pairs_lr, card.pairs_hr, card.test_lr, card.test_hr):
        for path in file_set.files(root()):
            if not path.is_file():
                raise UsageError(f"data set '{card.name}': {path} is missing: {_mend(card)}")


def read(card: ImageFolders, file_set: FileSet) -> list[Image]:
    """All images of a file set, in order. Raises UsageError where one is missing or broken."""
    return [decode(path, f"data set '{card.name}': {path.name}", _mend(card)) for path in file_set.files(root())]


def _mend(card: ImageFolders) -> str:
    return f"unpack the archives named in {CARDS / card.name}.toml again"
