"""Data sets of image files: which files are in which split, and their pixels.

The files of an ``ImageFolders`` card lie where ``benchmarks.data.store`` has put them. Those of a ``UserFolder`` are found by
name: its images, or those of its subfolders ``train`` and ``test``; there, pairs of one name in subfolders ``HR`` and ``LR``,
pairs whose names end in ``_HR`` and ``_LR``, or HR images alone.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Literal

from benchmarks.data import store
from benchmarks.data.cards import FileSet, ImageFolders, UserFolder
from benchmarks.data.decode import Image, decode
from benchmarks.data.matching import images, match
from benchmarks.data.pixels import stack
from benchmarks.errors import UsageError
from benchmarks.source import code_digest

Files = ImageFolders | UserFolder
Split = Literal["x", "z", "pairs", "test"]
AT_ONCE = 16  # images decoded ahead: more would only fill memory
THREADS = 4


@dataclass(frozen=True)
class ImageFile:
    """An image file and what it must hash to."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class ImageSet:
    """Image files in order, and all those that are decoded and kept together with them."""

    files: tuple[ImageFile, ...]
    source: tuple[ImageFile, ...]

    @property
    def hashes(self) -> list[str]:
        """Of the files, in order."""
        return [file.sha256 for file in self.files]


@dataclass(frozen=True)
class SplitFiles:
    """The files of a split. Where there are no LR images, they are made from the HR images by a degradation."""

    hr: ImageSet  # empty where only LR images are needed and there
    lr: ImageSet | None


NONE = ImageSet((), ())


def split_files(card: Files, split: Split) -> SplitFiles:
    """Find a split's files.

    Raises:
        UsageError: the data set is not prepared, a folder is missing or has no images, names do not pair up, or the split is
            not there.
    """
    return _of_card(card, split) if isinstance(card, ImageFolders) else _of_user(card, split)


def identity(card: Files, splits: Iterable[Split]) -> dict[str, object]:
    """What decides the pixels of the splits: every file's hash, or of a data set that is not prepared, what its card says."""
    if isinstance(card, ImageFolders) and missing(card):
        return {"not prepared": [archive.sha256 or archive.name for archive in card.archives], "splits": list(splits)}
    found = {split: split_files(card, split) for split in splits}
    return {split: {"hr": files.hr.hashes, "lr": files.lr.hashes if files.lr else None} for split, files in found.items()}


def missing(card: ImageFolders) -> list[str]:
    """The archives that are not there whole."""
    return [archive.name for archive in card.archives if store.missing(archive, card.files_of(archive.name))]


def verify(card: Files, splits: Iterable[Split]) -> None:
    """Raise UsageError where files of the splits are missing, or not of the size that they had."""
    if isinstance(card, ImageFolders) and missing(card):
        raise UsageError(
            f"data set '{card.name}' is not prepared ({', '.join(missing(card))} not in {store.data_root()}): "
            f"run python -m benchmarks.prepare {card.name}"
        )
    for split in splits:
        split_files(card, split)


def read(images: ImageSet) -> list[Image]:
    """Decode image files, once for all times.

    Returns:
        ``(H, W, 3)`` uint8 RGB each, in order, memory-mapped and not writable.

    Raises:
        UsageError: a file is missing, broken, or not the one that was hashed.
    """
    hashes = [file.sha256 for file in images.source]
    key = digest(["decoded", code_digest("benchmarks.data.decode"), hashes])
    by_hash = dict(zip(hashes, stack(key, lambda: _decoded(images.source)), strict=True))
    return [by_hash[sha256] for sha256 in images.hashes]


def digest(content: object) -> str:
    """SHA-256 of plain data."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _decoded(files: Sequence[ImageFile]) -> Iterator[Image]:
    """Decode in threads, a few ahead, and say so where it takes long."""
    waiting = iter(files)
    total = len(files)
    if total > AT_ONCE:
        print(f"decoding {total} images of {files[0].path.parent.resolve()}, once", file=sys.stderr)
    with ThreadPoolExecutor(THREADS) as pool:
        while chunk := list(islice(waiting, AT_ONCE)):
            yield from pool.map(_decode, chunk)


def _decode(file: ImageFile) -> Image:
    return decode(file.path, f"image {file.path.name}", "get it again (python -m benchmarks.prepare --verify)", file.sha256)


def _of_card(card: ImageFolders, split: Split) -> SplitFiles:
    hr, lr = {
        "x": (None, card.x),
        "z": (card.z, None),
        "pairs": (card.pairs_hr, card.pairs_lr),
        "test": (card.test_hr, card.test_lr),
    }[split]
    if hr is None and lr is None:
        raise UsageError(f"data set '{card.name}' has no training images: name another with --train-on")
    return SplitFiles(_stored(card, hr) if hr else NONE, _stored(card, lr) if lr else None)


def _stored(card: ImageFolders, file_set: FileSet) -> ImageSet:
    archive = next(archive for archive in card.archives if archive.name == file_set.archive)
    manifest, together = store.read_manifest(archive), card.files_of(archive.name)
    if manifest is None or not manifest.files.keys() >= set(together):
        raise UsageError(f"data set '{card.name}': {archive.name} is not prepared: run python -m benchmarks.prepare {card.name}")
    files = {name: ImageFile(store.folder(archive) / name, manifest.files[name].sha256) for name in together}
    return ImageSet(tuple(files[name] for name in file_set.names), tuple(files.values()))


def _of_user(card: UserFolder, split: Split) -> SplitFiles:
    hr, lr = _user_files(card.directory, "test" if split == "test" else "train")
    if split in ("pairs", "test"):
        return SplitFiles(ImageSet(hr, hr), ImageSet(lr, lr) if lr else None)
    half = len(hr) // 2
    if not half:
        raise UsageError(f"--data-dir {card.directory}: one training image, and X and Z need different ones: add more")
    if split == "z":
        return SplitFiles(ImageSet(hr[half:], hr), None)
    return SplitFiles(NONE, ImageSet(lr[:half], lr)) if lr else SplitFiles(ImageSet(hr[:half], hr), None)


@lru_cache(maxsize=4)
def _user_files(directory: str, role: str) -> tuple[tuple[ImageFile, ...], tuple[ImageFile, ...] | None]:
    """HR and LR files for ``train`` or ``test``, hashed: once per process."""
    root = Path(directory)
    if not root.is_dir():
        raise UsageError(f"--data-dir {directory}: no such folder: give the one that holds your images")
    where = root / role
    if not where.is_dir():
        other = root / ("train" if role == "test" else "test")
        if other.is_dir():
            raise UsageError(
                f"--data-dir {directory}: there is {other.name} but no {role}: add it, or use another data set for it"
            )
        where = root
    pairs = _user_pairs(where)
    if pairs:
        lr, hr = zip(*pairs.values(), strict=True)
        return _hashed(hr), _hashed(lr)
    return _hashed(images(where).values()), None


def _user_pairs(where: Path) -> dict[str, tuple[Path, Path]] | None:
    if (where / "HR").is_dir() and (where / "LR").is_dir():
        return match(where / "LR", where / "HR", hint="a pair has one name in both folders")
    if any(where.glob("*_LR.*")):
        return match(where, where, "_LR", "_HR", hint="the names of a pair agree but for _HR and _LR")
    return None


def _hashed(paths: Iterable[Path]) -> tuple[ImageFile, ...]:
    chosen = list(paths)
    with ThreadPoolExecutor(THREADS) as pool:
        return tuple(ImageFile(*both) for both in zip(chosen, pool.map(store.sha256_of, chosen), strict=True))
