"""Items that ``python -m benchmarks.prepare`` fetches and verifies: archives, published weights, packaged photographs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.core.errors import UsageError
from benchmarks.core.secrets import address_without_secrets
from benchmarks.core.text import counted
from benchmarks.data.acquisition import store, weights
from benchmarks.data.acquisition.archive import Archive
from benchmarks.data.acquisition.wanted import Wanted
from benchmarks.data.acquisition.weights import WeightCard, WeightFile

if TYPE_CHECKING:
    from benchmarks.core.progress.transfer_progress import TransferProgress


@dataclass(frozen=True)
class Item(ABC):
    """An archive, a file of weights, or files to verify.

    Attributes:
        name: in messages, and of the file for ``--from-archive``.
        titles: titles of the data sets or weights that need the item, by their names.
        licence: terms of the content.
        bytes: bytes to download; None if unknown, 0 if nothing is downloaded.
        origin: address, or description of the source.
        folder: folder that holds the item.
    """

    name: str
    titles: Mapping[str, str]
    licence: str
    bytes: int | None
    origin: str
    folder: Path

    @abstractmethod
    def _is_complete(self) -> bool:
        """True if all files are here. May raise UsageError."""

    @abstractmethod
    def _damaged(self) -> list[str]:
        """One line for each file that is missing or changed. May raise UsageError."""

    def is_complete(self) -> bool:
        """True if all files are here; large files are not hashed again. False if that cannot be determined."""
        try:
            return self._is_complete()
        except UsageError:  # ``damaged`` and ``prepare`` report it
            return False

    def damaged(self) -> list[str]:
        """Hash all files. Returns one line for each file that is missing or changed."""
        try:
            return self._damaged()
        except UsageError as error:
            return [str(error)]

    @abstractmethod
    def prepare(self, local_file: Path | None, progress: TransferProgress) -> None:
        """Download the item, or take it from the user's file ``local_file``, unless it is complete.

        Raises BenchmarkError, also where the item is complete and ``local_file`` is another file than it was made of.
        """

    def is_begun(self) -> bool:
        """True if any file of the item is here."""
        return self.is_complete()

    def room(self, *, has_file: bool) -> tuple[int, int]:
        """Bytes on disk: of the prepared item, and beside it while it is prepared. ``has_file``: the user has the file."""
        return self.bytes or 0, 0

    @property
    def page(self) -> str:
        """Web page where a person gets the item's file; empty if ``prepare`` fetches it."""
        return ""

    @property
    def file_name(self) -> str:
        """Name of the file that ``--from-archive`` takes for the item; empty if it takes none."""
        return self.name

    def is_file(self, path: Path) -> bool:
        """True if the name of a user's file is that of the item's file."""
        return path.name == self.file_name

    def state(self) -> str:
        """State in one word: ready, incomplete or missing."""
        return "ready" if self.is_complete() else "incomplete" if self.is_begun() else "missing"


@dataclass(frozen=True)
class ArchiveItem(Item):
    """An archive of one or several data sets, and the files that these use.

    Attributes:
        archive: of a card.
        files: names and patterns.
        checks: of each data set, as of ``store.prepare``.
    """

    archive: Archive
    files: Wanted
    checks: tuple[store.Check, ...] = ()

    @classmethod
    def of(cls, archive: Archive, files: Wanted, titles: dict[str, str], licence: str, *checks: store.Check) -> ArchiveItem:
        """Item of an archive that a card names, with its address and folder."""
        number = f" ({counted(len(files), 'single file')})" if archive.by_file else ""
        origin = f"{address_without_secrets(archive.origin)}{number}"
        return cls(archive.name, titles, licence, archive.bytes, origin, store.folder(archive), archive, files, checks)

    def _is_complete(self) -> bool:
        return not store.missing(self.archive, self.files)

    def is_begun(self) -> bool:
        """True if the folder has a manifest."""
        return store.has_manifest(self.archive)

    def _damaged(self) -> list[str]:
        return store.damaged(self.archive)

    def prepare(self, local_file: Path | None, progress: TransferProgress) -> None:
        """Download and extract the archive, or extract the user's file, or adopt a folder that was unpacked by hand."""

        def report(activity: str, done: int, of: int | None) -> None:
            if activity == store.WAITING:
                return progress.console.print(f"{self.name}: {activity}", soft_wrap=True)
            progress.report(f"{self.name}: {activity}", done, of)

        store.prepare(self.archive, self.files, local_file, report, self.checks)

    def room(self, *, has_file: bool) -> tuple[int, int]:
        """Bytes of the unpacked images, about those of the archive, and bytes of the archive that are still to be downloaded."""
        with suppress(UsageError):  # ``prepare`` reports it
            if store.is_by_hand(self.archive):
                return 0, 0
        return self.bytes or 0, 0 if has_file else max((self.bytes or 0) - store.fetched(self.archive), 0)

    @property
    def file_name(self) -> str:
        """Published name of the archive file, else that of the archive with the ending ``.zip``; empty for single files."""
        return "" if self.archive.by_file else self.archive.file_name

    def is_file(self, path: Path) -> bool:
        """True if a file has the published name, or that of the archive with any ending; of single files, that of one of them."""
        if self.archive.by_file and path.name in self.files:
            return True
        return path.name == self.archive.file_name or path.name.partition(".")[0] == self.name

    @property
    def page(self) -> str:
        """Web page where a person gets the archive file."""
        return self.archive.page or ""


@dataclass(frozen=True)
class WeightItem(Item):
    """A role of a card of weights, and the files that serve it."""

    card: WeightCard
    files: tuple[WeightFile, ...]

    def _is_complete(self) -> bool:
        return weights.cached(self.card)[self.files[0].role] is not None

    def _damaged(self) -> list[str]:
        return weights.damaged(self.files)

    def is_begun(self) -> bool:
        """True if the cache has a file of the role, intact or not."""
        return any(weights.cached_path(file).is_file() for file in self.files)

    def prepare(self, local_file: Path | None, progress: TransferProgress) -> None:
        """Download a file of the role, or copy the user's file to the cache."""
        if local_file is not None:
            same_name = (file for file in self.files if weights.cached_path(file).name == local_file.name)
            weights.place(next(same_name, self.files[0]), local_file)
        weights.fetch_role(self.card, self.files[0].role)

    @property
    def file_name(self) -> str:
        """Name of the preferred file in the cache."""
        return weights.cached_path(self.files[0]).name

    def is_file(self, path: Path) -> bool:
        """True if a file is named as one of the role's files."""
        return path.name in {weights.cached_path(file).name for file in self.files}


@dataclass(frozen=True)
class VerifiedItem(Item):
    """Files that other software installs, such as photographs in packages: they are verified, never downloaded.

    Attributes:
        verify: raises UsageError for the first file that is missing or has changed.
    """

    verify: Callable[[], None]

    def _is_complete(self) -> bool:
        return not self._damaged()

    def _damaged(self) -> list[str]:
        self.verify()
        return []

    def prepare(self, local_file: Path | None, progress: TransferProgress) -> None:
        """Raise UsageError if a file is missing or has changed, or if the user gives one."""
        if local_file is not None:
            raise UsageError(f"{local_file}: not used: {self.name} comes with {self.origin}: leave out --from-archive")
        self.verify()
