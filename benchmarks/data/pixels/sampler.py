"""Random training patches, cut from decoded images in memory or in memory-mapped files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.core.errors import UsageError


class PatchSampler:
    """Draws batches of augmented patches: image, place, and one of the 8 flips and turns, each uniformly.

    Images are not copied. Views of a memory-mapped file (``benchmarks.data.cache``) may be larger than memory: a patch reads only
    its own rows.

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
            raise UsageError(f"patch_size {patch_size} is larger than the smallest training image ({smallest} pixels): lower it")
        self._images, self._paired = list(images), list(paired) if paired is not None else None
        self._scale = self._paired[0].shape[0] // self._images[0].shape[0] if self._paired else 1
        self._patch_size, self._batch_size, self._generator = patch_size, batch_size, generator
        self._share, self._device = share, device or torch.device("cpu")
        self._check_pairs()

    def draw(self) -> Tensor:
        """A batch ``(N, 3, P, P)`` float32 in [0, 1], channels last."""
        return self._cut(self._places(), self._images, 1)

    def draw_pairs(self) -> tuple[Tensor, Tensor]:
        """Matching batches ``(N, 3, P, P)`` and ``(N, 3, scale * P, scale * P)``, augmented alike."""
        if self._paired is None:
            raise ValueError("this sampler holds no pairs")
        places = self._places()
        return self._cut(places, self._images, 1), self._cut(places, self._paired, self._scale)

    def _check_pairs(self) -> None:
        for index, (image, larger) in enumerate(zip(self._images, self._paired or self._images, strict=True)):
            if any(large < self._scale * small for large, small in zip(larger.shape[:2], image.shape[:2], strict=True)):
                raise UsageError(
                    f"training pair {index}: HR {larger.shape[1]}x{larger.shape[0]} is less than {self._scale} times "
                    f"LR {image.shape[1]}x{image.shape[0]}: check that both folders hold the same images"
                )

    def _places(self) -> list[tuple[int, int, int, int]]:
        """Draw index of the image, top, left, and number of the flip and turn of every patch of this process."""
        draws = torch.rand((self._batch_size, 4), generator=self._generator, dtype=torch.float64).tolist()
        places = []
        for image, top, left, turn in draws[self._share]:
            index = int(image * len(self._images))
            height, width = self._images[index].shape[:2]
            span_y, span_x = height - self._patch_size + 1, width - self._patch_size + 1
            places.append((index, int(top * span_y), int(left * span_x), int(turn * 8)))
        return places

    def _cut(self, places: list[tuple[int, int, int, int]], images: list[NDArray[np.uint8]], scale: int) -> Tensor:
        side = self._patch_size * scale
        batch = np.empty((len(places), side, side, 3), np.uint8)
        for target, (index, top, left, turn) in zip(batch, places, strict=True):
            patch = images[index][top * scale : top * scale + side, left * scale : left * scale + side]
            # Cut first, then turned: reading columns of an image 2,048 pixels wide would thrash the processor's cache.
            _copy(target, _turned(np.ascontiguousarray(patch), turn))
        values = np.divide(batch, np.float32(255), dtype=np.float32)
        return torch.from_numpy(values).permute(0, 3, 1, 2).to(self._device)


def _turned(patch: NDArray[np.uint8], turn: int) -> NDArray[np.uint8]:
    """A view of the patch: from 4 on mirrored left to right, then turned counter-clockwise by ``turn % 4`` quarters."""
    mirrored, quarters = divmod(turn, 4)
    if mirrored:
        patch = patch[:, ::-1]
    if quarters % 2:
        patch = patch.transpose(1, 0, 2)
    return patch[:: -1 if quarters in (1, 2) else 1, :: -1 if quarters in (2, 3) else 1]


def _copy(target: NDArray[np.uint8], patch: NDArray[np.uint8]) -> None:
    if patch.strides[1:] == target.strides[1:]:
        target[...] = patch
    else:  # channel by channel: NumPy's innermost loop would run over three bytes, which takes four times as long
        for channel in range(3):
            target[..., channel] = patch[..., channel]
