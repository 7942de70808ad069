"""Image files of a split by value: paths, hashes and regions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

Box = tuple[int, int, int, int]  # top, left, height, width in HR pixels


@dataclass(frozen=True)
class ImageFile:
    """An image file.

    Attributes:
        title: name of the file in errors, for example ``image 0001.png``.
        path: of the file.
        sha256: of the file, or of its decoded pixels ``(H, W, 3)`` uint8 RGB in C order.
        hash_of: the content that ``sha256`` is of.
        mend: how to mend a missing or changed file, for errors.
    """

    title: str
    path: Path
    sha256: str
    hash_of: Literal["file", "pixels"]
    mend: str


@dataclass(frozen=True)
class ImageSource:
    """An image of a split.

    Attributes:
        name: in results, and of the random streams of degradations.
        file: that holds the image.
        box: region of the file's image; None for the whole image.
    """

    name: str
    file: ImageFile
    box: Box | None = None

    @property
    def identity(self) -> list[object]:
        """Name, hash and region, which decide the pixels."""
        return [self.name, self.file.sha256, self.box]


@dataclass(frozen=True)
class ImageSet:
    """Images in order.

    Attributes:
        images: of the set.
        stack: files whose decoded pixels are kept together in one file of the cache; empty if every process decodes them anew.
    """

    images: tuple[ImageSource, ...]
    stack: tuple[ImageFile, ...] = ()

    @property
    def names(self) -> list[str]:
        """Names of the images, in order."""
        return [image.name for image in self.images]

    @property
    def hashes(self) -> list[str]:
        """SHA-256 of the images' files, in order."""
        return [image.file.sha256 for image in self.images]

    def at(self, places: Sequence[int]) -> ImageSet:
        """The images at these places."""
        return replace(self, images=tuple(self.images[place] for place in places))


@dataclass(frozen=True)
class SplitSources:
    """Images of a split.

    Attributes:
        hr: HR images; empty if the data set has LR images and the split needs no others.
        lr: LR images; None if a degradation makes them of the HR images.
    """

    hr: ImageSet
    lr: ImageSet | None = None

    @property
    def identity(self) -> dict[str, object]:
        """Names, hashes and regions, which decide the pixels. Names of LR images do not count: nothing is drawn for them."""
        return {"hr": [image.identity for image in self.hr.images], "lr": self.lr.hashes if self.lr else None}

    def only(self, names: Collection[str]) -> SplitSources:
        """The pairs of these HR images; LR files have names of their own."""
        places = [place for place, name in enumerate(self.hr.names) if name in names]
        return SplitSources(self.hr.at(places), self.lr.at(places) if self.lr else None)


EMPTY = ImageSet(())


def digest(content: object) -> str:
    """SHA-256 of plain data."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
