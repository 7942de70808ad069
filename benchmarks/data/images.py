"""From a card to images in memory: verified, cut to their splits, degraded on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

from benchmarks.data import folders, photos
from benchmarks.data.cards import DatasetCard, PackagedPhotos, UserFolder
from benchmarks.data.decode import Image
from benchmarks.data.degradation import Track2Like, bicubic_downscale, degradation_identity, track2_like
from benchmarks.data.folders import Split, split_files
from benchmarks.data.image_files import ImageSet, digest, read
from benchmarks.data.pixels import stack
from benchmarks.errors import UsageError
from benchmarks.source import code_digest

DegradationName = Literal["track2-like", "bicubic"]


@dataclass(frozen=True)
class Pair:
    """An image twice: its name, LR ``(h, w, 3)`` and HR ``(scale * h, scale * w, 3)``, uint8 RGB."""

    name: str
    lr: Image
    hr: Image


@dataclass(frozen=True)
class DataSpec:
    """A data set under a degradation: everything that decides which pixels a cell sees."""

    card: DatasetCard
    degradation: DegradationName
    track2: Track2Like

    def digest(self, *splits: Split) -> str:
        """Content digest of the named splits: pixels by their hashes, regions, degradation; no image is decoded.

        Where nothing is degraded it does not depend on the degradation: Y is always the bicubic downscale of Z. Of a data set
        that is not prepared it says what the card says.
        """
        if splits not in self._digests:
            self._digests[splits] = self._digest(splits)
        return self._digests[splits]

    @cached_property
    def _digests(self) -> dict[tuple[Split, ...], str]:
        """Those that were asked for: of thousands of files, for dozens of cells."""
        return {}

    def _digest(self, splits: tuple[Split, ...]) -> str:
        card = self.card
        found = photos.identity(card, splits) if isinstance(card, PackagedPhotos) else folders.identity(card, splits)
        degraded = degradation_identity(self.degradation, self.track2) if self._degrades(splits) else None
        return digest([card.name, card.scale, found, degraded])

    def describe(self, splits: Sequence[Split]) -> dict[str, object]:
        """Data set and degradation of what a cell sees, for result files."""
        where = {"directory": self.card.directory} if isinstance(self.card, UserFolder) else {}
        if self._degrades(splits):
            return {"dataset": self.card.name, **where, "degradation": self.degradation, "parameters": asdict(self.track2)}
        return {"dataset": self.card.name, **where, "degradation": "the data set's own LR images"}

    def verify(self, splits: Sequence[Split]) -> None:
        """Raise UsageError, before any training, where an image is missing or has changed, or a test image does not suit."""
        if isinstance(self.card, PackagedPhotos):
            photos.verify(self.card)
            return
        folders.verify(self.card, splits)
        if "test" in splits:
            self.test_pairs()  # decoded now, for it is needed only after the training

    def x_images(self) -> list[Image]:
        """Domain X: degraded LR images, for training without pairs."""
        if isinstance(self.card, PackagedPhotos):
            return self._degraded_photos(self.card, "x")
        files = split_files(self.card, "x")
        return read(files.lr) if files.lr else self._degraded(files.hr)

    def z_images(self) -> list[Image]:
        """Domain Z: clean HR images."""
        if isinstance(self.card, PackagedPhotos):
            return [hr for _, hr in photos.regions(self.card, "z")]
        return self._cropped(split_files(self.card, "z").hr)

    def y_images(self) -> list[Image]:
        """Domain Y: the bicubic downscale of every image of Z, in the same order."""
        if isinstance(self.card, PackagedPhotos):
            return [bicubic_downscale(hr, self.card.scale) for hr in self.z_images()]
        hr = split_files(self.card, "z").hr
        return self._made(hr, {"name": "bicubic"}, lambda image, name: bicubic_downscale(image, self.card.scale))

    def training_pairs(self) -> list[Pair]:
        """Degraded LR against HR, all of X and Z: what only supervised methods may see."""
        return self._pairs("pairs")

    def test_pairs(self) -> list[Pair]:
        """The test split: degraded LR against HR."""
        return self._pairs("test")

    def _pairs(self, split: Literal["pairs", "test"]) -> list[Pair]:
        if isinstance(self.card, PackagedPhotos):
            lr = self._degraded_photos(self.card, split)
            return [Pair(name, image, hr) for image, (name, hr) in zip(lr, photos.regions(self.card, split), strict=True)]
        files = split_files(self.card, split)
        lr = read(files.lr) if files.lr else self._degraded(files.hr)
        pairs = [Pair(*each) for each in zip(files.hr.names, lr, self._cropped(files.hr), strict=True)]
        for pair in pairs:
            self._check(pair)
        return pairs

    def _check(self, pair: Pair) -> None:
        if tuple(self.card.scale * side for side in pair.lr.shape[:2]) != pair.hr.shape[:2]:
            sizes = " and ".join(f"{image.shape[1]}x{image.shape[0]}" for image in (pair.lr, pair.hr))
            raise UsageError(f"data set '{self.card.name}': {pair.name}: {sizes} pixels are no pair of scale {self.card.scale}")

    def _degrades(self, splits: Iterable[Split]) -> bool:
        """Whether LR images of the splits are made here, not read."""
        wanted = [split for split in splits if split != "z"]
        if isinstance(self.card, PackagedPhotos):
            return bool(wanted)
        if not isinstance(self.card, UserFolder):
            return self.card.test_lr is None and "test" in wanted
        return any(split_files(self.card, split).lr is None for split in wanted)

    def _degrade(self, hr: Image, image_id: str) -> Image:
        if self.degradation == "bicubic":
            return bicubic_downscale(hr, self.card.scale)
        return track2_like(hr, self.card.scale, image_id, self.track2)

    def _degraded_photos(self, card: PackagedPhotos, split: str) -> list[Image]:
        """LR images of a split, made once for all times."""

        def produce() -> Iterator[Image]:
            for name, hr in photos.regions(card, split):
                yield self._degrade(hr, name)

        how = degradation_identity(self.degradation, self.track2)
        return stack(digest([how, card.scale, _pixel_code(), photos.identity(card, (split,))]), produce)

    def _degraded(self, hr: ImageSet) -> list[Image]:
        return self._made(hr, degradation_identity(self.degradation, self.track2), self._degrade)

    def _cropped(self, images: ImageSet) -> list[Image]:
        """HR images, cut at the lower right to multiples of the scale."""
        scale = self.card.scale
        whole = read(images)
        return [image[: image.shape[0] // scale * scale, : image.shape[1] // scale * scale] for image in whole]

    def _made(self, hr: ImageSet, how: dict[str, Any], make: Callable[[Image, str], Image]) -> list[Image]:
        """What ``make`` makes of every HR image and its name, once for all times."""

        def produce() -> Iterator[Image]:
            for image, name in zip(self._cropped(hr), hr.names, strict=True):
                yield make(image, name)

        names = hr.names if how["name"] != "bicubic" else None  # a random degradation draws by name
        return stack(digest([how, self.card.scale, _pixel_code(), hr.hashes, names]), produce)


def _pixel_code() -> str:
    """Of what makes pixels."""
    return code_digest("benchmarks.data.decode", "benchmarks.data.degradation")
