"""HR and LR images of a data set: decoded, cut to regions, and degraded if there are no LR files."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import islice

from benchmarks.api.entries import Split
from benchmarks.api.image import Image, Pair
from benchmarks.core.code_digest import code_digest
from benchmarks.core.errors import UsageError
from benchmarks.data.cache import stack
from benchmarks.data.pixels.decode import decode
from benchmarks.data.sources import ImageFile, ImageSet, ImageSource, SplitSources, digest
from benchmarks.degradations.operator import Degradation

THREADS = 4
AHEAD = 2 * THREADS  # images decoded ahead: more would only fill memory


class DatasetImages:
    """The images of a data set under a degradation: X, Y and Z for training without pairs, pairs, validation and test images.

    Args:
        dataset: name of the data set, for errors.
        scale: HR pixels per LR pixel.
        sources: returns the images of a split; raises UsageError for a split without images.
        degradation: makes LR images for splits without LR files.
        clean: makes Y, clean LR images, of Z.
    """

    def __init__(
        self, dataset: str, scale: int, sources: Callable[[Split], SplitSources], degradation: Degradation, clean: Degradation
    ) -> None:
        self.dataset, self.scale = dataset, scale
        self._sources, self._degradation, self._clean = sources, degradation, clean

    def x(self) -> list[Image]:
        """Domain X: degraded LR images ``(h, w, 3)`` uint8 RGB, for training without pairs."""
        return self._lr(self._sources("x"))

    def z(self) -> list[Image]:
        """Domain Z: HR images ``(H, W, 3)`` uint8 RGB, sides multiples of the scale."""
        return self._hr(self._sources("z").hr)

    def y(self) -> list[Image]:
        """Domain Y: the bicubic downscale of every image of Z, in the same order."""
        return self._degraded(self._sources("z").hr, self._clean)

    def names(self, split: Split) -> list[str]:
        """Names of the HR images of a split, in order."""
        return self._sources(split).hr.names

    def clean_pairs(self, split: Split, only: Collection[str]) -> list[Pair]:
        """HR images of these names in a split, and their bicubic downscales as LR images, like those of Y."""
        hr = self._sources(split).only(only).hr
        return [Pair(*image) for image in zip(hr.names, self._degraded(hr, self._clean), self._hr(hr), strict=True)]

    def pairs(self, split: Split, only: Collection[str] | None = None) -> list[Pair]:
        """LR and HR images of a split.

        Args:
            split: ``pairs`` (all of X and Z, degraded: for supervised methods only), ``validation`` or ``test``.
            only: names of the wanted HR images; all if None.

        Raises:
            UsageError: files are missing or have changed, or a LR image is not ``scale`` times smaller than its HR image.
        """
        sources = self._sources(split)
        if only is not None:
            sources = sources.only(only)
        images = zip(sources.hr.names, self._lr(sources), self._hr(sources.hr), strict=True)
        pairs = [Pair(*image) for image in images]
        for pair in pairs:
            self._check(pair)
        return pairs

    def _check(self, pair: Pair) -> None:
        if tuple(self.scale * side for side in pair.lr.shape[:2]) != pair.hr.shape[:2]:
            lr, hr = (f"{image.shape[1]}x{image.shape[0]}" for image in (pair.lr, pair.hr))
            mend = f"the HR image must be {self.scale} times larger: check that the files belong together"
            raise UsageError(f"data set '{self.dataset}': {pair.name}: LR {lr} and HR {hr} pixels: {mend}")

    def _lr(self, sources: SplitSources) -> list[Image]:
        return read(sources.lr) if sources.lr else self._degraded(sources.hr, self._degradation)

    def _hr(self, images: ImageSet) -> list[Image]:
        """HR images, cut at the lower right to multiples of the scale."""
        scale = self.scale
        return [image[: image.shape[0] // scale * scale, : image.shape[1] // scale * scale] for image in read(images)]

    def _degraded(self, hr: ImageSet, degradation: Degradation) -> list[Image]:
        """LR images made by a degradation of HR images; kept in the cache."""

        def degrade() -> Iterator[Image]:
            for image, name in zip(self._hr(hr), hr.names, strict=True):
                yield degradation.degrade(image, self.scale, name)

        code = code_digest(__name__, *degradation.modules)
        sources = [image.identity if degradation.random else image.identity[1:] for image in hr.images]
        return stack(digest([degradation.identity, self.scale, code, sources]), degrade)


def read(images: ImageSet) -> list[Image]:
    """Decode the files of a set and cut the images to their regions.

    Returns:
        ``(H, W, 3)`` uint8 RGB arrays in order, not writable; memory-mapped if the set has a stack.

    Raises:
        UsageError: a file is missing, broken or changed; a region leaves its image.
    """
    if not images.stack:
        return [_cut(read_file(image.file), image) for image in images.images]
    hashes = [file.sha256 for file in images.stack]
    key = digest(["decoded", code_digest("benchmarks.data.pixels.decode"), hashes])
    by_hash = dict(zip(hashes, stack(key, lambda: _decoded(images.stack)), strict=True))
    return [_cut(by_hash[image.file.sha256], image) for image in images.images]


def _cut(pixels: Image, image: ImageSource) -> Image:
    if image.box is None:
        return pixels
    top, left, height, width = image.box
    region = pixels[top : top + height, left : left + width]
    if region.shape[:2] != (height, width):
        box = f"[{top}, {left}, {height}, {width}]"
        raise UsageError(f"{image.file.title}: box {box} leaves the image, which is {pixels.shape[1]}x{pixels.shape[0]}")
    return region


@lru_cache(maxsize=16)
def read_file(file: ImageFile) -> Image:
    """Decode an image file and check its hash. Returns ``(H, W, 3)`` uint8 RGB, not writable.

    Raises:
        UsageError: the file is missing, broken or changed.
    """
    if file.hash_of == "file":
        return decode(file.path, file.title, file.mend, file.sha256)
    pixels = decode(file.path, file.title, file.mend)
    sha256 = hashlib.sha256(pixels.tobytes()).hexdigest()
    if sha256 != file.sha256:
        pair = f"pixels hash to {sha256[:12]}, card: {file.sha256[:12]}"
        raise UsageError(f"{file.title} has changed ({file.path}: {pair}): {file.mend}")
    return pixels


def _decoded(files: Sequence[ImageFile]) -> Iterator[Image]:
    """Decode files in threads, a few ahead of the caller. Prints a line for more than a few files."""
    waiting = iter(files)
    if len(files) > AHEAD:
        print(f"decoding {len(files)} images of {files[0].path.parent.resolve()}, once", file=sys.stderr)
    with ThreadPoolExecutor(THREADS) as pool:
        while chunk := list(islice(waiting, AHEAD)):
            yield from pool.map(lambda file: decode(file.path, file.title, file.mend, file.sha256), chunk)
