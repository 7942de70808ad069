"""Data sets of image files in archives on the web: DIV2K with the tracks of NTIRE 2018, Set5, Kodak24."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from benchmarks.api.entries import Split
from benchmarks.core.errors import UsageError
from benchmarks.core.text import counted
from benchmarks.data.acquisition import store
from benchmarks.data.acquisition.archive import Archive
from benchmarks.data.acquisition.extraction import Entry
from benchmarks.data.acquisition.items import ArchiveItem, Item
from benchmarks.data.acquisition.pins import FILE, pins
from benchmarks.data.acquisition.wanted import Glob, expanded, lacking
from benchmarks.data.cards import DatasetCard
from benchmarks.data.file_sets import FileSet
from benchmarks.data.sizes import refuse_misfits
from benchmarks.data.sources import EMPTY, ImageFile, ImageSet, ImageSource, SplitSources, digest

Unpacked = tuple[Archive, Path, Mapping[str, Entry]]  # an archive whose folder has no name yet, that folder, its files


@dataclass(frozen=True)
class ImageFolders(DatasetCard):
    """A data set of image files in folders that archives hold, for testing, for training, or for both.

    Attributes:
        archives: archives or addresses of the files.
        test_hr: HR images of the test split; None if there is no ground truth.
        test_lr: LR images of the test split; None if a degradation makes them.
        x: degraded LR images, for training without pairs.
        x_hr: HR images of which a degradation makes X, in place of ``x``.
        z: HR images, for training without pairs.
        pairs_lr: LR images of the pairs that supervised methods see; None if a degradation makes them.
        pairs_hr: HR images of these pairs; None if LR and HR images for training are of different scenes.
        validation_hr: HR images for choices that must not see the test images; None if there are none.
        validation_lr: LR images of the validation split; None if a degradation makes them.
    """

    archives: Annotated[tuple[Archive, ...], Meta(min_length=1)]
    test_hr: FileSet | None = None
    test_lr: FileSet | None = None
    x: FileSet | None = None
    x_hr: FileSet | None = None
    z: FileSet | None = None
    pairs_lr: FileSet | None = None
    pairs_hr: FileSet | None = None
    validation_hr: FileSet | None = None
    validation_lr: FileSet | None = None

    def __post_init__(self) -> None:
        archive_names = {archive.name for archive in self.archives}
        named = [name for file_set in self.file_sets for name in file_set.archive_names]
        if unknown_names := [name for name in named if name not in archive_names]:
            raise ValueError(
                f"a file set names the archive '{unknown_names[0]}': archives has {', '.join(sorted(archive_names))}"
            )
        by_file = {archive.name for archive in self.archives if archive.by_file}
        if any(file_set.is_glob and by_file & set(file_set.archive_names) for file_set in self.file_sets):
            raise ValueError("single files need names: give files or numbers in place of a pattern with *")
        if not any((self.test_hr, self.test_lr, self.x, self.x_hr)):
            raise ValueError("neither test_hr nor test_lr, and no x: give HR images, LR images without ground truth, or both")
        self._refuse_incomplete()
        self._refuse_shared_files()

    def _refuse_incomplete(self) -> None:
        """Raise ValueError if a split lacks its other half, or pairs are of different numbers."""
        if self.x and self.x_hr:
            raise ValueError("x and x_hr: give one of them")
        if bool(self.x or self.x_hr) != bool(self.z) or (self.pairs_hr and not self.z):
            raise ValueError("give both x, or x_hr, and z, or none for a data set that only tests")
        for name, lr, hr in (
            ("pairs", self.pairs_lr, self.pairs_hr),
            ("validation", self.validation_lr, self.validation_hr),
            ("test", self.test_lr, self.test_hr),
        ):
            if lr and not hr and name != "test":
                raise ValueError(f"{name}_lr without {name}_hr: give both, or HR images alone")
            if lr and hr and lr.size != hr.size and None not in (lr.size, hr.size):
                raise ValueError(f"pairs of {lr.size} LR and {hr.size} HR files: as many of each are needed")

    def _refuse_shared_files(self) -> None:
        """Raise ValueError if X and Z share a file, or two of training, validation and test."""
        files = {
            split: {(archive, name) for files in pair if files for archive in files.archive_names for name in files.names}
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
            "x": (self.x_hr, self.x),
            "z": (self.z, None),
            "pairs": (self.pairs_hr, self.pairs_lr),
            "validation": (self.validation_hr, self.validation_lr),
            "test": (self.test_hr, self.test_lr),
        }

    def files_of(self, archive: str) -> list[str | Glob]:
        """Names of the files of an archive that any split uses, then patterns where nobody publishes the names."""
        wanted = [entry for file_set in self.file_sets if archive in file_set.archive_names for entry in file_set.wanted]
        names = sorted({entry for entry in wanted if isinstance(entry, str)})
        return [*names, *dict.fromkeys(entry for entry in wanted if isinstance(entry, Glob))]

    def has(self, split: Split) -> bool:
        """True if the card names files of the split."""
        return any(self._sets[split])

    def has_truth(self, split: Split) -> bool:
        """True if the card names HR images of the split."""
        return self._sets[split][0] is not None

    @property
    def is_unpaired(self) -> bool:
        """True if LR and HR images for training are of different scenes."""
        return self.trains and self.pairs_hr is None

    def makes_lr(self, split: Split) -> bool:
        """True if LR images of the split are made by a degradation."""
        hr, lr = self._sets[split]
        return split != "z" and hr is not None and lr is None

    def sources(self, split: Split) -> SplitSources:
        """Files of a split, with hashes of the archives' manifests. Raises UsageError if they are not prepared."""
        hr, lr = self._sets[split]
        if hr is None and lr is None:
            raise self._lacks(split)
        try:
            return self._sources(split)
        except _Misfit as error:
            raise UsageError(f"data set '{self.name}': {error}: {self._again(error.archives)}") from error

    def _sources(self, split: Split, unpacked: Unpacked | None = None) -> SplitSources:
        """Files of a split, of which those of an archive may lie in a folder that has no name yet.

        Raises:
            _Misfit: LR and HR images have other names, or images of a pattern do.
            UsageError: files are not prepared.
        """
        hr, lr = self._sets[split]
        sources = SplitSources(self._prepared(hr, unpacked) if hr else EMPTY, self._prepared(lr, unpacked) if lr else None)
        if hr and lr and sources.lr and (hr.is_glob or lr.is_glob) and sources.hr.names != sources.lr.names:
            names = sorted(set(sources.hr.names) ^ set(sources.lr.names)) or sources.hr.names
            raise _Misfit(f"{split}: {names[0]} is no pair of a LR and a HR image", hr.archive_names)
        return sources

    def check_pairs(self, archive: Archive, folder: Path, files: Mapping[str, Entry]) -> None:
        """Hold LR images against their HR images before an archive gets its name and is pinned.

        Pairs of which one half is in another archive that is not prepared are left to that archive.

        Args:
            archive: of the card.
            folder: with its files.
            files: sizes and hashes by name.

        Raises:
            UsageError: names or sizes do not fit. The message has no way to mend it.
        """
        for split, (hr, lr) in self._sets.items():
            names = {name for own in (hr, lr) if own for name in own.archive_names}
            others = [other for other in self.archives if other.name in names - {archive.name}]
            if archive.name not in names or any(store.missing(other, self.files_of(other.name)) for other in others):
                continue
            try:
                refuse_misfits(self._sources(split, (archive, folder, files)), self.scale)
            except UsageError as error:
                beside = [other.name for other in others]
                mend = f" (beside {', '.join(beside)}: if that is the wrong one, {self._move(beside)})" if others else ""
                raise UsageError(f"{error}{mend}") from error

    def check_numbers(self, archive: Archive, folder: Path, files: Mapping[str, Entry]) -> None:
        """Refuse files beyond the numbers of the card: those of a larger data set have the same names, and other images.

        An archive with a SHA-256 in its card is known, whatever part of it the card takes.

        Args:
            archive: of the card.
            folder: with its files; those of a folder that was unpacked by hand are more than ``files``.
            files: sizes and hashes by name.

        Raises:
            UsageError: there are such files. The message has no way to mend it.
        """
        if archive.sha256:
            return
        paths = {*files, *(path.relative_to(folder).as_posix() for path in folder.rglob("*"))}
        named = [own for own in self.file_sets if archive.name in own.archive_names]
        known = {name for own in named for name in own.names}
        if further := sorted({path for own in named for path in own.numbered(paths)} - known):
            more = f"{counted(len(further), 'file')} more than the {len(known)} of {archive.name}, such as {further[0]}"
            raise UsageError(f"of another data set: it has {more}")

    def _lacks(self, split: Split) -> UsageError:
        """The error for a split without images."""
        if split in ("validation", "test"):
            return UsageError(f"data set '{self.name}' has no {split} images: name another data set")
        if split == "pairs" and self.trains:
            return UsageError(f"data set '{self.name}' has no pairs: its LR and HR training images are of different scenes")
        return UsageError(f"data set '{self.name}' has no training images: name another with --train-on")

    def content(self, splits: Sequence[Split]) -> object:
        """Names and hashes of the files; for a data set that is not prepared, hashes or names of the archives."""
        if self.missing():
            return {"not prepared": [archive.sha256 or archive.name for archive in self.archives], "splits": list(splits)}
        return super().content(splits)

    def origin(self, split: Split) -> str:
        """The origin by the manifests of the archives' folders. Files that were unpacked by hand have another than the card's."""
        manifests = {archive.name: store.read_manifest(archive) for archive in self.archives}
        return self._origin(split, {name: own.archive_sha256 or own.digest for name, own in manifests.items() if own})

    def declared_origin(self, split: Split) -> str:
        """The origin of files from archives with the hashes of the card; empty if the card lacks one of them."""
        return self._origin(split, {archive.name: archive.sha256 for archive in self.archives if archive.sha256})

    def _origin(self, split: Split, hashes: Mapping[str, str]) -> str:
        names = {name for file_set in self._sets[split] if file_set for name in file_set.archive_names}
        if not names or not names <= hashes.keys():
            return ""
        parts = {archive.name: [hashes[archive.name], archive.inside] for archive in self.archives if archive.name in names}
        return digest(
            [self.scale, [own and [[parts[name] for name in own.archive_names], own.names] for own in self._sets[split]]]
        )

    def missing(self) -> list[str]:
        """Names of archives that are not prepared, or lack files."""
        return [archive.name for archive in self.archives if store.missing(archive, self.files_of(archive.name))]

    def verify(self, splits: Iterable[Split]) -> None:
        """Raise UsageError if files of the splits are missing, or have another size than when they were unpacked."""
        store.refuse_unprepared(self.name, self.missing())
        for split in splits:
            self.sources(split)

    def items(self) -> Iterable[Item]:
        """Archives of the data set."""
        for archive in self.archives:
            checks = partial(self.check_numbers, archive), partial(self.check_pairs, archive)
            yield ArchiveItem.of(archive, tuple(self.files_of(archive.name)), {self.name: self.title}, self.licence, *checks)

    def _prepared(self, file_set: FileSet, unpacked: Unpacked | None) -> ImageSet:
        images: list[ImageSource] = []
        stack: dict[ImageFile, None] = {}
        for archive in (archive for archive in self.archives if archive.name in file_set.archive_names):
            files = self._image_files(archive, unpacked)
            stack |= dict.fromkeys(files.values())
            images += [ImageSource(name, files[path]) for path, name in file_set.images(files)]
        names = {image.name for image in images}
        if file_set.is_glob and (len(names) < len(images) or file_set.size not in (None, len(images))):
            of = f"{counted(len(names), 'image')} of {file_set.size or len(images)} by different names"
            raise _Misfit(f"{file_set.pattern}: {of}", file_set.archive_names)
        return ImageSet(tuple(images), tuple(stack))

    def _image_files(self, archive: Archive, unpacked: Unpacked | None) -> dict[str, ImageFile]:
        """Files of a prepared archive that any split uses, by their paths in it. Raises UsageError if they are not prepared."""
        wanted = self.files_of(archive.name)
        if unpacked and unpacked[0].name == archive.name:
            _, folder, files = unpacked
        else:
            manifest, folder = store.read_manifest(archive), store.folder(archive)
            if manifest is None or lacking(wanted, manifest.files):
                mend = f"run python -m benchmarks.prepare {self.name}"
                raise UsageError(f"data set '{self.name}': {archive.name} is not prepared: {mend}")
            files = manifest.files
        mend = f"remove the file and run python -m benchmarks.prepare {self.name}"
        return {
            name: ImageFile(f"image {name}", folder / name, files[name].sha256, "file", mend) for name in expanded(wanted, files)
        }

    def _again(self, archives: Sequence[str]) -> str:
        """How to get archives anew."""
        return f"{self._move(archives)} and run python -m benchmarks.prepare {self.name}"

    def _move(self, archives: Sequence[str]) -> str:
        """How to make room for other archives, those that are pinned included."""
        pinned = [name for name in archives if name in pins(store.data_root())]
        unpin = f", remove {', '.join(pinned)} from {store.data_root() / FILE}" if pinned else ""
        return f"move {', '.join(archives)} out of {store.data_root()}{unpin}"


class _Misfit(UsageError):
    """LR and HR images of archives that do not fit.

    Attributes:
        archives: their names.
    """

    def __init__(self, message: str, archives: Sequence[str]) -> None:
        super().__init__(message)
        self.archives = archives
