"""From a card to images in memory: verified photographs, cropped to their splits, degraded on the way."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.data.cards import DatasetCard, Photo
from benchmarks.data.degradation import Track2Like, bicubic_downscale, degradation_identity, track2_like
from benchmarks.errors import UsageError

Image = NDArray[np.uint8]  # (H, W, 3) RGB
Split = Literal["x", "z", "test"]
DegradationName = Literal["track2-like", "bicubic"]


@dataclass(frozen=True)
class TestPair:
    """A test image: its name, LR ``(h, w, 3)`` and HR ``(scale * h, scale * w, 3)``, uint8 RGB."""

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
        """Content digest of the named splits: pixels (by the photographs' hashes), regions, degradation.

        Z alone does not depend on the degradation: its LR side Y is always the bicubic downscale.
        """
        regions = [
            {"photo": photo.name, "sha256": photo.sha256, split: getattr(photo, split)}
            for photo in self.card.photos
            for split in splits
            if getattr(photo, split)
        ]
        degraded = [] if set(splits) == {"z"} else [degradation_identity(self.degradation, self.track2)]
        text = json.dumps([self.card.name, self.card.scale, regions, degraded], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def describe(self) -> dict[str, object]:
        """The card's name and the degradation with its parameters, for result files."""
        return {"dataset": self.card.name, "degradation": self.degradation, "parameters": asdict(self.track2)}

    def degrade(self, hr: Image, image_id: str) -> Image:
        """``(H, W, 3)`` -> ``(H / scale, W / scale, 3)`` by the data set's degradation."""
        if self.degradation == "bicubic":
            return bicubic_downscale(hr, self.card.scale)
        return track2_like(hr, self.card.scale, image_id, self.track2)

    def regions(self, split: Split) -> list[tuple[str, Image]]:
        """The HR regions of a split as ``(name, pixels)``, in the card's order."""
        found = []
        for photo in self.card.photos:
            for top, left, height, width in getattr(photo, split):
                pixels = read_photo(photo)[top : top + height, left : left + width]
                if pixels.shape[:2] != (height, width):
                    raise UsageError(
                        f"data set '{self.card.name}': {photo.name}: box [{top}, {left}, {height}, {width}] leaves the photograph"
                    )
                found.append((f"{photo.name}-{top}-{left}", pixels))
        return found

    def x_images(self) -> list[Image]:
        """Domain X: degraded LR images, for training without pairs."""
        return [self.degrade(hr, name) for name, hr in self.regions("x")]

    def z_images(self) -> list[Image]:
        """Domain Z: clean HR images."""
        return [hr for _, hr in self.regions("z")]

    def y_images(self) -> list[Image]:
        """Domain Y: the bicubic downscale of every image of Z, in the same order."""
        return [bicubic_downscale(hr, self.card.scale) for hr in self.z_images()]

    def test_pairs(self) -> list[TestPair]:
        """The test split: degraded LR against HR."""
        return [TestPair(name, self.degrade(hr, name), hr) for name, hr in self.regions("test")]


def _folder_of(photo: Photo) -> Path:
    spec = importlib.util.find_spec(photo.module)
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(f"photograph '{photo.name}': package {photo.package} is not installed: pip install {photo.package}")
    return Path(next(iter(spec.submodule_search_locations)))


@lru_cache(maxsize=16)
def read_photo(photo: Photo) -> Image:
    """Decode a packaged photograph and check its pixels.

    Raises:
        UsageError: the package or the file is missing, or the pixels are not those of the card.
    """
    from PIL import Image as PillowImage

    path = _folder_of(photo) / photo.file
    again = f"reinstall it: pip install --force-reinstall {photo.package}"
    try:
        with PillowImage.open(path) as file:
            pixels = np.asarray(file.convert("RGB"))
    except FileNotFoundError as error:
        raise UsageError(f"photograph '{photo.name}' is missing ({path}): {again}") from error
    except OSError as error:
        raise UsageError(f"photograph '{photo.name}' cannot be decoded ({path}: {error}): {again}") from error
    digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
    if digest != photo.sha256:
        raise UsageError(
            f"photograph '{photo.name}' has changed ({path}: pixels hash to {digest[:12]}, card: {photo.sha256[:12]}): {again}"
        )
    pixels.setflags(write=False)
    return pixels


def verify_photos(card: DatasetCard) -> None:
    """Read and check every photograph that a split uses, so that a missing one is found before any training."""
    for photo in card.photos:
        if photo.x or photo.z or photo.test:
            read_photo(photo)
