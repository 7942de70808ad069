"""A user's own images, found by name.

Images lie in the folder itself, or in its subfolders ``train`` and ``test``; there, pairs of one name in subfolders ``HR`` and
``LR``, pairs whose names end in ``_HR`` and ``_LR``, or HR images alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Literal

from benchmarks.data.cards import UserFolder
from benchmarks.data.image_files import NONE, THREADS, ImageFile, ImageSet, SplitFiles
from benchmarks.data.matching import images, match
from benchmarks.errors import UsageError
from benchmarks.files import hash_file

MEND = "replace the file, or take it out of the folder"
LAYOUT = "images, or folders train and test with images, or in these HR and LR with pairs"
LONG = 1_000_000_000  # bytes that take seconds to hash

Role = Literal["train", "test"]
Found = tuple[tuple[ImageFile, ...], tuple[ImageFile, ...] | None]


def user_split(card: UserFolder, split: str) -> SplitFiles:
    """The files of a split.

    Raises:
        UsageError: the folder cannot be read, has no images or too few, names do not pair up, or one image is where it must
            not be: in X and in Z, or in training and in test.
    """
    root = Path(card.directory)
    try:
        hr, lr = _files(root, "test" if split == "test" else "train")
        if (root / "train").is_dir() and (root / "test").is_dir():
            _refuse_shared(_files(root, "train")[0], _files(root, "test")[0], "training and test share an image")
    except OSError as error:
        reason = f"{error.filename or root}: cannot be read ({error.strerror})"
        raise UsageError(f"--data-dir {card.directory}: {reason}: check names and permissions") from error
    if split in ("pairs", "test"):
        return SplitFiles(_set(hr, hr), _set(lr, lr) if lr else None)
    half = len(hr) // 2
    if not half:
        raise UsageError(f"--data-dir {card.directory}: one training image, and X and Z need different ones: add more")
    _refuse_shared(hr[:half], hr[half:], "X and Z share an image")
    if split == "z":
        return SplitFiles(_set(hr[half:], hr), None)
    return SplitFiles(NONE, _set(lr[:half], lr)) if lr else SplitFiles(_set(hr[:half], hr), None)


def _set(files: tuple[ImageFile, ...], source: tuple[ImageFile, ...]) -> ImageSet:
    return ImageSet(files, source, MEND)


def _refuse_shared(some: Iterable[ImageFile], others: Iterable[ImageFile], what: str) -> None:
    known = {file.sha256: file.path for file in some}
    for file in others:
        if file.sha256 in known:
            raise UsageError(f"{what}: {known[file.sha256]} and {file.path} are the same: remove one of them")


@lru_cache(maxsize=4)
def _files(root: Path, role: Role) -> Found:
    """HR and LR files, hashed: once per process."""
    if not root.is_dir():
        raise UsageError(f"--data-dir {root}: no such folder: give the one that holds your images")
    where = root / role
    if not where.is_dir():
        other = root / ("train" if role == "test" else "test")
        if other.is_dir():
            raise UsageError(f"--data-dir {root}: there is {other.name} but no {role}: add it, or name another data set")
        where = root
    pairs = _pairs(where)
    if pairs:
        lr, hr = ({name: both[side] for name, both in pairs.items()} for side in (0, 1))
        return _hashed(hr), _hashed(lr)
    return _hashed(_images(where)), None


def _pairs(where: Path) -> Mapping[str, tuple[Path, Path]] | None:
    """LR and HR file by their common name, where there are LR files."""
    if (where / "HR").is_dir() and (where / "LR").is_dir():
        return match(where / "LR", where / "HR", hint="a pair has one name in both folders")
    found = _images(where)
    if not any(name.endswith("_LR") for name in found):
        return None
    strays = [path.name for name, path in found.items() if not name.endswith(("_HR", "_LR"))]
    if strays:
        raise UsageError(f"{where}: {strays[0]} ends neither in _HR nor in _LR, as others do: rename it or take it out")
    return match(where, where, "_LR", "_HR", hint="the names of a pair agree but for _HR and _LR")


def _images(where: Path) -> dict[str, Path]:
    return images(where, hint=f"it may have {LAYOUT}")


def _hashed(paths: Mapping[str, Path]) -> tuple[ImageFile, ...]:
    size = sum(path.stat().st_size for path in paths.values())
    if size > LONG:
        print(f"reading {len(paths)} images, {size / 1e9:.1f} GB, to tell whether they have changed", file=sys.stderr)
    with ThreadPoolExecutor(THREADS) as pool:
        hashes = pool.map(lambda path: hash_file(path).hexdigest(), paths.values())
        return tuple(ImageFile(name, path, sha256) for (name, path), sha256 in zip(paths.items(), hashes, strict=True))
