"""Sizes of images, from the headers of their files; images that are not stored upright, or may be refused, are decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.api.entries import Split
from benchmarks.core.errors import UsageError
from benchmarks.data.cards import DatasetCard
from benchmarks.data.matching import some
from benchmarks.data.pixels.decode import EIGHT_BITS, FORMATS, LARGEST, TIFF_BITS, decode, is_turned
from benchmarks.data.sources import ImageFile, ImageSource, SplitSources

Size = tuple[int, int]  # height, width


@dataclass(frozen=True)
class Sized:
    """Sizes of an image of a split.

    Attributes:
        file: of the LR image, or of the HR image that the LR image is made of.
        lr: size of the LR image.
        hr: size of the HR image, cut to multiples of the scale; None without one.
    """

    file: ImageFile
    lr: Size
    hr: Size | None

    @property
    def compared(self) -> Size:
        """Size of the HR image; of the LR image where there is no HR image."""
        return self.hr or self.lr

    @property
    def place(self) -> str:
        """The file, for errors."""
        return f"{self.file.title} ({self.file.path})"


def sizes(card: DatasetCard, split: Split) -> Iterator[Sized]:
    """Sizes of the images of a split.

    Raises:
        UsageError: a file is missing or no image, or the data set has no such split.
    """
    sources, scale = card.sources(split), card.scale
    hr_sizes = [_cut(_size(image), scale) for image in sources.hr.images]
    if sources.lr is None:
        for image, (height, width) in zip(sources.hr.images, hr_sizes, strict=True):
            yield Sized(image.file, (height // scale, width // scale), (height, width))
    else:
        for index, image in enumerate(sources.lr.images):
            yield Sized(image.file, _size(image), hr_sizes[index] if hr_sizes else None)


def refuse_broken(card: DatasetCard, split: Split, *, whole: bool) -> None:
    """Raise UsageError, as ``sizes`` does, with the names of all broken files.

    Args:
        card: of the data set.
        split: whose images are read.
        whole: whether files outside of the split that are decoded together with its images count too.
    """
    sources = card.sources(split)
    parts = list(filter(None, (sources.hr, sources.lr)))
    files = [image.file for part in parts for image in part.images if not image.box]
    files += [file for part in parts for file in part.stack if whole]
    reasons: dict[str, UsageError] = {}
    for file in sorted(set(files), key=lambda file: file.path):
        try:
            _hashed_file_size(file)
        except UsageError as error:
            reasons[file.path.name] = error
    if reasons:
        (_, first), *others = reasons.items()
        more = f"; and {len(others)} more ({some([name for name, _ in others])})" if others else ""
        raise UsageError(f"{first}{more}") from first


def refuse_misfits(sources: SplitSources, scale: int) -> None:
    """Raise UsageError for the first LR image of a split that is not smaller than its HR image by the scale, or is no image."""
    if sources.lr is None:
        return
    for hr, lr in zip(sources.hr.images, sources.lr.images, strict=False):  # no HR images: no ground truth
        try:
            hr_size, lr_size = _cut(_size(hr), scale), _size(lr)
        except UsageError as error:
            raise UsageError(f"{lr.file.title} or {hr.file.title} cannot be decoded") from error
        if (lr_size[0] * scale, lr_size[1] * scale) != hr_size:
            both = f"{lr.file.title} has {_pixels(lr_size)} pixels, its HR {hr.file.title} {_pixels(_size(hr))}"
            enlarged = "as large: enlarged already, or " if lr_size == _size(hr) else ""
            raise UsageError(f"{both}: {enlarged}no pair of scale {scale}")


def _pixels(size: Size) -> str:
    return f"{size[1]}x{size[0]}"


def _cut(size: Size, scale: int) -> Size:
    return size[0] // scale * scale, size[1] // scale * scale


def _size(image: ImageSource) -> Size:
    return image.box[2:] if image.box else _hashed_file_size(image.file)


@lru_cache(maxsize=10_000)
def _hashed_file_size(file: ImageFile) -> Size:
    return file_size(file.path, file.title, file.mend)


def file_size(path: Path, title: str, mend: str) -> Size:
    """Height and width of an image file as it is decoded. Images are decoded whose headers leave open whether they are taken.

    Args:
        path: the file.
        title: name of the image, for errors.
        mend: how to mend a missing or broken file, for errors.

    Raises:
        UsageError: as of ``decode``.
    """
    from PIL import Image as PillowImage

    with suppress(Exception):  # whatever Pillow raises: decoding says what is wrong
        if not is_turned(path):
            with PillowImage.open(path, formats=FORMATS) as image:
                if _is_plain(image):
                    return image.height, image.width
    height, width, _ = decode(path, title, mend).shape
    return height, width


def _is_plain(image: Any) -> bool:
    """True if the header of an open image of Pillow tells of one frame with 8 bits a channel, without transparency."""
    has_alpha = "transparency" in image.info or image.mode not in EIGHT_BITS
    is_deep = any(";16" in str(tile[-1]) for tile in image.tile) or max(getattr(image, "tag_v2", {}).get(TIFF_BITS, (8,))) > 8
    return not has_alpha and not is_deep and getattr(image, "n_frames", 1) == 1 and image.width * image.height <= LARGEST
