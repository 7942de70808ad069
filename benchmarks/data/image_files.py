"""Image files of a split, and their pixels: decoded once for all times."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmarks.data.decode import Image, decode
from benchmarks.data.pixels import stack
from benchmarks.source import code_digest

THREADS = 4
AT_ONCE = 2 * THREADS  # images decoded ahead: more would only fill memory


@dataclass(frozen=True)
class ImageFile:
    """An image file: the name that results and random streams know it by, where it lies, what it must hash to."""

    name: str
    path: Path
    sha256: str


@dataclass(frozen=True)
class ImageSet:
    """Image files in order.

    Attributes:
        files: those of the set.
        source: all those that are decoded and kept together with them.
        mend: how to mend one that is broken.
    """

    files: tuple[ImageFile, ...]
    source: tuple[ImageFile, ...]
    mend: str

    @property
    def names(self) -> list[str]:
        """Of the files, in order."""
        return [file.name for file in self.files]

    @property
    def hashes(self) -> list[str]:
        """Of the files, in order."""
        return [file.sha256 for file in self.files]


@dataclass(frozen=True)
class SplitFiles:
    """The files of a split. Where there are no LR images, they are made from the HR images by a degradation."""

    hr: ImageSet  # empty where only LR images are needed and there
    lr: ImageSet | None

    @property
    def identity(self) -> dict[str, object]:
        """What decides the pixels and what they are called: HR names count, for random degradations draw by them."""
        return {"hr": list(zip(self.hr.names, self.hr.hashes, strict=True)), "lr": self.lr.hashes if self.lr else None}


NONE = ImageSet((), (), "")


def read(images: ImageSet) -> list[Image]:
    """Decode image files, once for all times.

    Returns:
        ``(H, W, 3)`` uint8 RGB each, in order, memory-mapped and not writable.

    Raises:
        UsageError: a file is missing, broken, or not the one that was hashed.
    """
    hashes = [file.sha256 for file in images.source]
    key = digest(["decoded", code_digest("benchmarks.data.decode"), hashes])
    by_hash = dict(zip(hashes, stack(key, lambda: _decoded(images.source, images.mend)), strict=True))
    return [by_hash[sha256] for sha256 in images.hashes]


def digest(content: object) -> str:
    """SHA-256 of plain data."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _decoded(files: Sequence[ImageFile], mend: str) -> Iterator[Image]:
    """Decode in threads, a few ahead, and say so where it takes long."""
    waiting = iter(files)
    total = len(files)
    if total > AT_ONCE:
        print(f"decoding {total} images of {files[0].path.parent.resolve()}, once", file=sys.stderr)
    with ThreadPoolExecutor(THREADS) as pool:
        while chunk := list(islice(waiting, AT_ONCE)):
            yield from pool.map(lambda file: decode(file.path, f"image {file.path.name}", mend, file.sha256), chunk)
