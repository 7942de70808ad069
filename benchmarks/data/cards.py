"""Dataset cards: the declarative files in ``datasets/`` that name images, splits, licences and checksums."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

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

    def boxes(self, split: str) -> tuple[Box, ...]:
        """Its regions in a split; supervised methods train on pairs of everything that X and Z hold."""
        boxes: tuple[Box, ...] = self.x + self.z if split == "pairs" else getattr(self, split)
        return boxes


@dataclass(frozen=True)
class PackagedPhotos:
    """A data set cut from photographs inside installed packages; LR images are made by a degradation."""

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


@dataclass(frozen=True)
class FileSet:
    """Numbered image files of one folder."""

    folder: str
    pattern: str  # with the number in braces, for example {:04d}.png
    first: int
    last: int

    def files(self, root: Path) -> list[Path]:
        """All paths, in order."""
        return [root / self.folder / self.pattern.format(number) for number in range(self.first, self.last + 1)]


@dataclass(frozen=True)
class Archive:
    """Where the files come from, and what the archive must hash to."""

    url: str
    bytes: Annotated[int, Meta(ge=1)]
    sha256: str


@dataclass(frozen=True)
class Calibration:
    """What a paper reports for a method that needs no training: which protocol gives the same, tells how the paper scored."""

    method: str
    psnr: float
    ssim: float
    source: str


@dataclass(frozen=True)
class ImageFolders:
    """A data set in folders of image files, with LR images of its own; ``CINCGAN_DATA`` names the folder above them."""

    name: str
    title: str
    kind: Literal["image-folders"]
    scale: Annotated[int, Meta(ge=1)]
    notes: str
    x: FileSet
    z: FileSet
    pairs_lr: FileSet  # for supervised methods, which see pairs
    pairs_hr: FileSet
    test_lr: FileSet
    test_hr: FileSet
    archives: tuple[Archive, ...]
    calibration: Calibration | None = None


DatasetCard = PackagedPhotos | ImageFolders
KINDS: dict[str, type[PackagedPhotos] | type[ImageFolders]] = {"packaged-photos": PackagedPhotos, "image-folders": ImageFolders}


def _cards() -> dict[str, Path]:
    return {path.stem: path for path in sorted(CARDS.glob("*.toml"))}


def dataset_names() -> list[str]:
    """Names of all data sets that have a card."""
    return list(_cards())


def load_dataset_card(name: str) -> DatasetCard:
    """Read and check ``datasets/<name>.toml``. Raises UsageError where it is unknown or invalid."""
    path = _cards().get(name)
    if path is None:
        raise unknown("data set", name, dataset_names())
    data: dict[str, Any] = read_toml(path)
    kind = data.get("kind", "")
    if kind not in KINDS:
        raise UsageError(f"{path}: {unknown('kind', str(kind), KINDS)}")
    return build(KINDS[kind], data, str(path))
