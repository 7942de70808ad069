"""Layouts of a user's folder: which of its subfolders and files are LR and HR images of training, validation and test.

Names of folders count in any case. ``docs/data.md`` has the layouts as a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks.core.errors import UsageError
from benchmarks.data.matching import images, match
from benchmarks.data.pixels.decode import SUFFIXES

Role = Literal["train", "validation", "test"]
Paths = Mapping[str, Path]

ROLES: tuple[Role, ...] = ("train", "validation", "test")
DIV2K: dict[Role, str] = {"train": "div2k_train", "test": "div2k_valid"}  # DIV2K publishes no ground truth of its own test images
LAYOUT = "images, or folders train, validation and test with images, or in these HR and LR with pairs, or X and Z without"
BY_NAME = "a pair has one name in both folders, but for an ending of the LR name that --lr-suffix gives"


@dataclass(frozen=True)
class Place:
    """Folders of a split.

    Attributes:
        flat: folder of HR images, or of pairs whose names end in ``_HR`` and ``_LR``; None if ``lr`` or ``hr`` are given.
        lr: folder of LR images, ``LR`` or ``X``.
        hr: folder of HR images, ``HR`` or ``Z``.
        unpaired: whether the folders are called ``X`` and ``Z``.
    """

    flat: Path | None = None
    lr: Path | None = None
    hr: Path | None = None
    unpaired: bool = False


@dataclass(frozen=True)
class Found:
    """Image files of a split.

    Attributes:
        hr: HR images by name; empty if there is no ground truth.
        lr: LR images by name; None if a degradation makes them. In pairs they have the names of the HR images.
        paired: whether LR and HR images are pairs.
    """

    hr: Paths = field(default_factory=dict)
    lr: Paths | None = None
    paired: bool = True


def places(root: Path, scale: int) -> dict[Role, Place]:
    """Folders of the splits that a user's folder has; none if it has no folders ``train``, ``validation`` or ``test``.

    Args:
        root: the user's folder.
        scale: HR pixels per LR pixel; LR images may lie in a folder of their own, such as ``X4``.

    Raises:
        UsageError: two folders stand for one split.
    """
    below = _subfolders(root)
    split_places: dict[Role, Place] = {}
    for role in ROLES:
        if role in below and not (role == "validation" and _is_empty(below[role])):
            split_places[role] = place(below[role], scale)
        elif role in DIV2K and (div2k := _div2k(root, below, DIV2K[role], scale)):
            split_places[role] = div2k
    return split_places


def place(folder: Path, scale: int) -> Place:
    """Folders of LR and HR images in the folder of a split. Raises UsageError if there are both X or Z, and LR or HR."""
    below = _subfolders(folder)
    by_pair, unpaired = ([below.get(name) for name in names] for names in (("lr", "hr"), ("x", "z")))
    if any(by_pair) and any(unpaired):
        raise UsageError(f"{folder}: folders X or Z (no pairs) beside LR or HR (pairs): keep those of one kind")
    lr, hr = unpaired if any(unpaired) else by_pair
    if not lr and not hr:
        return Place(flat=folder)
    if not (lr and hr) and (beside := _first_image(folder)):
        raise UsageError(f"{folder}: {beside} lies beside the folder {(lr or hr or folder).name}: move it there, or take it out")
    return Place(None, lr and _inner(lr, scale), hr and _inner(hr, scale), any(unpaired))


def find(folders: Place, lr_suffix: str, scale: int) -> Found:
    """Image files of a split.

    LR and HR folders of which no file has its counterpart hold no pairs.

    Args:
        folders: of the split.
        lr_suffix: end of the LR images' names beside the names of their HR images; if empty, endings as in DIV2K are recognised.
        scale: HR pixels per LR pixel.

    Raises:
        UsageError: a folder has no images, or some files of pairs have no counterpart.
    """
    if folders.flat:
        return _find_flat(folders.flat)
    if not folders.lr or not folders.hr:
        return Found(
            {} if not folders.hr else listed(folders.hr), listed(folders.lr) if folders.lr else None, not folders.unpaired
        )
    if folders.unpaired:
        return Found(listed(folders.hr), listed(folders.lr), paired=False)
    lr, hr = listed(folders.lr), listed(folders.hr)
    suffix = lr_suffix or _common_suffix(folders.lr, lr, hr, scale)
    if not any(name.removesuffix(suffix) in hr for name in lr if name.endswith(suffix)) and not lr_suffix:
        return Found(hr, lr, paired=False)
    return _paired(match(folders.lr, folders.hr, suffix, hint=BY_NAME))


def listed(folder: Path) -> Paths:
    """Image files of a folder by name. Raises UsageError if there are none."""
    return images(folder, hint=f"it may have {LAYOUT}")


def given_apart(folder: str, scale: int) -> Paths:
    """Image files of the folder that ``--x-dir`` or ``--z-dir`` names. Raises UsageError if there are none."""
    return images(_inner(Path(folder), scale), hint="give the folder that holds them itself")


def _paired(pairs: Mapping[str, tuple[Path, Path]]) -> Found:
    lr, hr = ({name: both[side] for name, both in pairs.items()} for side in (0, 1))
    return Found(hr, lr)


def _find_flat(folder: Path) -> Found:
    """HR images, pairs whose names end in ``_HR`` and ``_LR``, or LR images alone whose names end in ``_LR``."""
    paths = listed(folder)
    if not any(name.endswith("_LR") for name in paths):
        return Found(paths)
    strays = [path.name for name, path in paths.items() if not name.endswith(("_HR", "_LR"))]
    if strays:
        raise UsageError(f"{folder}: {strays[0]} ends neither in _HR nor in _LR, as others do: rename it or take it out")
    if not any(name.endswith("_HR") for name in paths):
        return Found({}, {name.removesuffix("_LR"): path for name, path in paths.items()})
    return _paired(match(folder, folder, "_LR", "_HR", hint="the names of a pair agree but for _HR and _LR"))


def _common_suffix(folder: Path, lr: Iterable[str], hr: Paths, scale: int) -> str:
    """End of all LR names beside the names of HR images, as in DIV2K: ``x4``, ``x4m``, ``x4w1``; empty if they have none.

    Raises:
        UsageError: names have several such ends, or only some names have one.
    """
    ending = re.compile(rf"(.+?)(x{scale}[a-z]?\d?)", re.IGNORECASE)
    ends = {name: parts[2] for name in lr if name not in hr and (parts := ending.fullmatch(name)) and parts[1] in hr}
    suffixes = sorted(set(ends.values()))
    if len(suffixes) > 1:
        raise UsageError(f"{folder}: names end in {', '.join(suffixes)}: choose with --lr-suffix {suffixes[0]}")
    if suffixes and (others := sorted(set(lr) - ends.keys())):
        raise UsageError(f"{folder}: {others[0]} does not end in {suffixes[0]}, as others do: rename it or take it out")
    return suffixes[0] if suffixes else ""


def _div2k(root: Path, below: Mapping[str, Path], start: str, scale: int) -> Place | None:
    """Folders of DIV2K's training or validation images by their published names; None without them."""
    hr = below.get(f"{start}_hr")
    lr = [path for name, path in below.items() if name.startswith(f"{start}_lr_")]
    if len(lr) > 1:
        names = " and ".join(path.name for path in lr)
        raise UsageError(f"{root}: {names} are LR images of the same HR images: keep one of the folders there")
    return Place(None, _inner(lr[0], scale) if lr else None, hr and _inner(hr, scale)) if lr or hr else None


def _inner(folder: Path, scale: int) -> Path:
    """The subfolder of a scale, such as ``X4``, if there is one; else the folder."""
    return _subfolders(folder).get(f"x{scale}", folder)


def _subfolders(folder: Path) -> dict[str, Path]:
    """Subfolders by name in lower case; none if the folder cannot be read. Raises UsageError if two differ in case only."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return {}
    below: dict[str, Path] = {}
    for path in paths:
        if path.name.lower() in below:
            raise UsageError(f"{folder}: {below[path.name.lower()].name} and {path.name} are one name in two cases: remove one")
        below[path.name.lower()] = path
    return below


def _first_image(folder: Path) -> str | None:
    """Name of an image file in a folder; None if there is none."""
    names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return names[0] if names else None


def _is_empty(folder: Path) -> bool:
    """True if a folder has no entries; False if it cannot be read."""
    try:
        return not any(folder.iterdir())
    except OSError:
        return False
