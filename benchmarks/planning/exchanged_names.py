"""LR and HR images of a user's pairs compared as thumbnails before the first step: names may be exchanged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from benchmarks.api.entries import Split
from benchmarks.data.cards import DatasetCard
from benchmarks.data.matching import some
from benchmarks.data.pixels.decode import decode
from benchmarks.data.resemblance import Thumbnail, exchanged, in_words, thumbnail, unlike
from benchmarks.data.sources import ImageFile
from benchmarks.planning.cells import Cell

MOST = 40  # pairs of a split that are compared, its first: photographs of 2K take about a tenth of a second each
THREADS = 4
PAIRED: tuple[Split, ...] = ("pairs", "validation", "test")


def lines_on_names(cells: Iterable[Cell]) -> Iterator[str]:
    """A line for each split with pairs of a user's folder in which LR images are no more like their HR images than others are.

    Args:
        cells: to be computed; data sets that are not a user's are left out, for their files are verified by hashes.

    Yields:
        Number of such LR images of the number that was compared, and the first of their names.
    """
    cards = {(cell.data.card, split) for cell in cells for split in cell.splits if cell.data.card.location and split in PAIRED}
    for card, split in sorted(cards, key=lambda chosen: (sorted(chosen[0].location.items()), chosen[1])):
        yield from _lines(card, split)


def _lines(card: DatasetCard, split: Split) -> Iterator[str]:
    sources = card.sources(split)
    if not sources.hr.images or sources.lr is None:
        return
    names = sources.hr.names[:MOST]
    with ThreadPoolExecutor(THREADS) as pool:
        truths, images = (
            dict(zip(names, pool.map(_thumbnail, [image.file for image in part.images[:MOST]]), strict=True))
            for part in (sources.hr, sources.lr)
        )
    others = exchanged(images, truths)
    unrelated = [name for name in unlike(images, truths) if name not in others]
    place = f"{'training' if split == 'pairs' else split}: "
    if others:
        what = "resemble another HR image than their own, at 16x16 pixels: names may be exchanged"
        yield f"{place}{len(others)} of {len(names)} LR images {what} ({some(in_words(others))})"
    if unrelated:
        what = "are no more like their HR images than a plain colour is, at 16x16 pixels: other pictures?"
        yield f"{place}{len(unrelated)} of {len(names)} LR images {what} ({some(unrelated)})"


@lru_cache(maxsize=4 * MOST)
def _thumbnail(file: ImageFile) -> Thumbnail:
    return thumbnail(decode(file.path, file.title, file.mend))
