"""Cutting of training patches: on the CPU from images that may be larger than memory, on a GPU from its own memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

RESIDENT_SHARE = 0.25  # most of a GPU's free memory that the images of a sampler may take


class Place(NamedTuple):
    """Place of a patch.

    Attributes:
        image: index of the image.
        top: first row.
        left: first column.
        turn: 0 to 7; from 4 on mirrored left to right, then turned counter-clockwise by ``turn % 4`` quarters.
    """

    image: int
    top: int
    left: int
    turn: int


class HostImages:
    """Images in memory or in memory-mapped files; a patch reads only its own rows.

    Args:
        images: ``(h, w, 3)`` uint8 each; not copied.
        device: device of the batches.
    """

    def __init__(self, images: Sequence[NDArray[np.uint8]], device: torch.device) -> None:
        self._images, self._device = images, device

    def cut(self, places: Sequence[Place], side: int) -> Tensor:
        """Patches ``(N, 3, side, side)`` float32 in [0, 1], channels last."""
        batch = np.empty((len(places), side, side, 3), np.uint8)
        for target, (index, top, left, turn) in zip(batch, places, strict=True):
            patch = self._images[index][top : top + side, left : left + side]
            # Cut first, then turned: reading columns of an image 2,048 pixels wide would thrash the processor's cache.
            _copy(target, _turned(np.ascontiguousarray(patch), turn))
        values = np.divide(batch, np.float32(255), dtype=np.float32)
        return torch.from_numpy(values).permute(0, 3, 1, 2).to(self._device)


class ResidentImages:
    """Copies of images in the memory of a device, from which all patches of a batch are gathered at once.

    The host does not wait for the device, and no pixels are transferred in a training step. The bits are those of ``HostImages``.

    Args:
        images: ``(h, w, 3)`` uint8 each.
        device: device of the images and of the batches.
    """

    def __init__(self, images: Sequence[NDArray[np.uint8]], device: torch.device) -> None:
        sizes = [image.shape[0] * image.shape[1] for image in images]
        self._offsets = [sum(sizes[:index]) for index in range(len(sizes))]
        self._widths = [image.shape[1] for image in images]
        self._pixels = torch.empty((sum(sizes), 3), dtype=torch.uint8, device=device)
        for image, offset, size in zip(images, self._offsets, sizes, strict=True):
            self._pixels[offset : offset + size] = torch.from_numpy(np.array(image)).reshape(size, 3)
        # A number on the host would make the division a multiplication by 1 / 255 on a GPU, with other bits.
        self._white = torch.full((), 255.0, device=device)

    def cut(self, places: Sequence[Place], side: int) -> Tensor:
        """Patches ``(N, 3, side, side)`` float32 in [0, 1], channels last."""
        table = [[self._offsets[p.image], self._widths[p.image], p.top, p.left, *divmod(p.turn, 4)] for p in places]
        columns = to_device(torch.tensor(table), self._pixels.device).view(-1, 6, 1, 1).unbind(1)
        offset, width, top, left, mirrored, quarters = columns
        row, column = self._source(side, mirrored, quarters)
        index = offset + (top + row) * width + left + column
        pixels = self._pixels[index.flatten()].view(-1, side, side, 3)
        return (pixels.to(torch.float32) / self._white).permute(0, 3, 1, 2)

    def _source(self, side: int, mirrored: Tensor, quarters: Tensor) -> tuple[Tensor, Tensor]:
        """Row and column in the image's patch of every pixel of the turned patches; each ``(N, side, side)``."""
        i, j = torch.arange(side, device=self._pixels.device).view(1, -1, 1), torch.arange(side, device=self._pixels.device)
        row = torch.where((quarters == 1) | (quarters == 2), side - 1 - i, i)
        column = torch.where((quarters == 2) | (quarters == 3), side - 1 - j, j)
        odd = quarters % 2 == 1
        row, column = torch.where(odd, column, row), torch.where(odd, row, column)
        return row, torch.where(mirrored == 1, side - 1 - column, column)


def make_store(images: Sequence[NDArray[np.uint8]], device: torch.device) -> HostImages | ResidentImages:
    """Images on a GPU where they take a small part of its free memory, in the host's memory otherwise."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if sum(image.nbytes for image in images) <= RESIDENT_SHARE * free:
            return ResidentImages(images, device)
    return HostImages(images, device)


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Copy of a tensor of the host on a device. The host does not wait for the work that a GPU has still to do."""
    if device.type != "cuda":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


def _turned(patch: NDArray[np.uint8], turn: int) -> NDArray[np.uint8]:
    """A view of the patch, mirrored and turned as ``Place.turn`` says."""
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
