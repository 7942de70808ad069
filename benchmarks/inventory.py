"""What a card's data set or weights consist of, as items that are fetched and verified one by one."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.data import photos, store, weights
from benchmarks.data.cards import Archive, ImageFolders, PackagedPhotos, dataset_names, load_dataset_card
from benchmarks.data.weights import WeightCard, WeightFile, load_weight_card, weight_names
from benchmarks.errors import UsageError, unknown
from benchmarks.files import cache_root

if TYPE_CHECKING:
    from benchmarks.progress import TransferProgress


@dataclass(frozen=True)
class Item(ABC):
    """One thing to have.

    Attributes:
        name: in messages, and of what ``--from-archive`` is given.
        titles: of the data sets or weights that need it, by their names.
        licence: its terms.
        bytes: to download, where that is known; 0 where nothing is.
        origin: where it comes from.
        folder: where it goes.
    """

    name: str
    titles: Mapping[str, str]
    licence: str
    bytes: int | None
    origin: str
    folder: Path

    @abstractmethod
    def _is_whole(self) -> bool: ...

    @abstractmethod
    def _changes(self) -> list[str]: ...

    def is_here(self) -> bool:
        """Whether it is there whole; content is not read again where that is gigabytes. What cannot be told is not here."""
        try:
            return self._is_whole()
        except UsageError:  # which ``damaged`` and ``prepare`` tell
            return False

    def damaged(self) -> list[str]:
        """Read it whole: a line for each file that is missing or changed."""
        try:
            return self._changes()
        except UsageError as error:
            return [str(error)]

    @abstractmethod
    def prepare(self, given: Path | None, progress: TransferProgress) -> None:
        """Get it where it is not here, out of the user's file where there is one. Raises BenchmarkError."""

    def is_begun(self) -> bool:
        """Whether any of it is there."""
        return self.is_here()

    def room(self, *, given: bool) -> tuple[int, int]:
        """Bytes that it will take in the end, and beside them until then; less of them where the user gives the file."""
        return self.bytes or 0, 0

    @property
    def file_name(self) -> str:
        """Of what ``--from-archive`` is given."""
        return self.name

    def is_file(self, path: Path) -> bool:
        """Whether a user's file is this one, by its name."""
        return path.name == self.file_name

    def state(self) -> str:
        """In a word."""
        return "ready" if self.is_here() else "incomplete" if self.is_begun() else "missing"


@dataclass(frozen=True)
class ArchiveItem(Item):
    """An archive of one or several data sets, and the files that they use of it."""

    archive: Archive
    files: tuple[str, ...]

    def _is_whole(self) -> bool:
        return not store.missing(self.archive, self.files)

    def is_begun(self) -> bool:
        """Whether there is a manifest."""
        return (self.folder / store.MANIFEST).is_file()

    def _changes(self) -> list[str]:
        return store.damaged(self.archive)

    def prepare(self, given: Path | None, progress: TransferProgress) -> None:
        """Download and extract, or take the archive file that the user has, or the folder that was unpacked by hand."""

        def report(what: str, done: int, of: int | None) -> None:
            if what == store.WAITING:
                return progress.console.print(f"{self.name}: {what}", soft_wrap=True)
            progress.report(f"{self.name}: {what}", done, of)

        store.prepare(self.archive, self.files, given, report)

    def room(self, *, given: bool) -> tuple[int, int]:
        """Unpacked about what it is packed, for images hardly shrink; and what is yet to come of the archive beside it."""
        with suppress(UsageError):  # which ``prepare`` tells
            if store.is_by_hand(self.archive):
                return 0, 0
        return self.bytes or 0, 0 if given else max((self.bytes or 0) - store.fetched(self.archive), 0)

    @property
    def file_name(self) -> str:
        """The archive's name with the ending that it has at its publisher's."""
        return f"{self.name}.zip"

    def is_file(self, path: Path) -> bool:
        """Whether a file has the archive's name, with any ending."""
        return path.name.partition(".")[0] == self.name


@dataclass(frozen=True)
class WeightItem(Item):
    """One role of a card of weights: several files may serve it."""

    card: WeightCard
    files: tuple[WeightFile, ...]

    def _is_whole(self) -> bool:
        return weights.cached(self.card)[self.files[0].role] is not None

    def _changes(self) -> list[str]:
        return weights.damaged(self.files)

    def is_begun(self) -> bool:
        """Whether there is a file, intact or not."""
        return any(weights.cached_path(file).is_file() for file in self.files)

    def prepare(self, given: Path | None, progress: TransferProgress) -> None:
        """Fetch it, or copy the user's file."""
        if given is not None:
            weights.place(
                next((file for file in self.files if weights.cached_path(file).name == given.name), self.files[0]), given
            )
        weights.fetch_role(self.card, self.files[0].role)

    @property
    def file_name(self) -> str:
        """Of the preferred file."""
        return weights.cached_path(self.files[0]).name

    def is_file(self, path: Path) -> bool:
        """Whether a file has the name of one of the alternatives."""
        return path.name in {weights.cached_path(file).name for file in self.files}


@dataclass(frozen=True)
class PhotosItem(Item):
    """Photographs inside installed packages: there is nothing to fetch."""

    card: PackagedPhotos

    def _is_whole(self) -> bool:
        return not self._changes()

    def _changes(self) -> list[str]:
        photos.verify(self.card)  # raises for the first photograph that is not the card's
        return []

    def prepare(self, given: Path | None, progress: TransferProgress) -> None:
        """Raise UsageError where a photograph is not there."""
        photos.verify(self.card)


def items(names: Sequence[str] | None) -> list[Item]:
    """The items behind names of data sets and weights, each once; of all cards where None.

    Raises:
        UsageError: an unknown name, or one that has nothing to prepare.
    """
    every = [*dataset_names(), *weight_names()]
    found: dict[str, Item] = {}
    for name in every if names is None else names:
        if name not in every:
            raise unknown("data set or weights", name, every)
        for item in _weight_items(name) if name in weight_names() else _dataset_items(name, named=names is not None):
            first = found.get(item.name)
            found[item.name] = _together(first, item) if first else item
    return list(found.values())


def names_of_profile(name: str) -> list[str]:
    """Data sets and weights that ``--all`` of a profile uses."""
    from benchmarks.inputs import weights_of
    from benchmarks.plan import make_plan
    from benchmarks.profile import load_profile

    profile = load_profile(name)
    return [*profile.datasets, *weights_of(make_plan(profile))]


def _together(first: Item, second: Item) -> Item:
    """An archive that two data sets share, with the files that either uses."""
    titles = {**first.titles, **second.titles}
    if isinstance(first, ArchiveItem) and isinstance(second, ArchiveItem):
        return replace(first, titles=titles, files=tuple(sorted({*first.files, *second.files})))
    return replace(first, titles=titles)


def _dataset_items(name: str, *, named: bool) -> Iterable[Item]:
    card = load_dataset_card(name)
    if isinstance(card, PackagedPhotos):
        yield PhotosItem(name, {name: card.title}, card.licence, 0, "installed packages", Path(sys.prefix), card)
    elif isinstance(card, ImageFolders):
        for archive in card.archives:
            yield ArchiveItem(
                archive.name,
                {name: card.title},
                card.licence,
                archive.bytes,
                archive.urls[0],
                store.folder(archive),
                archive,
                tuple(card.files_of(archive.name)),
            )
    elif named:
        raise UsageError(f"data set '{name}' is your own: there is nothing to prepare, give --data-dir DIR to benchmarks.run")


def _weight_items(name: str) -> Iterable[Item]:
    card = load_weight_card(name)
    for role, files in card.alternatives().items():
        first = files[0]
        folder = cache_root() / "weights"
        yield WeightItem(
            f"{name}/{role}", {name: card.title}, card.licence, first.bytes, first.origin, folder, card, tuple(files)
        )
