"""A user's own images: the folder that ``--data-dir`` names.

Images lie in the folder itself, or in its subfolders ``train``, ``validation`` and ``test``; there, pairs of one name in
subfolders ``HR`` and ``LR``, pairs whose names end in ``_HR`` and ``_LR``, or HR images alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Literal

from benchmarks.api.entries import Split
from benchmarks.core.errors import UsageError
from benchmarks.core.files import hash_file
from benchmarks.data.acquisition.items import Item
from benchmarks.data.cards import DatasetCard
from benchmarks.data.matching import images, match
from benchmarks.data.sources import EMPTY, ImageFile, ImageSet, ImageSource, SplitSources

MEND = "replace the file, or take it out of the folder"
LAYOUT = "images, or folders train and test with images, or in these HR and LR with pairs"
LONG = 1_000_000_000  # bytes that take seconds to hash
THREADS = 4

Role = Literal["train", "validation", "test"]
ROLES: tuple[Role, ...] = ("train", "validation", "test")
Sources = tuple[ImageSource, ...]


@dataclass(frozen=True)
class UserFolder(DatasetCard):
    """A folder of images; how it is read stands at the top of this module.

    Attributes:
        directory: the folder; empty where it is not known.
    """

    directory: str = ""

    def has(self, split: Split) -> bool:
        """Whether there is a folder for the split. A folder without subfolders is for testing only."""
        if split == "test":
            return True
        return (Path(self.directory) / ("validation" if split == "validation" else "train")).is_dir()

    @property
    def is_located(self) -> bool:
        """Whether the folder is known."""
        return bool(self.directory)

    def located_in(self, directory: Path | None) -> DatasetCard:
        """The card with a folder. Raises UsageError where there is none."""
        if directory is None:
            raise UsageError(f"data set '{self.name}': give the folder that holds your images: --data-dir DIR")
        return replace(self, directory=str(directory.absolute()))

    @property
    def location(self) -> dict[str, str]:
        """The folder, for result files."""
        return {"directory": self.directory}

    def sources(self, split: Split) -> SplitSources:
        """The images of a split. Of the training images the first half is X, the second half Z.

        Raises:
            UsageError: the folder cannot be read, has no images or too few, names do not pair up, or one image is where it
                must not be: in X and in Z, or in training, validation and test.
        """
        root = Path(self.directory)
        try:
            hr, lr = _sources(root, split if split in ("validation", "test") else "train")
            _refuse_shared_folders(root)
        except OSError as error:
            reason = f"{error.filename or root}: cannot be read ({error.strerror})"
            raise UsageError(f"--data-dir {self.directory}: {reason}: check names and permissions") from error
        if split in ("pairs", "validation", "test"):
            return SplitSources(_set(hr, hr), _set(lr, lr) if lr else None)
        half = len(hr) // 2
        if not half:
            raise UsageError(
                f"--data-dir {self.directory}: found 1 training image: X and Z must not share images, so at least 2 are needed"
            )
        _refuse_shared(hr[:half], hr[half:], "X and Z share an image")
        if split == "z":
            return SplitSources(_set(hr[half:], hr))
        return SplitSources(EMPTY, _set(lr[:half], lr)) if lr else SplitSources(_set(hr[:half], hr))

    def verify(self, splits: Iterable[Split]) -> None:
        """Raise UsageError as ``sources`` does."""
        for split in splits:
            self.sources(split)

    def items(self) -> Iterable[Item]:
        """Nothing: the images are the user's."""
        return ()


def _set(images: Sources, stack: Sources) -> ImageSet:
    return ImageSet(images, tuple(image.file for image in stack))


def _refuse_shared_folders(root: Path) -> None:
    """Raise UsageError where an image is in two of the subfolders."""
    for first, second in combinations([role for role in ROLES if (root / role).is_dir()], 2):
        names = f"{'training' if first == 'train' else first} and {second}"
        _refuse_shared(_sources(root, first)[0], _sources(root, second)[0], f"{names} share an image")


def _refuse_shared(first: Iterable[ImageSource], second: Iterable[ImageSource], problem: str) -> None:
    known = {image.file.sha256: image.file.path for image in first}
    for image in second:
        if image.file.sha256 in known:
            raise UsageError(f"{problem}: {known[image.file.sha256]} and {image.file.path} are the same: remove one of them")


@lru_cache(maxsize=6)
def _sources(root: Path, role: Role) -> tuple[Sources, Sources | None]:
    """HR and LR images of a subfolder, hashed once per process."""
    if not root.is_dir():
        raise UsageError(f"--data-dir {root}: no such folder: give the one that holds your images")
    folder = root / role
    if not folder.is_dir():
        others = [other for other in ROLES if (root / other).is_dir()]
        if others:
            raise UsageError(f"--data-dir {root}: there is {others[0]} but no {role}: add it, or name another data set")
        folder = root
    pairs = _pairs(folder)
    if pairs:
        lr, hr = ({name: both[side] for name, both in pairs.items()} for side in (0, 1))
        return _hashed(hr), _hashed(lr)
    return _hashed(_images(folder)), None


def _pairs(folder: Path) -> Mapping[str, tuple[Path, Path]] | None:
    """LR and HR file by their common name; None where there are no LR files."""
    if (folder / "HR").is_dir() and (folder / "LR").is_dir():
        return match(folder / "LR", folder / "HR", hint="a pair has one name in both folders")
    found = _images(folder)
    if not any(name.endswith("_LR") for name in found):
        return None
    strays = [path.name for name, path in found.items() if not name.endswith(("_HR", "_LR"))]
    if strays:
        raise UsageError(f"{folder}: {strays[0]} ends neither in _HR nor in _LR, as others do: rename it or take it out")
    return match(folder, folder, "_LR", "_HR", hint="the names of a pair agree but for _HR and _LR")


def _images(folder: Path) -> dict[str, Path]:
    return images(folder, hint=f"it may have {LAYOUT}")


def _hashed(paths: Mapping[str, Path]) -> Sources:
    size = sum(path.stat().st_size for path in paths.values())
    if size > LONG:
        print(f"reading {len(paths)} images, {size / 1e9:.1f} GB, to tell whether they have changed", file=sys.stderr)
    with ThreadPoolExecutor(THREADS) as pool:
        hashes = pool.map(lambda path: hash_file(path).hexdigest(), paths.values())
        return tuple(
            ImageSource(name, ImageFile(f"image {path.name}", path, sha256, "file", MEND))
            for (name, path), sha256 in zip(paths.items(), hashes, strict=True)
        )
