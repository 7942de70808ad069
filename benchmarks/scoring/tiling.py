"""Tiled inference: overlapping tiles give the output of the whole image in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from benchmarks.api.contract import check_output
from benchmarks.api.method import Descriptor, Method
from benchmarks.core.errors import UsageError

DEFAULT_MARGIN = 32  # LR pixels around the core of a tile, for methods without a stated receptive field


def margin(descriptor: Descriptor) -> int:
    """Margin of a tile around its core, in LR pixels: half the receptive field, or a default if none is stated."""
    return DEFAULT_MARGIN if descriptor.receptive_field is None else descriptor.receptive_field // 2


def enlarge(method: Method, lr: Tensor, tile: int = 0) -> Tensor:
    """Run a method on images of any size.

    Args:
        method: the method.
        lr: ``(N, 3, h, w)`` float32 RGB in [0, 1].
        tile: side of a tile in LR pixels, margins included; memory grows with its square. 0 for the whole image at once.

    Returns:
        ``(N, 3, scale * h, scale * w)``, not clipped. Tiles give the output of the whole image, within float32 rounding, if the
        method states its receptive field.

    Raises:
        UsageError: the tile is too small for the method.
        BenchmarkError: an output does not fit its input.
    """
    descriptor = method.descriptor

    def run(part: Tensor) -> Tensor:
        sr = method(part)
        check_output(sr, part, descriptor.scale)
        return sr

    height, width = lr.shape[-2:]
    padded = _pad(lr, descriptor.multiple)
    fits = not tile or max(padded.shape[-2:]) <= tile
    sr = run(padded) if fits else _from_tiles(run, padded, tile, descriptor)
    return sr[..., : height * descriptor.scale, : width * descriptor.scale]


def _pad(lr: Tensor, multiple: int) -> Tensor:
    """Continue images to the right and below by reflection, as often as needed, to multiples of ``multiple``."""
    height, width = lr.shape[-2:]
    right, below = -width % multiple, -height % multiple
    if not right and not below:
        return lr
    rows, columns = _reflected(height, below), _reflected(width, right)
    return lr[..., rows[:, None].to(lr.device), columns.to(lr.device)]


def _reflected(length: int, more: int) -> Tensor:
    """Indices of pixels along an axis, with ``more`` reflected ones after the last."""
    period = max(1, 2 * (length - 1))
    indices = torch.arange(length + more) % period
    return torch.minimum(indices, period - indices)


def _from_tiles(run: Callable[[Tensor], Tensor], lr: Tensor, tile: int, descriptor: Descriptor) -> Tensor:
    scale, (count, _, height, width) = descriptor.scale, lr.shape
    out = torch.empty((count, 3, height * scale, width * scale))
    for top, below, rows in _spans(height, tile, descriptor):
        for left, right, columns in _spans(width, tile, descriptor):
            sr = run(lr[..., top:below, left:right])
            inner = sr[..., _scaled(rows, -top, scale), _scaled(columns, -left, scale)]
            out[..., _scaled(rows, 0, scale), _scaled(columns, 0, scale)] = inner
    return out


def _spans(length: int, tile: int, descriptor: Descriptor) -> Iterator[tuple[int, int, slice]]:
    """Tiles along an axis: start, end, and the span of the image that is taken from each.

    The number of tiles is the smallest that the longest side allows; their side is the shortest for that number.
    """
    around, multiple = margin(descriptor), descriptor.multiple

    def step(side: int) -> int:
        return (side - 2 * around) // multiple * multiple

    def number(side: int) -> int:
        return 1 - (side - length) // step(side)

    side = tile // multiple * multiple
    if step(side) < 1:
        least = -(-2 * around // multiple) * multiple + multiple
        raise UsageError(f"a tile of {tile} LR pixels is too small for this method: it needs {least} or more")
    if length <= side:
        yield 0, length, slice(0, length)
        return
    while step(side - multiple) > 0 and number(side - multiple) == number(tile // multiple * multiple):
        side -= multiple
    taken = 0
    for index in range(number(side)):
        start = min(index * step(side), length - side)
        until = length if start + side == length else start + side - around
        yield start, start + side, slice(taken, until)
        taken = until


def _scaled(span: slice, offset: int, scale: int) -> slice:
    return slice((span.start + offset) * scale, (span.stop + offset) * scale)
