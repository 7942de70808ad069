"""A user's own images: the folder that ``--data-dir`` names, and folders of X and Z that may be given apart from it.

Images lie in the folder itself, or in its subfolders ``train``, ``validation`` and ``test``: pairs, HR images alone, for training
X and Z without pairs, for testing LR images alone. ``benchmarks.data.layouts`` has the names.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import combinations
from pathlib import Path

from benchmarks.api.entries import Split
from benchmarks.core.errors import UsageError, one_line
from benchmarks.core.files import hash_file
from benchmarks.core.text import counted
from benchmarks.data.acquisition.items import Item
from benchmarks.data.cards import NOTHING_APART, Apart, DatasetCard
from benchmarks.data.layouts import ROLES, Found, Paths, Place, Role, find, given_apart, place, places
from benchmarks.data.matching import left_out
from benchmarks.data.sources import EMPTY, ImageFile, ImageSet, ImageSource, SplitSources

MEND = "replace the file, or take it out of the folder"
LONG = 1_000_000_000  # bytes; hashing more takes seconds, and a line tells so
THREADS = 4

SHARE = 10  # without a folder validation, the last of every ten training images is for validation; of fewer than ten none is

Sources = tuple[ImageSource, ...]


@dataclass(frozen=True)
class UserFolder(DatasetCard):
    """A folder of a user's images, in one of the layouts of ``benchmarks.data.layouts``.

    Attributes:
        directory: the folder; empty if it is not given.
        x_dir: folder of X; empty if it is in the folder ``train``.
        z_dir: folder of Z; empty if it is in the folder ``train``.
        lr_suffix: end of the LR images' names beside the names of their HR images; empty to recognise it.
        without_truth: whether test images whose names do not say so are LR images, of which there is no ground truth.
    """

    directory: str = ""
    x_dir: str = ""
    z_dir: str = ""
    lr_suffix: str = ""
    without_truth: bool = False

    def has(self, split: Split) -> bool:
        """True if there are images of the split. A folder without subfolders is for testing only."""
        if split == "test":
            return True
        if split == "validation":
            return "validation" in self._places or self._holds_out
        is_there = bool(self.x_dir or self.z_dir) or "train" in self._places
        return is_there and (split != "pairs" or not self.is_unpaired)

    @property
    def _holds_out(self) -> bool:
        """True if a share of the training images is for validation: there is no folder, and enough images with a ground truth."""
        if "validation" in self._places or "train" not in self._places or self.x_dir or self.z_dir:
            return False
        images = _sources(self, "train")
        return images.paired and len(images.hr) >= SHARE

    @property
    def is_unpaired(self) -> bool:
        """True if X and Z are given apart, or are no pairs in the folder ``train``."""
        return not _sources(self, "train").paired

    def has_truth(self, split: Split) -> bool:
        """True if there are HR images of the split; LR images may be alone."""
        return bool(self.sources(split).hr.images)

    @property
    def is_located(self) -> bool:
        """True if the folders are known."""
        return bool(self.location)

    def located_in(self, folder: Path | None, apart: Apart = NOTHING_APART) -> DatasetCard:
        """The card with its folders. Raises UsageError if none is given."""
        if folder is None and not (apart.x and apart.z):
            raise UsageError(f"data set '{self.name}': give the folder that holds your images: --data-dir DIR")
        directory, x, z = ("" if path is None else str(path.absolute()) for path in (folder, apart.x, apart.z))
        placed = replace(self, directory=directory, x_dir=x, z_dir=z)
        return replace(placed, lr_suffix=apart.lr_suffix, without_truth=apart.without_truth)

    @property
    def location(self) -> dict[str, str]:
        """The folders, for result files."""
        return {name: value for name in ("directory", "x_dir", "z_dir") if (value := getattr(self, name))}

    @property
    def _places(self) -> dict[Role, Place]:
        return places(Path(self.directory), self.scale) if self.directory else {}

    def sources(self, split: Split) -> SplitSources:
        """Images of a split. Where training images are pairs or HR images alone, the first half is X, the second half Z.

        Raises:
            UsageError: a folder cannot be read, has no images or too few, names do not pair up, or an image is in both X and Z,
                or in two of training, validation and test.
        """
        try:
            holds_out = split != "test" and self._holds_out
            images = _sources(self, split if split in ("validation", "test") and not holds_out else "train")
            _refuse_shared_folders(self)
        except OSError as error:
            reason = f"{error.filename or self.directory}: cannot be read ({error.strerror})"
            raise UsageError(f"--data-dir {self.directory}: {reason}: check names and permissions") from error
        if split == "validation" and not images.hr:
            raise UsageError(f"--data-dir {self.directory}: validation has LR images alone: add HR images, or remove the folder")
        if split in ("pairs", "validation", "test"):
            if split == "pairs" and not images.paired:
                raise UsageError(f"data set '{self.name}' has no pairs: its LR and HR training images are of different scenes")
            chosen = _share(images, split) if holds_out else images
            return SplitSources(_set(chosen.hr, images.hr), _set(chosen.lr, images.lr) if chosen.lr and images.lr else None)
        if not images.paired:
            return _unpaired(self.directory, split, images)
        return _halves(self.directory, split, _share(images, split) if holds_out else images)

    def verify(self, splits: Iterable[Split]) -> None:
        """Raise UsageError as ``sources`` does."""
        for split in splits:
            self.sources(split)

    def items(self) -> Iterable[Item]:
        """No items: the images are the user's."""
        return ()


@dataclass(frozen=True)
class _Images:
    """Images of a folder with their hashes; ``lr`` is None if a degradation makes them."""

    hr: Sources
    lr: Sources | None
    paired: bool


def _share(images: _Images, split: Split) -> _Images:
    """Training images that are for validation, or those that are not: the last of every ``SHARE``, in the order of names."""

    def chosen(sources: Sources) -> Sources:
        return tuple(each for place, each in enumerate(sources) if (place % SHARE == SHARE - 1) == (split == "validation"))

    return replace(images, hr=chosen(images.hr), lr=chosen(images.lr) if images.lr else None)


def _halves(directory: str, split: Split, images: _Images) -> SplitSources:
    """X or Z out of pairs or HR images: the first or the second half."""
    hr, lr = images.hr, images.lr
    half = len(hr) // 2
    if not half:
        raise UsageError(
            f"--data-dir {directory}: found 1 training image: X and Z must not share images, so at least 2 are needed"
        )
    _refuse_shared(hr[:half], hr[half:], "X and Z share an image")
    if split == "z":
        return SplitSources(_set(hr[half:], hr))
    return SplitSources(EMPTY, _set(lr[:half], lr)) if lr else SplitSources(_set(hr[:half], hr))


def _unpaired(directory: str, split: Split, images: _Images) -> SplitSources:
    """X or Z that are given as they are. Raises UsageError if one of them is lacking, or if they share an image."""
    where = f"--data-dir {directory}: " if directory else ""
    if not images.lr:
        raise UsageError(f"{where}there is Z but no X, LR images to learn from: add them as train/X, or give --x-dir DIR")
    if not images.hr:
        raise UsageError(f"{where}there is X but no Z, HR images to learn from: add them as train/Z, or give --z-dir DIR")
    _refuse_shared(images.lr, images.hr, "X and Z share an image")
    return SplitSources(_set(images.hr, images.hr)) if split == "z" else SplitSources(EMPTY, _set(images.lr, images.lr))


def _set(images: Sources, stack: Sources) -> ImageSet:
    return ImageSet(images, tuple(image.file for image in stack))


def _refuse_shared_folders(card: UserFolder) -> None:
    """Raise UsageError if two of training, validation and test share an image.

    LR images for testing may be among those of X, which have no ground truth to learn from.
    """
    roles: list[Role] = [role for role in ROLES if role in card._places or (role == "train" and (card.x_dir or card.z_dir))]
    if card.directory and "test" not in roles and not card._places:
        roles.append("test")
    for first, second in combinations(roles, 2):
        names = f"{'training' if first == 'train' else first} and {second}"
        _refuse_shared(_sources(card, first).hr, _sources(card, second).hr, f"{names} share an image")


def _refuse_shared(first: Iterable[ImageSource], second: Iterable[ImageSource], problem: str) -> None:
    """Raise UsageError if a file of ``second`` has the content of a file of ``first``."""
    paths = {image.file.sha256: image.file.path for image in first}
    for image in second:
        if image.file.sha256 in paths:
            raise UsageError(f"{problem}: {paths[image.file.sha256]} and {image.file.path} are the same: remove one of them")


@lru_cache(maxsize=12)
def _sources(card: UserFolder, role: Role) -> _Images:
    """Images of a role. Hashed once per process."""
    files = _training(card) if role == "train" and (card.x_dir or card.z_dir) else _in_folder(card, role)
    return _Images(_hashed(files.hr), None if files.lr is None else _hashed(files.lr), files.paired)


def _training(card: UserFolder) -> Found:
    """X and Z, of which at least one is given apart."""
    train = _in_folder(card, "train") if "train" in card._places else Found()
    lr = given_apart(card.x_dir, card.scale) if card.x_dir else train.lr
    return Found(given_apart(card.z_dir, card.scale) if card.z_dir else train.hr, lr, paired=False)


def _in_folder(card: UserFolder, role: Role) -> Found:
    """Image files of a role in the user's folder."""
    root = Path(card.directory)
    if not card.directory:
        raise UsageError(
            "--x-dir and --z-dir are for training: give --data-dir DIR too, with images for testing, or --datasets NAME"
        )
    if not root.is_dir():
        raise UsageError(f"--data-dir {root}: no such folder: give the folder that holds your images")
    split_places = places(root, card.scale)
    if role not in split_places:
        if role == "validation":
            raise UsageError(f"--data-dir {root}: there is no folder validation with images: add it, or name another data set")
        if split_places:
            raise UsageError(
                f"--data-dir {root}: there is {next(iter(split_places))} but no {role}: add it, or name another data set"
            )
    folders = split_places.get(role) or place(root, card.scale)
    files = find(folders if role == "train" else replace(folders, unpaired=False), card.lr_suffix, card.scale)
    if role == "train" and not files.hr:
        return replace(files, paired=False)
    if role == "test" and card.without_truth:
        if files.hr and files.lr:
            raise UsageError(f"--data-dir {root}: its test images are pairs, which have a ground truth: leave out --no-truth")
        return files if files.lr else Found({}, files.hr)
    if role != "train" and not files.paired:
        raise UsageError(f"--data-dir {root}: {role}: no LR image has a HR image of its name: name pairs alike, or take HR out")
    return files


@cache
def _tell_left_out(folder: Path) -> None:
    """Print, once in each process, what a folder has beside the images that are read."""
    for line in left_out(folder):
        print(one_line(line), file=sys.stderr)


def _hashed(paths: Paths) -> Sources:
    """Image sources of files by name, hashed in threads. Files and subfolders beside them are counted and named."""
    for folder in dict.fromkeys(path.parent for path in paths.values()):
        _tell_left_out(folder)
    size = sum(path.stat().st_size for path in paths.values())
    if size > LONG:
        print(f"hashing {counted(len(paths), 'image')}, {size / 1e9:.1f} GB, to see whether they have changed", file=sys.stderr)
    with ThreadPoolExecutor(THREADS) as pool:
        hashes = pool.map(lambda path: hash_file(path).hexdigest(), paths.values())
        return tuple(
            ImageSource(name, ImageFile(f"image {path.name}", path, sha256, "file", MEND))
            for (name, path), sha256 in zip(paths.items(), hashes, strict=True)
        )
