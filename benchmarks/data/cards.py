"""Dataset cards: the declarative files in ``datasets/`` that name images, splits, licences and checksums."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from msgspec import Meta

from benchmarks.errors import UsageError, unknown
from benchmarks.strict import build, read_toml

CARDS = Path(__file__).resolve().parents[2] / "datasets"
MOST_FILES = 10_000_000  # of a split: whoever reads a card makes a list of their names

Box = tuple[int, int, int, int]  # top, left, height, width in HR pixels
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]  # of a folder or file that we make
Url = Annotated[str, Meta(pattern=r"^https?://[^\s]+$")]
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]  # SHA-256
Scale = Annotated[int, Meta(ge=1)]


@dataclass(frozen=True)
class Photo:
    """One photograph that an installed package ships, and which of its regions serve which split."""

    name: Name
    package: str  # distribution to install where the file is missing
    module: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]  # importable package whose folder holds the file
    file: str  # path under that folder
    sha256: str  # of the decoded pixels: (H, W, 3) uint8 RGB in C order
    licence: str
    x: tuple[Box, ...] = ()  # degraded, unpaired
    z: tuple[Box, ...] = ()  # clean HR
    test: tuple[Box, ...] = ()

    def __post_init__(self) -> None:
        if PurePosixPath(self.file).is_absolute() or ".." in PurePosixPath(self.file).parts:
            raise ValueError(f"file {self.file}: it leads out of the package's folder")

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
    scale: Scale
    licence: str
    citation: str
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

    @property
    def trains(self) -> bool:
        """Whether a photograph serves X."""
        return any(photo.x for photo in self.photos)


@dataclass(frozen=True)
class FileSet:
    """Numbered image files of one archive, in order."""

    archive: Name
    pattern: str  # with the number in braces, for example {:04d}.png; a second pair of braces is the variant's number
    first: Annotated[int, Meta(ge=0)]
    last: Annotated[int, Meta(ge=0)]
    variants: Annotated[int, Meta(ge=1)] = 1  # files of each number; where the pattern has no place for it, the same one again

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
        """The files' names."""
        numbers, variants = range(self.first, self.last + 1), range(1, self.variants + 1)
        return [self.pattern.format(number, variant) for number in numbers for variant in variants]


@dataclass(frozen=True)
class Archive:
    """A folder of images: where it comes from, and what must come.

    Attributes:
        name: of the folder that it becomes.
        urls: mirrors, the preferred first, of a zip or tar file; or, each ending in ``/{}``, of single files by their names.
        bytes: of the archive file; None where nobody has published it.
        sha256: of the archive file; None where nobody has published it: then the first download pins it.
        inside: the folder in the archive whose files are taken, wherever it lies; empty for all files.
    """

    name: Name
    urls: Annotated[tuple[Url, ...], Meta(min_length=1)]
    bytes: Annotated[int, Meta(ge=1)] | None = None
    sha256: Hash | None = None
    inside: str = ""

    def __post_init__(self) -> None:
        if len({url.endswith("/{}") for url in self.urls}) > 1:
            raise ValueError("urls: either all end in /{} or none")

    @property
    def by_file(self) -> bool:
        """Whether it comes file by file."""
        return self.urls[0].endswith("/{}")


@dataclass(frozen=True)
class Calibration:
    """What a paper reports for a method that needs no training: which protocol gives the same, tells how the paper scored."""

    method: str
    psnr: float
    ssim: float
    source: str


@dataclass(frozen=True)
class ImageFolders:
    """A data set of image files in folders that archives hold. Without training splits it is for testing only."""

    name: str
    title: str
    kind: Literal["image-folders"]
    scale: Scale
    licence: str
    citation: str
    notes: str
    archives: Annotated[tuple[Archive, ...], Meta(min_length=1)]
    test_hr: FileSet
    test_lr: FileSet | None = None  # without it LR images are made by a degradation
    x: FileSet | None = None
    z: FileSet | None = None
    pairs_lr: FileSet | None = None  # for supervised methods, which see pairs
    pairs_hr: FileSet | None = None
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        known = {archive.name for archive in self.archives}
        for file_set in self.file_sets:
            if file_set.archive not in known:
                raise ValueError(f"a file set names the archive '{file_set.archive}': archives has {', '.join(sorted(known))}")
        training = (self.x, self.z, self.pairs_lr, self.pairs_hr)
        if any(training) and not all(training):
            raise ValueError("x, z, pairs_lr and pairs_hr: give all, or none for a data set that only tests")
        for lr, hr in ((self.pairs_lr, self.pairs_hr), (self.test_lr, self.test_hr)):
            if lr and hr and len(lr.names) != len(hr.names):
                raise ValueError(f"pairs of {len(lr.names)} LR and {len(hr.names)} HR files: as many of each are needed")

    @property
    def file_sets(self) -> list[FileSet]:
        """All that it has."""
        return [each for each in (self.x, self.z, self.pairs_lr, self.pairs_hr, self.test_lr, self.test_hr) if each]

    @property
    def trains(self) -> bool:
        """Whether it has training splits."""
        return self.x is not None

    def files_of(self, archive: str) -> list[str]:
        """Names of all files of an archive that a split uses."""
        return sorted({name for each in self.file_sets if each.archive == archive for name in each.names})


@dataclass(frozen=True)
class UserFolder:
    """A user's own images: the folder that ``--data-dir`` names. How it is read, ``benchmarks.data.folders`` says."""

    name: str
    title: str
    kind: Literal["folder"]
    scale: Scale
    licence: str
    citation: str
    notes: str
    directory: str = ""

    @property
    def trains(self) -> bool:
        """Whether it has a folder ``train``."""
        return (Path(self.directory) / "train").is_dir()


DatasetCard = PackagedPhotos | ImageFolders | UserFolder
KINDS: dict[str, type[DatasetCard]] = {
    "packaged-photos": PackagedPhotos,
    "image-folders": ImageFolders,
    "folder": UserFolder,
}


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
    card = build(KINDS[kind], data, str(path))
    if card.name != name:
        raise UsageError(f"{path}: name is '{card.name}': it must be the file's, '{name}'")
    return card
