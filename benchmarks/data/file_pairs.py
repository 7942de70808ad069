"""Pairs of image files for scoring: decoded, cropped by a named rule, and inspected for content that makes scores meaningless."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from benchmarks.api.image import Image
from benchmarks.core.errors import UsageError
from benchmarks.core.files import real_path
from benchmarks.data.matching import no_file, some
from benchmarks.data.pixels.decode import decode, is_turned
from benchmarks.data.resemblance import Thumbnail, exchanged, in_words, thumbnail, unlike
from benchmarks.data.sizes import file_size

Crop = Literal["smaller"] | int  # both images to the smaller height and width, or each to multiples of a number

LARGEST_CROP = 16  # pixels cut from a side, at most: images that differ by more are no pair
LEVELS = 2  # a channel with a smaller range of values, or one as small, has no contrast
STEP = 4  # rows and columns between the pixels that are compared with red and blue exchanged

FINDINGS = {
    "same": "results have the very pixels of their ground truths",
    "flat result": f"results have no contrast (at most {LEVELS} of 255 levels)",
    "flat truth": f"ground truths have no contrast (at most {LEVELS} of 255 levels)",
    "grey result": "results are grey, and their ground truths in colour",
    "grey truth": "ground truths are grey, and their results in colour",
    "exchanged": "results fit better with red and blue exchanged: they may have been written as BGR",
    "turned": "pairs have an image that was turned upright by its EXIF orientation",
    "cropped": "pairs were cropped",
    "off centre": "results fit better with the larger image cut at all sides alike: scores are of shifted pairs",
    "another": "results resemble another ground truth than their own, at 16x16 pixels: names may be exchanged",
    "unlike": "results are no more like their ground truths than a plain colour is, at 16x16 pixels: other pictures?",
}
SIDES = (("result", "write it again"), ("ground truth", "get it again"))  # titles and remedies, for errors


@dataclass
class FilePairs:
    """Results and ground truths of a method by common name, and what was found in those that are loaded.

    Attributes:
        paths: of result and ground truth.
        crop: rule by which images are cropped; None for none.
        found: names of images by finding, in the order of ``FINDINGS``.
        digests: of the loaded results' pixels, by name.
    """

    paths: Mapping[str, tuple[Path, Path]]
    crop: Crop | None = None
    found: dict[str, list[str]] = field(default_factory=lambda: {finding: [] for finding in FINDINGS})
    digests: dict[str, bytes] = field(default_factory=dict)
    _thumbnails: dict[str, tuple[Thumbnail, Thumbnail, tuple[int, int]]] = field(default_factory=dict)  # and size of the image

    def load(self, name: str) -> tuple[Image, Image]:
        """Result and ground truth of a name, cropped. Safe to call in threads.

        Raises:
            UsageError: a file cannot be decoded, or sizes differ.
        """
        files = self.paths[name]
        _refuse_no_files(files)
        sr, hr = (decode(path, *about) for path, about in zip(files, SIDES, strict=True))
        uncut = sr, hr
        sr, hr = _fitted(sr, hr, self.crop)
        others = {
            "turned": any(map(is_turned, files)),
            "cropped": (uncut[0].shape, uncut[1].shape) != (sr.shape, hr.shape),
            "off centre": self.crop == "smaller" and _fits_centred(sr, hr, *uncut),
        }
        self.inspect(name, sr, hr, others)
        return sr, hr

    def inspect(self, name: str, sr: Image, hr: Image, others: Mapping[str, bool] | None = None) -> None:
        """Note what a pair of equal size has that makes scores meaningless.

        Args:
            name: of the pair.
            sr: result.
            hr: ground truth.
            others: whether the pair has further findings, by key of ``FINDINGS``.
        """
        checks = {
            "same": np.array_equal(sr, hr),
            "flat result": is_flat(sr),
            "flat truth": is_flat(hr),
            "grey result": _is_grey(sr) and not _is_grey(hr),
            "grey truth": _is_grey(hr) and not _is_grey(sr),
            "exchanged": _fits_exchanged(sr, hr),
            **(others or {}),
        }
        for finding in (finding for finding, is_so in checks.items() if is_so):
            self.found[finding].append(name)
        self.digests[name] = pixel_digest(sr)
        self._thumbnails[name] = thumbnail(sr), thumbnail(hr), hr.shape[:2]

    def check(self, name: str) -> None:
        """Raise UsageError, as ``load`` does, as far as the headers of both files tell."""
        files = self.paths[name]
        _refuse_no_files(files)
        sr, hr = (np.broadcast_to(np.uint8(0), (*file_size(path, *about), 3)) for path, about in zip(files, SIDES, strict=True))
        _fitted(sr, hr, self.crop)

    def lines(self, shifts: Mapping[str, tuple[int, int]]) -> list[str]:
        """A line for each finding: how many images of how many, and which.

        Args:
            shifts: ``(dy, dx)`` by image, of a protocol that aligns.
        """
        others, unrelated = self._strangers(shifts)
        found = {finding: sorted(names) for finding, names in self.found.items()}
        found |= {"another": list(others), "unlike": unrelated}
        shown = {**found, "another": in_words(others)}
        return [
            f"{len(names)} of {len(self.digests)} {FINDINGS[finding]} ({some(shown[finding])})"
            for finding, names in found.items()
            if names
        ]

    def _strangers(self, shifts: Mapping[str, tuple[int, int]]) -> tuple[dict[str, str], list[str]]:
        """Results that resemble another ground truth than their own, with its name, and results that do not resemble their own.

        Images without contrast are left out, and so are those with red and blue exchanged: they have lines of their own.
        """
        told = {name for finding in ("flat result", "flat truth", "exchanged") for name in self.found[finding]}
        results = {name: sr for name, (sr, _, _) in sorted(self._thumbnails.items()) if name not in told}
        truths = {name: hr for name, (_, hr, _) in sorted(self._thumbnails.items())}
        fractions = {
            name: (dy / self._thumbnails[name][2][0], dx / self._thumbnails[name][2][1]) for name, (dy, dx) in shifts.items()
        }
        others = exchanged(results, truths, fractions)
        return others, [name for name in unlike(results, truths, fractions) if name not in others]


class Loaded(Protocol):
    """Results with the digests of those that were loaded, by name."""

    digests: dict[str, bytes]


def same_results(methods: Mapping[str, Loaded]) -> list[str]:
    """A line for each pair of methods that have equal results."""
    lines = []
    for (first, ours), (second, theirs) in combinations(methods.items(), 2):
        equal = sorted(name for name, digest in ours.digests.items() if theirs.digests.get(name) == digest)
        if equal:
            lines.append(f"{first} and {second}: {len(equal)} of {len(ours.digests)} results are the same images ({some(equal)})")
    return lines


def refuse_own_truths(paths: Mapping[str, tuple[Path, Path]], folder: Path) -> None:
    """Raise UsageError if results are their own ground truths: one file under one name, or by links under two."""
    same = [name for name, (sr, hr) in paths.items() if sr.exists() and hr.exists() and sr.samefile(hr)]
    if same:
        raise UsageError(
            f"--sr {folder}: {len(same)} of {len(paths)} results are the same files as their ground truths ({some(same)}): "
            "give the folder of the results, or --sr-suffix and --hr-suffix where both are in one folder"
        )


def describe(crop: Crop) -> str:
    """A rule of cropping in words."""
    rule = "to the smaller height and width" if crop == "smaller" else f"to multiples of {crop}"
    return f"images are cropped {rule}, at the lower right"


def _refuse_no_files(files: tuple[Path, Path]) -> None:
    """Raise UsageError if the result or the ground truth is a folder, a dead link or the like."""
    for path, (title, _) in zip(files, SIDES, strict=True):
        if kind := no_file(path):
            raise UsageError(f"{title} is {kind} ({path}): remove or rename it")


def _fitted(sr: Image, hr: Image, crop: Crop | None) -> tuple[Image, Image]:
    """Result and ground truth, cropped by a rule. Raises UsageError if their sizes differ then."""
    sr, hr = _cropped(sr, hr, crop)
    if sr.shape != hr.shape:
        raise UsageError(f"the result is {_size(sr)}, the ground truth {_size(hr)}: sizes must be equal{_mend(sr, hr)}")
    return sr, hr


def _cropped(sr: Image, hr: Image, crop: Crop | None) -> tuple[Image, Image]:
    if crop is None:
        return sr, hr
    if crop == "smaller":
        height, width = (min(sides) for sides in zip(sr.shape[:2], hr.shape[:2], strict=True))
        cut = max(side - least for image in (sr, hr) for side, least in zip(image.shape[:2], (height, width), strict=True))
        return (sr[:height, :width], hr[:height, :width]) if cut <= LARGEST_CROP else (sr, hr)
    sr, hr = (image[: image.shape[0] // crop * crop, : image.shape[1] // crop * crop] for image in (sr, hr))
    if not sr.size or not hr.size:
        raise UsageError(f"--crop {crop} leaves nothing of it: give a smaller number")
    return sr, hr


def _mend(sr: Image, hr: Image) -> str:
    if max(abs(a - b) for a, b in zip(sr.shape, hr.shape, strict=True)) > LARGEST_CROP:
        return f", and they differ by more than the {LARGEST_CROP} pixels that --crop would cut: enlarge or replace one of them"
    return ": --crop smaller cuts both to the smaller height and width, --crop 4 to multiples of 4"


def _size(image: Image) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"


def is_flat(image: Image) -> bool:
    """True if no channel of an image ``(H, W, 3)`` uint8 has more than ``LEVELS`` levels."""
    return all(int(image[..., channel].max()) - int(image[..., channel].min()) <= LEVELS for channel in range(3))


def pixel_digest(image: Image) -> bytes:
    """Digest of the pixels of an image."""
    return hashlib.blake2b(repr(image.shape).encode() + image.tobytes(), digest_size=16).digest()


def _is_grey(image: Image) -> bool:
    return np.array_equal(image[..., 0], image[..., 1]) and np.array_equal(image[..., 1], image[..., 2])


def _fits_exchanged(sr: Image, hr: Image) -> bool:
    """True if red and blue exchanged would halve the squared error, and be nearer than a plain colour, at some of the pixels."""
    result, truth = (image[::STEP, ::STEP].astype(np.float32) for image in (sr, hr))
    error = ((result[..., ::-1] - truth) ** 2).sum()
    plain = ((truth - truth.mean(axis=(0, 1))) ** 2).sum()
    return bool(2 * error < min(plain, ((result - truth) ** 2).sum()))


def _fits_centred(sr: Image, hr: Image, whole_sr: Image, whole_hr: Image) -> bool:
    """True if images cut at all sides alike would halve the squared error of those cut at the lower right, at some pixels."""
    centred = [
        image[(image.shape[0] - height) // 2 :, (image.shape[1] - width) // 2 :][:height, :width]
        for image, (height, width, _) in ((whole_sr, sr.shape), (whole_hr, hr.shape))
    ]
    ours, theirs = (
        float(((one[::STEP, ::STEP].astype(np.float32) - other[::STEP, ::STEP]) ** 2).sum())
        for one, other in ((sr, hr), (centred[0], centred[1]))
    )
    return 2 * theirs < ours


def crop_rule(text: str) -> Crop:
    """Rule of cropping from the command line. Raises ValueError if it is none."""
    if text == "smaller":
        return "smaller"
    if text.isascii() and text.isdigit() and 2 <= int(text[:6]) <= 1000:
        return int(text[:6])
    raise ValueError(text)


def names_of(methods: Sequence[Path]) -> dict[str, Path]:
    """Folders by their names in tables: the last part of each path, or the whole path if last parts are equal."""
    if len({real_path(folder) for folder in methods}) < len(methods):
        raise UsageError("--sr: the same folder is given twice: give it once")
    short = [real_path(folder).name for folder in methods]
    names = short if len(set(short)) == len(short) else [str(folder) for folder in methods]
    return dict(zip(names, methods, strict=True))
