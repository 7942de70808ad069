"""Image files of a split by value: where they are, what they hash to, which region of them is meant."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

Box = tuple[int, int, int, int]  # top, left, height, width in HR pixels


@dataclass(frozen=True)
class ImageFile:
    """An image file.

    Attributes:
        title: the file in an error, for example ``image 0001.png``.
        path: where it is.
        sha256: of the file, or of its decoded pixels ``(H, W, 3)`` uint8 RGB in C order.
        hash_of: which of the two.
        mend: what to do where the file is missing or has changed.
    """

    title: str
    path: Path
    sha256: str
    hash_of: Literal["file", "pixels"]
    mend: str


@dataclass(frozen=True)
class ImageSource:
    """An image of a split: the name that results and random streams know, its file, and its region (None for the whole)."""

    name: str
    file: ImageFile
    box: Box | None = None

    @property
    def identity(self) -> list[object]:
        """Name, hash and region."""
        return [self.name, self.file.sha256, self.box]


@dataclass(frozen=True)
class ImageSet:
    """Images in order.

    Attributes:
        images: of the set.
        stack: files whose decoded pixels are kept together in one file of the cache; empty where they are decoded anew by each
            process.
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

    def only(self, names: Collection[str]) -> ImageSet:
        """The images of these names."""
        return replace(self, images=tuple(image for image in self.images if image.name in names))


@dataclass(frozen=True)
class SplitSources:
    """The images of a split. Where there are no LR images, they are made from the HR images by a degradation."""

    hr: ImageSet  # empty where LR images alone are needed and there
    lr: ImageSet | None = None

    @property
    def identity(self) -> dict[str, object]:
        """Names, hashes and regions: what decides the pixels. Of LR images that are there, names do not count."""
        return {"hr": [image.identity for image in self.hr.images], "lr": self.lr.hashes if self.lr else None}


EMPTY = ImageSet(())


def digest(content: object) -> str:
    """SHA-256 of plain data."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
