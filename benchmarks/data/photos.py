"""Photographs that installed packages ship: found, verified, cut to regions. None is copied into this project."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from benchmarks.data.cards import PackagedPhotos, Photo
from benchmarks.data.decode import Image, decode
from benchmarks.errors import UsageError


def identity(card: PackagedPhotos, splits: Iterable[str]) -> list[dict[str, object]]:
    """What decides the pixels of the splits: every photograph's hash and regions."""
    return [
        {"photo": photo.name, "sha256": photo.sha256, split: photo.boxes(split)}
        for photo in card.photos
        for split in splits
        if photo.boxes(split)
    ]


def verify(card: PackagedPhotos) -> None:
    """Read every photograph that a split uses. Raises UsageError where one is missing or has changed."""
    for photo in card.photos:
        if photo.x or photo.z or photo.test:
            read_photo(photo)


def regions(card: PackagedPhotos, split: str) -> list[tuple[str, Image]]:
    """The HR regions of a split as ``(name, pixels)``, in the card's order."""
    found = []
    for photo in card.photos:
        for top, left, height, width in photo.boxes(split):
            pixels = read_photo(photo)[top : top + height, left : left + width]
            if pixels.shape[:2] != (height, width):
                box = f"[{top}, {left}, {height}, {width}]"
                raise UsageError(f"data set '{card.name}': {photo.name}: box {box} leaves the photograph")
            found.append((f"{photo.name}-{top}-{left}", pixels))
    return found


@lru_cache(maxsize=16)
def read_photo(photo: Photo) -> Image:
    """Decode a packaged photograph and check its pixels.

    Raises:
        UsageError: the package or the file is missing, or the pixels are not those of the card.
    """
    path = _folder_of(photo) / photo.file
    again = f"reinstall it: pip install --force-reinstall {photo.package}"
    pixels = decode(path, f"photograph '{photo.name}'", again)
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    if digest != photo.sha256:
        pair = f"pixels hash to {digest[:12]}, card: {photo.sha256[:12]}"
        raise UsageError(f"photograph '{photo.name}' has changed ({path}: {pair}): {again}")
    return pixels


def _folder_of(photo: Photo) -> Path:
    spec = importlib.util.find_spec(photo.module)
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(f"photograph '{photo.name}': package {photo.package} is not installed: pip install {photo.package}")
    return Path(next(iter(spec.submodule_search_locations)))
