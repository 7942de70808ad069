"""Random patches cut from decoded images that stay in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.errors import UsageError


class PatchSampler:
    """Draws batches of augmented patches: an image uniformly, a place uniformly, one of the 8 flips and turns.

    Args:
        images: the smallest-scale images, ``(h, w, 3)`` uint8.
        patch_size: side of a patch of ``images``.
        batch_size: patches per batch.
        generator: the random state, owned by the training loop, which saves and restores it.
        paired: images ``scale`` times larger, cut at the same places; None for unpaired sampling.

    Raises:
        UsageError: an image is smaller than a patch.
    """

    def __init__(
        self,
        images: Sequence[NDArray[np.uint8]],
        *,
        patch_size: int,
        batch_size: int,
        generator: torch.Generator,
        paired: Sequence[NDArray[np.uint8]] | None = None,
    ) -> None:
        smallest = min(min(image.shape[:2]) for image in images)
        if smallest < patch_size:
            raise UsageError(f"patch_size {patch_size} is larger than the smallest training image ({smallest} pixels): lower it")
        self._images = [_to_tensor(image) for image in images]
        self._paired = [_to_tensor(image) for image in paired] if paired is not None else None
        self._scale = self._paired[0].shape[1] // self._images[0].shape[1] if self._paired else 1
        self._patch_size, self._batch_size, self._generator = patch_size, batch_size, generator

    def draw(self) -> Tensor:
        """A batch ``(N, 3, P, P)`` float32 in [0, 1], channels last."""
        return self._cut(self._places(), self._images, 1)

    def draw_pairs(self) -> tuple[Tensor, Tensor]:
        """Matching batches ``(N, 3, P, P)`` and ``(N, 3, scale * P, scale * P)``, augmented alike."""
        if self._paired is None:
            raise ValueError("this sampler holds no pairs")
        places = self._places()
        return self._cut(places, self._images, 1), self._cut(places, self._paired, self._scale)

    def _places(self) -> list[tuple[int, int, int, int]]:
        draws = torch.rand((self._batch_size, 4), generator=self._generator, dtype=torch.float64).tolist()
        places = []
        for image, top, left, turn in draws:
            index = int(image * len(self._images))
            height, width = self._images[index].shape[1:]
            span_y, span_x = height - self._patch_size + 1, width - self._patch_size + 1
            places.append((index, int(top * span_y), int(left * span_x), int(turn * 8)))
        return places

    def _cut(self, places: list[tuple[int, int, int, int]], images: list[Tensor], scale: int) -> Tensor:
        side = self._patch_size * scale
        patches = []
        for index, top, left, turn in places:
            patch = images[index][:, top * scale : top * scale + side, left * scale : left * scale + side]
            patch = patch.flip(2) if turn >= 4 else patch
            patches.append(torch.rot90(patch, turn % 4, (1, 2)))
        return torch.stack(patches).to(torch.float32, memory_format=torch.channels_last).div_(255)


def _to_tensor(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
