"""Data sets of image files in archives on the web: DIV2K with the tracks of NTIRE 2018, Set5, Kodak24."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from benchmarks.api.entries import Split
from benchmarks.core.errors import UsageError
from benchmarks.core.secrets import address_without_secrets
from benchmarks.core.text import counted
from benchmarks.data.acquisition import store
from benchmarks.data.acquisition.archive import Archive
from benchmarks.data.acquisition.items import ArchiveItem, Item
from benchmarks.data.cards import DatasetCard
from benchmarks.data.fields import Name
from benchmarks.data.sources import EMPTY, ImageFile, ImageSet, ImageSource, SplitSources

MOST_FILES = 10_000_000  # of a split: reading a card makes a list of all names


@dataclass(frozen=True)
class FileSet:
    """Numbered image files of an archive, in order.

    Attributes:
        archive: name of the archive.
        pattern: file name with the number in braces, for example ``{:04d}.png``; a second pair of braces is the variant's number.
        first: the first number.
        last: the last number.
        variants: files of each number; without a second pair of braces, each file is repeated as often.
    """

    archive: Name
    pattern: str
    first: Annotated[int, Meta(ge=0)]
    last: Annotated[int, Meta(ge=0)]
    variants: Annotated[int, Meta(ge=1)] = 1

    def __post_init__(self) -> None:
        if re.search(r"\{[^}]*[0-9]{3}", self.pattern):
            raise ValueError(f"pattern {self.pattern}: a width of 99 at most")
        try:
            names = {self.pattern.format(number, variant) for number in (1, 2) for variant in (1, 2)}
        except (IndexError, KeyError, ValueError) as error:
            raise ValueError(f"pattern {self.pattern}: {error}") from error
        if len(names) < 2 or any("/" in name or "\\" in name for name in names):
            raise ValueError(f"pattern {self.pattern}: a file name with the number in braces, such as {{:04d}}.png")
        if self.last < self.first:
            raise ValueError(f"last {self.last} is below first {self.first}")
        if (self.last - self.first + 1) * self.variants > MOST_FILES:
            raise ValueError(f"first, last and variants: {MOST_FILES:,} files at most")

    @property
    def names(self) -> list[str]:
        """File names, in order."""
        numbers, variants = range(self.first, self.last + 1), range(1, self.variants + 1)
        return [self.pattern.format(number, variant) for number in numbers for variant in variants]


@dataclass(frozen=True)
class ImageFolders(DatasetCard):
    """A data set of image files in folders that archives hold. Without training splits it is for testing only.

    Attributes:
        archives: archives or addresses of the files.
        test_hr: HR images of the test split; None if there is no ground truth.
        test_lr: LR images of the test split; None if a degradation makes them.
        x: degraded LR images, for training without pairs.
        z: HR images, for training without pairs.
        pairs_lr: LR images of the pairs that supervised methods see.
        pairs_hr: HR images of these pairs.
        validation_hr: HR images for choices that must not see the test images; None if there are none.
        validation_lr: LR images of the validation split; None if a degradation makes them.
    """

    archives: Annotated[tuple[Archive, ...], Meta(min_length=1)]
    test_hr: FileSet | None = None
    test_lr: FileSet | None = None
    x: FileSet | None = None
    z: FileSet | None = None
    pairs_lr: FileSet | None = None
    pairs_hr: FileSet | None = None
    validation_hr: FileSet | None = None
    validation_lr: FileSet | None = None

    def __post_init__(self) -> None:
        archive_names = {archive.name for archive in self.archives}
        for file_set in self.file_sets:
            if file_set.archive not in archive_names:
                raise ValueError(
                    f"a file set names the archive '{file_set.archive}': archives has {', '.join(sorted(archive_names))}"
                )
        if not self.test_hr and not self.test_lr:
            raise ValueError("neither test_hr nor test_lr: give HR images, LR images without ground truth, or both")
        training = (self.x, self.z, self.pairs_lr, self.pairs_hr)
        if any(training) and not all(training):
            raise ValueError("x, z, pairs_lr and pairs_hr: give all, or none for a data set that only tests")
        if self.validation_lr and not self.validation_hr:
            raise ValueError("validation_lr without validation_hr: give both, or HR images alone")
        pairs = ((self.pairs_lr, self.pairs_hr), (self.validation_lr, self.validation_hr), (self.test_lr, self.test_hr))
        for lr, hr in pairs:
            if lr and hr and len(lr.names) != len(hr.names):
                raise ValueError(f"pairs of {len(lr.names)} LR and {len(hr.names)} HR files: as many of each are needed")
        self._refuse_shared_files()

    def _refuse_shared_files(self) -> None:
        """Raise ValueError if X and Z share a file, or two of training, validation and test."""
        files = {
            split: {(file_set.archive, name) for file_set in pair if file_set for name in file_set.names}
            for split, pair in self._sets.items()
        }
        training = files["x"] | files["z"] | files["pairs"]
        for names, first, second in (
            ("x and z", files["x"], files["z"]),
            ("training and validation", training, files["validation"]),
            ("training and test", training, files["test"]),
            ("validation and test", files["validation"], files["test"]),
        ):
            if shared := first & second:
                raise ValueError(
                    f"{names} share {counted(len(shared), 'file')}, such as {min(shared)[1]}: no image may be in both"
                )

    @property
    def file_sets(self) -> list[FileSet]:
        """File sets of all splits."""
        return [file_set for sets in self._sets.values() for file_set in sets if file_set]

    @property
    def _sets(self) -> dict[Split, tuple[FileSet | None, FileSet | None]]:
        """HR and LR file sets by split."""
        return {
            "x": (None, self.x),
            "z": (self.z, None),
            "pairs": (self.pairs_hr, self.pairs_lr),
            "validation": (self.validation_hr, self.validation_lr),
            "test": (self.test_hr, self.test_lr),
        }

    def files_of(self, archive: str) -> list[str]:
        """Names of the files of an archive that any split uses."""
        return sorted({name for file_set in self.file_sets if file_set.archive == archive for name in file_set.names})

    def has(self, split: Split) -> bool:
        """True if the card names files of the split."""
        return any(self._sets[split])

    def has_truth(self, split: Split) -> bool:
        """True if the card names HR images of the split."""
        return self._sets[split][0] is not None

    def makes_lr(self, split: Split) -> bool:
        """True if LR images of the split are made by a degradation; images of X are never."""
        hr, lr = self._sets[split]
        return split != "z" and hr is not None and lr is None

    def sources(self, split: Split) -> SplitSources:
        """Files of a split, with hashes of the archives' manifests. Raises UsageError if they are not prepared."""
        hr, lr = self._sets[split]
        if hr is None and lr is None:
            if split == "validation":
                raise UsageError(f"data set '{self.name}' has no validation images: name another data set")
            raise UsageError(f"data set '{self.name}' has no training images: name another with --train-on")
        return SplitSources(self._prepared(hr) if hr else EMPTY, self._prepared(lr) if lr else None)

    def content(self, splits: Sequence[Split]) -> object:
        """Names and hashes of the files; for a data set that is not prepared, hashes or names of the archives."""
        if self.missing():
            return {"not prepared": [archive.sha256 or archive.name for archive in self.archives], "splits": list(splits)}
        return super().content(splits)

    def missing(self) -> list[str]:
        """Names of archives that are not prepared, or lack files."""
        return [archive.name for archive in self.archives if store.missing(archive, self.files_of(archive.name))]

    def verify(self, splits: Iterable[Split]) -> None:
        """Raise UsageError if files of the splits are missing, or have another size than when they were unpacked."""
        if lacking := self.missing():
            raise UsageError(
                f"data set '{self.name}' is not prepared ({', '.join(lacking)} not in {store.data_root()}): "
                f"run python -m benchmarks.prepare {self.name}"
            )
        for split in splits:
            self.sources(split)

    def items(self) -> Iterable[Item]:
        """Archives of the data set."""
        for archive in self.archives:
            files = tuple(self.files_of(archive.name))
            titles = {self.name: self.title}
            folder = store.folder(archive)
            origin = address_without_secrets(archive.urls[0])
            yield ArchiveItem(archive.name, titles, self.licence, archive.bytes, origin, folder, archive, files)

    def _prepared(self, file_set: FileSet) -> ImageSet:
        archive = next(archive for archive in self.archives if archive.name == file_set.archive)
        manifest, names = store.read_manifest(archive), self.files_of(archive.name)
        if manifest is None or not manifest.files.keys() >= set(names):
            mend = f"run python -m benchmarks.prepare {self.name}"
            raise UsageError(f"data set '{self.name}': {archive.name} is not prepared: {mend}")
        folder = store.folder(archive)
        mend = f"remove the file and run python -m benchmarks.prepare {self.name}"
        files = {name: ImageFile(f"image {name}", folder / name, manifest.files[name].sha256, "file", mend) for name in names}
        return ImageSet(tuple(ImageSource(_stem(name), files[name]) for name in file_set.names), tuple(files.values()))


def _stem(name: str) -> str:
    """Name of an image in results: the file's, without extension and ``_HR``. All files of a set follow one pattern."""
    return name.rpartition(".")[0].removesuffix("_HR")
