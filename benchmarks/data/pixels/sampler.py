"""Random training patches of decoded images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.core.errors import UsageError
from benchmarks.data.pixels.patches import Place, make_store


class PatchSampler:
    """Draws batches of augmented patches: image, place, and one of the 8 flips and turns, each uniformly.

    On a CPU images are not copied: views of a memory-mapped file (``benchmarks.data.cache``) may be larger than memory.
    Places are drawn on the CPU whatever the device: the same random state gives the same patches.

    Args:
        images: LR images of pairs, or images of one domain, ``(h, w, 3)`` uint8.
        patch_size: side of a patch of ``images``, in pixels.
        batch_size: patches per batch.
        generator: random state; the training loop owns, saves and restores it.
        paired: images ``scale`` times larger, cut at the same places; None for unpaired sampling.
        device: device of the batches; the CPU if None.
        share: part of each batch to cut, if several processes share batches; all of them draw the same places.

    Raises:
        UsageError: an image is smaller than a patch, or a pair's larger image smaller than ``scale`` times the other.
    """

    def __init__(
        self,
        images: Sequence[NDArray[np.uint8]],
        *,
        patch_size: int,
        batch_size: int,
        generator: torch.Generator,
        paired: Sequence[NDArray[np.uint8]] | None = None,
        device: torch.device | None = None,
        share: slice = slice(None),
    ) -> None:
        smallest = min(min(image.shape[:2]) for image in images)
        if smallest < patch_size:
            mend = f"lower it with --set 'stages.*.training.patch_size={smallest}', or leave small images out"
            raise UsageError(f"patch_size {patch_size} is larger than the smallest training image ({smallest} pixels): {mend}")
        self._images, self._paired = list(images), list(paired) if paired is not None else None
        self._scale = self._paired[0].shape[0] // self._images[0].shape[0] if self._paired else 1
        self._patch_size, self._batch_size, self._generator = patch_size, batch_size, generator
        self._share = share
        self._check_pairs()
        self._store = make_store(self._images, device or torch.device("cpu"))
        self._paired_store = make_store(self._paired, device or torch.device("cpu")) if self._paired else None

    def draw(self) -> Tensor:
        """A batch ``(N, 3, P, P)`` float32 in [0, 1], channels last."""
        return self._store.cut(self._places(), self._patch_size)

    def draw_pairs(self) -> tuple[Tensor, Tensor]:
        """Matching batches ``(N, 3, P, P)`` and ``(N, 3, scale * P, scale * P)``, augmented alike."""
        if self._paired_store is None:
            raise ValueError("this sampler holds no pairs")
        places, scale = self._places(), self._scale
        larger = [place._replace(top=scale * place.top, left=scale * place.left) for place in places]
        return self._store.cut(places, self._patch_size), self._paired_store.cut(larger, scale * self._patch_size)

    def _check_pairs(self) -> None:
        for index, (image, larger) in enumerate(zip(self._images, self._paired or self._images, strict=True)):
            if any(large < self._scale * small for large, small in zip(larger.shape[:2], image.shape[:2], strict=True)):
                raise UsageError(
                    f"training pair {index}: HR {larger.shape[1]}x{larger.shape[0]} is less than {self._scale} times "
                    f"LR {image.shape[1]}x{image.shape[0]}: check that both folders hold the same images"
                )

    def _places(self) -> list[Place]:
        """Draw the places of the patches of this process."""
        draws = torch.rand((self._batch_size, 4), generator=self._generator, dtype=torch.float64).tolist()
        places = []
        for image, top, left, turn in draws[self._share]:
            index = int(image * len(self._images))
            height, width = self._images[index].shape[:2]
            span_y, span_x = height - self._patch_size + 1, width - self._patch_size + 1
            places.append(Place(index, int(top * span_y), int(left * span_x), int(turn * 8)))
        return places
