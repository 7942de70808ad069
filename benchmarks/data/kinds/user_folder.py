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
LAYOUT = "images, or folders train, validation and test with images, or in these HR and LR with pairs"
LONG = 1_000_000_000  # bytes; hashing more takes seconds, and a line tells so
THREADS = 4

Role = Literal["train", "validation", "test"]
ROLES: tuple[Role, ...] = ("train", "validation", "test")
Sources = tuple[ImageSource, ...]


@dataclass(frozen=True)
class UserFolder(DatasetCard):
    """A folder of a user's images, in one of the layouts in this module's docstring.

    Attributes:
        directory: the folder; empty if it is not given yet.
    """

    directory: str = ""

    def has(self, split: Split) -> bool:
        """Whether the folder has images of the split. A folder without subfolders is for testing only."""
        return split == "test" or (split if split == "validation" else "train") in _roles(Path(self.directory))

    @property
    def is_located(self) -> bool:
        """Whether the folder is known."""
        return bool(self.directory)

    def located_in(self, directory: Path | None) -> DatasetCard:
        """The card with a folder. Raises UsageError if ``directory`` is None."""
        if directory is None:
            raise UsageError(f"data set '{self.name}': give the folder that holds your images: --data-dir DIR")
        return replace(self, directory=str(directory.absolute()))

    @property
    def location(self) -> dict[str, str]:
        """The folder, for result files."""
        return {"directory": self.directory}

    def sources(self, split: Split) -> SplitSources:
        """Images of a split. The first half of the training images is X, the second half Z.

        Raises:
            UsageError: the folder cannot be read, has no images or too few, names do not pair up, or an image is in both X and Z,
                or in two of training, validation and test.
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
        """No items: the images are the user's."""
        return ()


def _set(images: Sources, stack: Sources) -> ImageSet:
    return ImageSet(images, tuple(image.file for image in stack))


def _roles(root: Path) -> list[Role]:
    """Subfolders of a user's folder. An empty validation folder counts as none."""
    return [role for role in ROLES if (root / role).is_dir() and not (role == "validation" and _is_empty(root / role))]


def _is_empty(folder: Path) -> bool:
    """Whether a folder has no entries; False if it cannot be read."""
    try:
        return not any(folder.iterdir())
    except OSError:
        return False


def _refuse_shared_folders(root: Path) -> None:
    """Raise UsageError if two of the subfolders share an image."""
    for first, second in combinations(_roles(root), 2):
        names = f"{'training' if first == 'train' else first} and {second}"
        _refuse_shared(_sources(root, first)[0], _sources(root, second)[0], f"{names} share an image")


def _refuse_shared(first: Iterable[ImageSource], second: Iterable[ImageSource], problem: str) -> None:
    """Raise UsageError if a file of ``second`` has the content of a file of ``first``."""
    known = {image.file.sha256: image.file.path for image in first}
    for image in second:
        if image.file.sha256 in known:
            raise UsageError(f"{problem}: {known[image.file.sha256]} and {image.file.path} are the same: remove one of them")


@lru_cache(maxsize=6)
def _sources(root: Path, role: Role) -> tuple[Sources, Sources | None]:
    """HR and LR images of a subfolder; LR is None without pairs. Hashed once per process."""
    if not root.is_dir():
        raise UsageError(f"--data-dir {root}: no such folder: give the folder that holds your images")
    folder = root / role
    if not folder.is_dir():
        if role == "validation":
            raise UsageError(f"--data-dir {root}: there is no folder validation: add it, or name another data set")
        if others := _roles(root):
            raise UsageError(f"--data-dir {root}: there is {others[0]} but no {role}: add it, or name another data set")
        folder = root
    pairs = _pairs(folder)
    if pairs:
        lr, hr = ({name: both[side] for name, both in pairs.items()} for side in (0, 1))
        return _hashed(hr), _hashed(lr)
    return _hashed(_images(folder)), None


def _pairs(folder: Path) -> Mapping[str, tuple[Path, Path]] | None:
    """LR and HR file by common name; None without LR files."""
    if (folder / "HR").is_dir() and (folder / "LR").is_dir():
        return match(folder / "LR", folder / "HR", hint="a pair has one name in both folders")
    paths = _images(folder)
    if not any(name.endswith("_LR") for name in paths):
        return None
    strays = [path.name for name, path in paths.items() if not name.endswith(("_HR", "_LR"))]
    if strays:
        raise UsageError(f"{folder}: {strays[0]} ends neither in _HR nor in _LR, as others do: rename it or take it out")
    return match(folder, folder, "_LR", "_HR", hint="the names of a pair agree but for _HR and _LR")


def _images(folder: Path) -> dict[str, Path]:
    return images(folder, hint=f"it may have {LAYOUT}")


def _hashed(paths: Mapping[str, Path]) -> Sources:
    """Image sources of files by name, hashed in threads."""
    size = sum(path.stat().st_size for path in paths.values())
    if size > LONG:
        print(f"hashing {len(paths)} images, {size / 1e9:.1f} GB, to see whether they have changed", file=sys.stderr)
    with ThreadPoolExecutor(THREADS) as pool:
        hashes = pool.map(lambda path: hash_file(path).hexdigest(), paths.values())
        return tuple(
            ImageSource(name, ImageFile(f"image {path.name}", path, sha256, "file", MEND))
            for (name, path), sha256 in zip(paths.items(), hashes, strict=True)
        )
