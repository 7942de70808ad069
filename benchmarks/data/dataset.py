"""A data set under a degradation, which together decide the images of a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from benchmarks.api.entries import Split
from benchmarks.catalog.degradations import CLEAN, make_degradation
from benchmarks.data.cards import DatasetCard
from benchmarks.data.sources import digest
from benchmarks.degradations.operator import JOINED, Degradation, label

if TYPE_CHECKING:
    from benchmarks.api.image import Image
    from benchmarks.data.pixels.images import DatasetImages

OWN_LR = "the data set's own LR images"


@dataclass(frozen=True)
class Dataset:
    """A card and a degradation.

    Attributes:
        card: names the images.
        degradation: makes LR images of HR images, for splits without LR images of their own.
    """

    card: DatasetCard
    degradation: Degradation

    @classmethod
    def recorded(cls, card: DatasetCard, degradation: str, parameters: Mapping[str, Any] | None) -> Dataset:
        """The data set that a result file records.

        Args:
            card: of the data set.
            degradation: names of the operators, as ``describe`` has them.
            parameters: their settings; None if the data set has LR images of its own.

        Raises:
            UsageError: the degradation is unknown here, or its settings do not fit.
        """
        names = tuple(degradation.split(JOINED)) if parameters is not None else (CLEAN,)
        settings: dict[str, dict[str, Any]] = {name: {} for name in names}
        for key, value in (parameters or {}).items():
            name, _, setting = key.rpartition(".")
            settings.setdefault(name or names[0], {})[setting] = value
        return cls(card, make_degradation(names, settings, "the result's degradation"))

    @property
    def images(self) -> DatasetImages:
        """Images, decoded and degraded on access."""
        from benchmarks.data.pixels.images import DatasetImages

        return DatasetImages(self.card.name, self.card.scale, self.card.sources, self.degradation, self._clean)

    def digest(self, *splits: Split) -> str:
        """SHA-256 over hashes and regions of the files of splits, and over the degradation. No image is decoded.

        The degradation counts only if it makes images of these splits: Y is always the bicubic downscale of Z. Before
        the data set is prepared, the digest is made of hashes or names in its card, and differs from the later digest.
        """
        if splits not in self._digests:
            degradation = self.degradation.identity if self.degrades(splits) else None
            self._digests[splits] = digest([self.card.name, self.card.scale, self.card.content(splits), degradation])
        return self._digests[splits]

    @cached_property
    def _digests(self) -> dict[tuple[Split, ...], str]:
        """Digests by splits. Kept, since dozens of cells ask for the digest of the same thousands of files."""
        return {}

    def degrades(self, splits: Sequence[Split]) -> bool:
        """True if the degradation makes LR images of any of the splits."""
        return any(self.card.makes_lr(split) for split in splits)

    def modules(self, splits: Sequence[Split]) -> tuple[str, ...]:
        """Modules with the code of the degradations that make images of the splits; Y is made with Z."""
        return (
            *(self.degradation.modules if self.degrades(splits) else ()),
            *(self._clean.modules if "z" in splits else ()),
        )

    def describe(self, splits: Sequence[Split]) -> dict[str, object]:
        """Data set, origin and degradation of the splits, for result files."""
        origins = {split: origin for split in splits if (origin := self.card.origin(split))}
        about = {"dataset": self.card.name, **self.card.location, **({"origin": origins} if origins else {})}
        if not self.degrades(splits):
            return {**about, "degradation": OWN_LR}
        return {**about, "degradation": label(self.degradation), "parameters": self.degradation.parameters}

    def verify(self, splits: Sequence[Split]) -> None:
        """Raise UsageError if an image of the splits is missing, has changed or cannot be decoded."""
        self.card.verify(splits)
        if self.card.location:  # a user's own files, of which nobody knows whether they are images
            for split in splits:
                self._decode(split)
            return
        for split in splits:
            if split in ("validation", "test") and self.card.has_truth(split):  # before any training, which would end in vain
                self.images.pairs(split)
            elif split == "test":
                self._decode(split)

    def _decode(self, split: Split) -> None:
        from benchmarks.data.pixels.images import read

        sources = self.card.sources(split)
        for images in (sources.hr, sources.lr):
            if images and images.images:
                read(images)

    def lr(self, split: Split) -> dict[str, Image]:
        """LR images of a split without ground truth, ``(h, w, 3)`` uint8 RGB by name. Raises UsageError as ``verify`` does."""
        from benchmarks.data.pixels.images import read

        lr = self.card.sources(split).lr
        if lr is None:
            raise ValueError(f"{self.card.name}: {split} has no LR images of its own")
        return dict(zip(lr.names, read(lr), strict=True))

    @cached_property
    def _clean(self) -> Degradation:
        return make_degradation(CLEAN, {}, "the catalog")
