"""Cards of data sets: the declarative files in ``datasets/`` that name images, splits, licences and checksums."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from benchmarks.api.entries import Split
from benchmarks.catalog.dataset_kinds import KINDS
from benchmarks.catalog.plugins import added_cards
from benchmarks.core.errors import UsageError, unknown
from benchmarks.core.lazy import resolve
from benchmarks.core.paths import CARDS
from benchmarks.core.strict import build, read_toml
from benchmarks.data.fields import Scale
from benchmarks.data.sources import SplitSources

if TYPE_CHECKING:
    from benchmarks.data.acquisition.items import Item


@dataclass(frozen=True)
class Apart:
    """Folders and names of a user's training images, beside the folder of the data set ``folder``.

    Attributes:
        x: folder of X, LR images without ground truth.
        z: folder of Z, other HR images.
        lr_suffix: end of the names of LR images beside the names of their HR images; empty to recognise DIV2K's.
        without_truth: whether test images whose names do not say so are LR images, of which there is no ground truth.
    """

    x: Path | None = None
    z: Path | None = None
    lr_suffix: str = ""
    without_truth: bool = False


NOTHING_APART = Apart()


@dataclass(frozen=True)
class ImageGroup:
    """Images that show one photograph, such as its crops."""

    photograph: str
    images: Annotated[tuple[str, ...], Meta(min_length=1)]


@dataclass(frozen=True)
class DatasetCard(ABC):
    """A card of a data set; each kind of data set is a subclass with fields of its own.

    Attributes:
        name: the file's name without its ending.
        title: a line for lists.
        kind: name in ``benchmarks.catalog.dataset_kinds``.
        scale: HR pixels per LR pixel.
        licence: terms of the images.
        citation: source of the data set.
        notes: for users.
        groups: images that show one photograph. Images that are in no group are photographs of their own.
    """

    name: str
    title: str
    kind: str
    scale: Scale
    licence: str
    citation: str
    notes: str
    groups: tuple[ImageGroup, ...] = field(default=(), kw_only=True)

    @abstractmethod
    def has(self, split: Split) -> bool:
        """True if a split has images."""

    @abstractmethod
    def sources(self, split: Split) -> SplitSources:
        """Images of a split.

        Raises:
            UsageError: the data set is not prepared, or has no such split.
        """

    @abstractmethod
    def verify(self, splits: Iterable[Split]) -> None:
        """Raise UsageError if files of the splits are missing or have changed. Kinds with large files may check sizes only."""

    @abstractmethod
    def items(self) -> Iterable[Item]:
        """Files and archives that ``python -m benchmarks.prepare`` downloads or verifies."""

    def photograph(self, image: str) -> str:
        """The photograph that an image shows, by the names of both: the image itself, if the card does not say otherwise."""
        return next((group.photograph for group in self.groups if image in group.images), image)

    @property
    def trains(self) -> bool:
        """True if the data set has training splits."""
        return self.has("x")

    @property
    def is_located(self) -> bool:
        """True if the folder of the images is known. False only for a user's folder that is not given yet."""
        return True

    def missing(self) -> list[str]:
        """Names of archives that are not on this machine."""
        return []

    def content(self, splits: Sequence[Split]) -> object:
        """Names and hashes of the images of the splits, as plain data: they decide the pixels, degradations aside."""
        return {split: self.sources(split).identity for split in splits}

    def origin(self, split: Split) -> str:
        """SHA-256 over the file names of a split and the archives that they were unpacked from; empty for images from no archive.

        Names of data set and archives do not count: the same files are recognised under any name, and no others under this one.
        """
        return ""

    def makes_lr(self, split: Split) -> bool:
        """True if LR images of the split are made by a degradation, not read."""
        return split != "z" and self.sources(split).lr is None

    @property
    def is_unpaired(self) -> bool:
        """True if the training images are LR and HR images of different scenes, without pairs."""
        return False

    def has_truth(self, split: Split) -> bool:
        """True if there are HR images of a split to score SR images against."""
        return True

    def located_in(self, directory: Path | None, apart: Apart = NOTHING_APART) -> DatasetCard:
        """The card with the folders of a user's images, if it needs them."""
        return self

    @property
    def location(self) -> dict[str, str]:
        """The folders of a user's images, for result files; empty for other data sets."""
        return {}


def _files() -> dict[str, Path]:
    own = {path.stem: path for path in sorted(CARDS.glob("*.toml"))}
    return own | _added(frozenset(own))


@cache
def _added(own: frozenset[str]) -> dict[str, Path]:
    """Cards of plug-ins, given the names of the project's own."""
    return added_cards("data set", "", own, _read)


def dataset_names() -> list[str]:
    """Names of all data sets that have a card."""
    return list(_files())


def card_path(name: str) -> Path:
    """File of a data set's card: ``datasets/<name>.toml``, or a plug-in's. Raises UsageError if there is none."""
    path = _files().get(name)
    if path is None:
        raise unknown("data set", name, dataset_names())
    return path


def load_dataset_card(name: str) -> DatasetCard:
    """Read and check the card of a data set. Raises UsageError if it is unknown or invalid."""
    return _read(name, card_path(name))


def _read(name: str, path: Path) -> DatasetCard:
    data: dict[str, Any] = read_toml(path)
    kind = data.get("kind", "")
    if kind not in KINDS:
        raise UsageError(f"{path}: {unknown('kind', str(kind), KINDS)}")
    cls: type[DatasetCard] = resolve(KINDS[kind].target, f"kind of data set '{kind}'", ("sources", "verify"))
    card = build(cls, data, str(path))
    if card.name != name:
        raise UsageError(f"{path}: name is '{card.name}': it must be the file's, '{name}'")
    return card
