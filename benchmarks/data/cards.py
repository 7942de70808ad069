"""Dataset cards: the declarative files in ``datasets/`` that name images, splits, licences and checksums."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from benchmarks.errors import UsageError, unknown
from benchmarks.strict import build, read_toml

CARDS = Path(__file__).resolve().parents[2] / "datasets"

Box = tuple[int, int, int, int]  # top, left, height, width in HR pixels


@dataclass(frozen=True)
class Photo:
    """One photograph that an installed package ships, and which of its regions serve which split."""

    name: str
    package: str  # distribution to install where the file is missing
    module: str  # importable package whose folder holds the file
    file: str  # path under that folder
    sha256: str  # of the decoded pixels: (H, W, 3) uint8 RGB in C order
    licence: str
    x: tuple[Box, ...] = ()  # degraded, unpaired
    z: tuple[Box, ...] = ()  # clean HR
    test: tuple[Box, ...] = ()


@dataclass(frozen=True)
class DatasetCard:
    """A data set: what it is, under which terms, and the photographs it is cut from."""

    name: str
    title: str
    kind: Literal["packaged-photos"]
    scale: Annotated[int, Meta(ge=1)]
    notes: str
    photos: tuple[Photo, ...]

    def __post_init__(self) -> None:
        for photo in self.photos:
            for top, left, height, width in photo.x + photo.z + photo.test:
                if height % self.scale or width % self.scale or min(top, left) < 0 or min(height, width) < 1:
                    raise UsageError(
                        f"data set '{self.name}': {photo.name}: box [{top}, {left}, {height}, {width}]: "
                        f"height and width must be positive multiples of the scale {self.scale}"
                    )


def _cards() -> dict[str, Path]:
    return {path.stem: path for path in sorted(CARDS.glob("*.toml"))}


def dataset_names() -> list[str]:
    """Names of all data sets that have a card."""
    return [name for name, path in _cards().items()]


def load_dataset_card(name: str) -> DatasetCard:
    """Read and check ``datasets/<name>.toml``. Raises UsageError where it is unknown or invalid."""
    path = _cards().get(name)
    if path is None:
        raise unknown("data set", name, dataset_names())
    return build(DatasetCard, read_toml(path), str(path))
