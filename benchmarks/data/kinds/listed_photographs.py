"""Data sets of photographs for training whose names and hashes are listed beside the card: BSDS500."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Annotated

from msgspec import Meta

from benchmarks.api.entries import Split
from benchmarks.core.errors import UsageError
from benchmarks.data.acquisition import store
from benchmarks.data.acquisition.archive import Archive
from benchmarks.data.acquisition.items import ArchiveItem, Item
from benchmarks.data.cards import DatasetCard
from benchmarks.data.sources import ImageFile, ImageSet, ImageSource, SplitSources


@dataclass(frozen=True)
class ListedPhotographs(DatasetCard):
    """HR photographs for training; LR images are made by a degradation.

    Photographs are taken in the order of their names, whatever folder they are in. The last of every ``held_out_every`` in the
    folder ``held_out_of`` is for validation. Of the others the first half is X, the second half Z; both are the pairs that
    supervised methods see.

    Attributes:
        archive: that holds the photographs, with the list of their hashes.
        held_out_of: folder in the archive that gives the validation images.
        held_out_every: one photograph in as many of that folder is for validation.
    """

    archive: Archive
    held_out_of: str
    held_out_every: Annotated[int, Meta(ge=2)]

    def __post_init__(self) -> None:
        if not self.archive.listed:
            raise ValueError("archive: listed is missing: name the file beside the card with the SHA-256 of every photograph")

    @property
    def archives(self) -> tuple[Archive, ...]:
        """The archive alone."""
        return (self.archive,)

    @cached_property
    def names(self) -> dict[Split, list[str]]:
        """File names of each split, in order. Raises UsageError if there are too few, or two photographs of one name."""
        listed = sorted(self.archive.hashes, key=_stem)
        folder = [name for name in listed if PurePosixPath(name).parent == PurePosixPath(self.held_out_of)]
        validation = folder[self.held_out_every - 1 :: self.held_out_every]
        training = [name for name in listed if name not in validation]
        if len(training) < 2 or not validation or len({_stem(name) for name in listed}) < len(listed):
            needed = "at least 2 photographs for training, one for validation, and no name twice are needed"
            raise UsageError(f"data set '{self.name}': {self.archive.listed} lists {len(listed)} files: {needed}")
        half = len(training) // 2
        return {"x": training[:half], "z": training[half:], "pairs": training, "validation": validation, "test": []}

    def has(self, split: Split) -> bool:
        """True for all splits but test."""
        return bool(self.names[split])

    def makes_lr(self, split: Split) -> bool:
        """True if LR images of the split are made by a degradation: all LR images are."""
        return split != "z"

    def sources(self, split: Split) -> SplitSources:
        """Files of a split with their listed hashes, be they here or not. Raises UsageError for the test split."""
        if not self.has(split):
            raise UsageError(f"data set '{self.name}' is for training only, without {split} images: name another with --datasets")
        folder, mend = store.folder(self.archive), f"remove the file and run python -m benchmarks.prepare {self.name}"
        files = {
            name: ImageFile(f"image {name}", folder / name, sha256, "file", mend) for name, sha256 in self.archive.hashes.items()
        }
        images = tuple(ImageSource(_stem(name), files[name]) for name in self.names[split])
        return SplitSources(ImageSet(images, tuple(files.values())))

    def missing(self) -> list[str]:
        """Name of the archive, if it is not prepared or lacks files."""
        return [self.archive.name] if store.missing(self.archive, list(self.archive.hashes)) else []

    def verify(self, splits: Iterable[Split]) -> None:
        """Raise UsageError if files are missing, or have another size than when they were unpacked."""
        store.refuse_unprepared(self.name, self.missing())

    def items(self) -> Sequence[Item]:
        """The archive."""
        return [ArchiveItem.of(self.archive, tuple(self.archive.hashes), {self.name: self.title}, self.licence)]


def _stem(name: str) -> str:
    """Name of a photograph in results: the file's, without folder and ending."""
    return PurePosixPath(name).stem
