"""Sizes of images held against the settings of cells, before the first step: a training may take days."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from benchmarks.api.entries import MetricEntry
from benchmarks.catalog.methods import get_method, method_class
from benchmarks.catalog.metrics import get_metric
from benchmarks.catalog.protocols import get_protocol
from benchmarks.core.errors import UsageError
from benchmarks.data.sizes import Sized, refuse_broken, sizes
from benchmarks.planning.cells import Cell, StageSettings
from benchmarks.planning.untrained import descriptors
from benchmarks.results.record import EvaluationSettings
from benchmarks.scoring.protocol import Protocol, Score

SMALLEST_PATCH = 8  # LR pixels: the least that the settings take
OUT = "take it out"


def check_suitability(cells: Iterable[Cell], processes: Callable[[Cell], int] = lambda cell: 1) -> None:
    """Raise UsageError where an image does not suit the settings of a cell. Data sets that are not prepared are left out.

    Args:
        cells: to be computed.
        processes: number of processes that train a cell together.
    """
    ready = [cell for cell in cells if not cell.data.card.missing()]
    check_headers(ready)
    for cell in ready:
        if isinstance(cell.settings, StageSettings):
            _check_batch(cell, processes(cell))
            _check_patches(cell)
        else:
            _check_test_images(cell, cell.settings)
    _check_tiles([cell for cell in ready if cell.kind == "evaluate"])
    _check_checkpoints([cell for cell in ready if cell.file])


def check_headers(cells: Iterable[Cell]) -> None:
    """Raise UsageError if images of cells are broken, with the names of all of a split. Data sets not prepared are left out."""
    ready = [cell for cell in cells if not cell.data.card.missing()]
    splits = dict.fromkeys((cell.data.card, split, cell.kind == "train") for cell in ready for split in cell.splits)
    for card, split, trains in splits:
        refuse_broken(card, split, whole=trains)


def _check_batch(cell: Cell, processes: int) -> None:
    """Raise UsageError if processes cannot share the batches of a stage."""
    batch_size = cell.stage_settings.training.batch_size
    if batch_size % processes:
        more = -(-batch_size // processes) * processes
        raise UsageError(
            f"{cell}: batch_size {batch_size} cannot be shared out among {processes} processes: "
            f"--set stages.{cell.label}.training.batch_size={more}, or another number of processes"
        )


def _check_patches(cell: Cell) -> None:
    """Raise UsageError if a training image has no room for a patch, or if LR and HR images of a pair do not fit."""
    patch = cell.stage_settings.training.patch_size
    images = [image for split in cell.splits for image in sizes(cell.data.card, split)]
    _refuse_other_scale(images, cell.data.card.scale)
    small = [image for image in images if min(image.lr) < patch]
    if small:
        side = min(min(image.lr) for image in small)
        lower = f", or --set stages.{cell.label}.training.patch_size={side}" if side >= SMALLEST_PATCH else ""
        need = f"stage '{cell.label}' cuts patches of {patch}x{patch}"
        raise UsageError(f"{_named(small)} {_text(small[0].lr)} LR pixels, but {need}: {OUT}{lower}")


def _check_test_images(cell: Cell, settings: EvaluationSettings) -> None:
    """Raise UsageError if a test image is too small for the method, a protocol or a metric, or its LR image does not fit."""
    images = list(sizes(cell.data.card, settings.split))
    _refuse_other_scale(images, cell.data.card.scale)
    smallest = get_method(cell.label).smallest
    if small := [image for image in images if min(image.lr) < smallest]:
        need = f"{cell.label} needs {smallest}x{smallest} or more: {OUT}, or leave the method out with --methods"
        raise UsageError(f"{_named(small)} {_text(small[0].lr)} LR pixels, but {need}")
    if not cell.data.card.has_truth(settings.split):
        return
    sides = {name: _smallest_side(get_protocol(name), settings) for name in settings.protocols}
    for name, side in sides.items():
        _check_protocol(name, sides, [image for image in images if min(image.compared) < side])
        for metric in map(get_metric, settings.metrics):
            _check_metric(get_protocol(name), metric, settings, images)


def _smallest_side(protocol: Protocol, settings: EvaluationSettings) -> int:
    """Shortest side of an image that a protocol can score."""
    has_psnr_alone = "ssim" not in settings.metrics and protocol.smallest_psnr is not None
    return (protocol.smallest_psnr if has_psnr_alone else None) or protocol.smallest


def _check_protocol(name: str, sides: Mapping[str, int], small: Sequence[Sized]) -> None:
    """Raise UsageError if there are images that are too small for a protocol."""
    if small:
        shortest = min(min(image.compared) for image in small)
        fitting = [other for other, side in sides.items() if side <= shortest]
        without = f', or leave the protocol out with --set "protocols={fitting}" --set "shown={fitting}"' if fitting else ""
        need = f"protocol {name} needs {sides[name]}x{sides[name]} or more"
        raise UsageError(f"{_named(small)} {_text(small[0].compared)} pixels, but {need}: {OUT}{without}")


def _check_metric(protocol: Protocol, metric: MetricEntry, settings: EvaluationSettings, images: Sequence[Sized]) -> None:
    """Raise UsageError if a metric would see too little of an image under a protocol."""
    if small := [image for image in images if min(_viewed(protocol, min(image.compared))) < metric.smallest]:
        others = [name for name in settings.metrics if name != metric.name]
        without = f', or leave the metric out with --set "metrics={others}"' if others else ""
        need = f"metric {metric.name} needs {metric.smallest}x{metric.smallest} or more under protocol {protocol.name}"
        raise UsageError(f"{_named(small)} {_text(small[0].compared)} pixels, but {need}: {OUT}{without}")


def _viewed(protocol: Protocol, side: int) -> tuple[int, ...]:
    """Sides of the part of a square image that other metrics see under a protocol, if the images are not shifted."""
    if protocol.view is None or side < protocol.smallest:
        return side, side
    blank = np.broadcast_to(np.uint8(0), (side, side, 3))
    return protocol.view(blank, blank, Score(0.0, lambda: 0.0))[0].shape[:2]


def _check_tiles(cells: Sequence[Cell]) -> None:
    """Raise UsageError if tiles are too small for the method of an evaluation whose images need tiles."""
    tiled = [
        (cell, cell.settings.tile)
        for cell in cells
        if isinstance(cell.settings, EvaluationSettings)
        and cell.settings.tile
        and not cell.settings.weights  # published weights would be fetched, and no training is lost
        and any(max(image.lr) > cell.settings.tile for image in sizes(cell.data.card, cell.settings.split))
    ]
    if not tiled:
        return
    from benchmarks.scoring.tiling import margin

    for (cell, tile), descriptor in zip(tiled, descriptors([cell for cell, _ in tiled]), strict=True):
        least = (-(-2 * margin(descriptor) // descriptor.multiple) + 1) * descriptor.multiple
        if tile < least:
            raise UsageError(f"{cell}: a tile of {tile} LR pixels is too small for {cell.label}: --set tile={least}, or more")


def _check_checkpoints(cells: Sequence[Cell]) -> None:
    """Raise UsageError if a user's checkpoint cannot be loaded, or does not suit the scale of the images or the tile."""
    for cell in cells:
        descriptor = method_class(cell.method).from_stages({}, cell.data.card.scale).descriptor
        tile = cell.settings.tile if isinstance(cell.settings, EvaluationSettings) else 0
        is_tiled = tile and any(max(image.lr) > tile for image in sizes(cell.data.card, cell.splits[0]))
        if is_tiled and not descriptor.tiles:
            raise UsageError(f"{cell}: {cell.file} is a network that whole images suit better than tiles: --set tile=0")


def _refuse_other_scale(images: Iterable[Sized], scale: int) -> None:
    for image in images:
        if image.hr and (image.lr[0] * scale, image.lr[1] * scale) != image.hr:
            both = f"{_text(image.lr)} pixels and its HR image {_text(image.hr)}"
            raise UsageError(f"{image.place} has {both}, which is no pair of scale {scale}: resize one of them, or take both out")


def _named(images: Sequence[Sized]) -> str:
    """The first of some images, and the number of the others, as the subject of a sentence."""
    more = f" and {len(images) - 1} more" if len(images) > 1 else ""
    return f"{images[0].place}{more}: {'it gives' if not more else 'the first gives'}"


def _text(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"
