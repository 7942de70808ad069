"""Items that ``python -m benchmarks.prepare`` fetches and verifies: archives, published weights, packaged photographs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.core.errors import UsageError
from benchmarks.data.acquisition import store, weights
from benchmarks.data.acquisition.archive import Archive
from benchmarks.data.acquisition.weights import WeightCard, WeightFile

if TYPE_CHECKING:
    from benchmarks.core.transfer_progress import TransferProgress


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
class VerifiedItem(Item):
    """Files that come with something else, such as photographs inside installed packages: there is nothing to fetch.

    Attributes:
        verify: raises UsageError for the first file that is missing or has changed.
    """

    verify: Callable[[], None]

    def _is_whole(self) -> bool:
        return not self._changes()

    def _changes(self) -> list[str]:
        self.verify()
        return []

    def prepare(self, given: Path | None, progress: TransferProgress) -> None:
        """Raise UsageError where a file is missing or has changed."""
        self.verify()
