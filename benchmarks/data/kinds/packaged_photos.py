"""Data sets cut from photographs inside installed packages. No photograph is copied into this project."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from msgspec import Meta

from benchmarks.api.entries import Split
from benchmarks.core.errors import UsageError
from benchmarks.data.acquisition.items import Item, VerifiedItem
from benchmarks.data.cards import DatasetCard
from benchmarks.data.fields import Name
from benchmarks.data.sources import Box, ImageFile, ImageSet, ImageSource, SplitSources

SPLITS: tuple[Split, ...] = ("x", "z", "validation", "test")


@dataclass(frozen=True)
class Photo:
    """A photograph in an installed package, and its regions in each split.

    Attributes:
        name: first part of the names of its regions.
        package: distribution that has the file, for errors.
        module: importable package whose folder holds the file.
        file: path under that folder.
        sha256: of the decoded pixels, ``(H, W, 3)`` uint8 RGB in C order.
        licence: terms of the photograph.
        subject: of the image. Only natural photographs are scored: a result counts photographs.
        group: name that photographs of one scene share, which count as one; empty if no other shows the scene.
        x: regions that are degraded, for training without pairs.
        z: regions that serve as HR images in training.
        validation: regions for choices that must not see the test images.
        test: regions that are scored.

    Raises:
        ValueError: the file is outside of the package, or regions of two splits overlap.
    """

    name: Name
    package: str
    module: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    file: str
    sha256: str
    licence: str
    x: tuple[Box, ...] = ()
    z: tuple[Box, ...] = ()
    validation: tuple[Box, ...] = ()
    test: tuple[Box, ...] = ()
    subject: Literal["natural", "medical", "astronomical"] = "natural"
    group: str = ""

    def __post_init__(self) -> None:
        if PurePosixPath(self.file).is_absolute() or ".." in PurePosixPath(self.file).parts:
            raise ValueError(f"file {self.file}: it leads out of the package's folder")
        if self.subject != "natural" and (self.validation or self.test):
            raise ValueError(f"{self.name}: a {self.subject} image in validation or test: natural photographs alone are scored")
        for first, second in combinations(SPLITS, 2):
            for box, other in product(self.boxes(first), self.boxes(second)):
                if _overlap(box, other):
                    raise ValueError(
                        f"{self.name}: regions {list(box)} of {first} and {list(other)} of {second} overlap: move one of them"
                    )

    def boxes(self, split: Split) -> tuple[Box, ...]:
        """Regions of a split. The pairs that supervised methods see are all regions of X and Z."""
        boxes: tuple[Box, ...] = self.x + self.z if split == "pairs" else getattr(self, split)
        return boxes

    def locate(self) -> ImageFile:
        """The photograph's file. Raises UsageError if its package is not installed."""
        spec = importlib.util.find_spec(self.module)
        if spec is None or not spec.submodule_search_locations:
            raise UsageError(f"photograph '{self.name}': package {self.package} is not installed: pip install {self.package}")
        path = Path(next(iter(spec.submodule_search_locations))) / self.file
        mend = f"reinstall it: pip install --force-reinstall {self.package}"
        return ImageFile(f"photograph '{self.name}'", path, self.sha256, "pixels", mend)


def _overlap(first: Box, second: Box) -> bool:
    """True if two regions share a pixel."""
    vertically = first[0] < second[0] + second[2] and second[0] < first[0] + first[2]
    return vertically and first[1] < second[1] + second[3] and second[1] < first[1] + first[3]


@dataclass(frozen=True)
class PackagedPhotos(DatasetCard):
    """Regions of photographs inside installed packages; LR images are made by a degradation."""

    photos: tuple[Photo, ...]

    def __post_init__(self) -> None:
        for photo in self.photos:
            for top, left, height, width in (box for split in SPLITS for box in photo.boxes(split)):
                if height % self.scale or width % self.scale or min(top, left) < 0 or min(height, width) < 1:
                    raise UsageError(
                        f"data set '{self.name}': {photo.name}: box [{top}, {left}, {height}, {width}]: "
                        f"height and width must be positive multiples of the scale {self.scale}"
                    )

    def has(self, split: Split) -> bool:
        """True if a photograph has a region in the split."""
        return any(photo.boxes(split) for photo in self.photos)

    def makes_lr(self, split: Split) -> bool:
        """True if LR images of the split are made by a degradation: all LR images are."""
        return split != "z"

    def sources(self, split: Split) -> SplitSources:
        """Regions of a split, named ``<photo>-<top>-<left>``, in the card's order."""
        return SplitSources(
            ImageSet(
                tuple(
                    ImageSource(f"{photo.name}-{box[0]}-{box[1]}", photo.locate(), box)
                    for photo in self.photos
                    for box in photo.boxes(split)
                )
            )
        )

    def photograph(self, image: str) -> str:
        """The photograph or scene that a region shows, also a region of an earlier version of the card."""
        names = {photo.name: photo.group or photo.name for photo in self.photos}
        region = re.fullmatch(r"(.+)-\d+-\d+", image)
        return names.get(region[1], super().photograph(image)) if region else super().photograph(image)

    def verify(self, splits: Iterable[Split]) -> None:
        """Read every photograph that has a region. Raises UsageError if one is missing or has changed."""
        from benchmarks.data.pixels.images import read_file

        for photo in self.photos:
            if any(photo.boxes(split) for split in SPLITS):
                read_file(photo.locate())

    def items(self) -> Iterable[Item]:
        """The photographs as one item, which is verified and never downloaded."""
        folder = Path(sys.prefix)
        yield VerifiedItem(
            self.name, {self.name: self.title}, self.licence, 0, "installed packages", folder, lambda: self.verify(SPLITS)
        )
