"""From a card to images in memory: verified, cut to their splits, degraded on the way."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

from benchmarks.data import folders, photos
from benchmarks.data.cards import DatasetCard, PackagedPhotos
from benchmarks.data.decode import Image
from benchmarks.data.degradation import Track2Like, bicubic_downscale, degradation_identity, track2_like

Split = Literal["x", "z", "pairs", "test"]
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
        """Content digest of the named splits: pixels by their hashes, regions, degradation; no image is read.

        Z alone does not depend on the degradation: its LR side Y is always the bicubic downscale.
        """
        content: list[object] = [self.card.name, self.card.scale]
        if isinstance(self.card, PackagedPhotos):
            content.append(photos.identity(self.card, splits))
            content.append(None if set(splits) == {"z"} else degradation_identity(self.degradation, self.track2))
        else:
            content.append(folders.identity(self.card, splits))
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def describe(self) -> dict[str, object]:
        """Data set and degradation, for result files."""
        if isinstance(self.card, PackagedPhotos):
            return {"dataset": self.card.name, "degradation": self.degradation, "parameters": asdict(self.track2)}
        return {"dataset": self.card.name, "degradation": "the data set's own LR images"}

    def verify(self) -> None:
        """Raise UsageError, before any training, where an image is missing or a photograph has changed."""
        if isinstance(self.card, PackagedPhotos):
            photos.verify(self.card)
        else:
            folders.verify(self.card)

    def _degrade(self, hr: Image, image_id: str) -> Image:
        if self.degradation == "bicubic":
            return bicubic_downscale(hr, self.card.scale)
        return track2_like(hr, self.card.scale, image_id, self.track2)

    def x_images(self) -> list[Image]:
        """Domain X: degraded LR images, for training without pairs."""
        if isinstance(self.card, PackagedPhotos):
            return [self._degrade(hr, name) for name, hr in photos.regions(self.card, "x")]
        return folders.read(self.card, self.card.x)

    def z_images(self) -> list[Image]:
        """Domain Z: clean HR images."""
        if isinstance(self.card, PackagedPhotos):
            return [hr for _, hr in photos.regions(self.card, "z")]
        return folders.read(self.card, self.card.z)

    def y_images(self) -> list[Image]:
        """Domain Y: the bicubic downscale of every image of Z, in the same order."""
        return [bicubic_downscale(hr, self.card.scale) for hr in self.z_images()]

    def training_pairs(self) -> list[Pair]:
        """Degraded LR against HR, all of X and Z: what only supervised methods may see."""
        return self._pairs("pairs")

    def test_pairs(self) -> list[Pair]:
        """The test split: degraded LR against HR."""
        return self._pairs("test")

    def _pairs(self, split: Literal["pairs", "test"]) -> list[Pair]:
        if isinstance(self.card, PackagedPhotos):
            return [Pair(name, self._degrade(hr, name), hr) for name, hr in photos.regions(self.card, split)]
        lr_files, hr_files = getattr(self.card, f"{split}_lr"), getattr(self.card, f"{split}_hr")
        names = [path.stem for path in hr_files.files(folders.root())]
        lr, hr = folders.read(self.card, lr_files), folders.read(self.card, hr_files)
        return [Pair(*parts) for parts in zip(names, lr, hr, strict=True)]
