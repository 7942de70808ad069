"""X and Z of a user, LR and HR images of different scenes, looked at before the first step: exchanged, or not used."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from benchmarks.api.entries import Split
from benchmarks.core.errors import one_line
from benchmarks.data.cards import Apart, DatasetCard
from benchmarks.data.sizes import refuse_broken, sizes
from benchmarks.planning.cells import Cell


def say_unpaired(cells: Sequence[Cell], cards: Iterable[DatasetCard], apart: Apart) -> None:
    """Print a line where X is larger than Z by median number of pixels, and one for each folder that is given but not used.

    Args:
        cells: all cells of the run.
        cards: of the data sets that its methods are trained on; those of a user count.
        apart: folders of X and Z that are given apart.

    Raises:
        UsageError: a folder that is given apart lacks images, or has files that are no images.
    """
    for line in _lines(cells, cards, apart):
        print(one_line(line), file=sys.stderr)


def _lines(cells: Sequence[Cell], cards: Iterable[DatasetCard], apart: Apart) -> Iterator[str]:
    used = {split for cell in cells if cell.kind == "train" and cell.data.card.location for split in cell.splits}
    folders: dict[Split, object] = {"x": apart.x, "z": apart.z}
    for card in dict.fromkeys(card for card in cards if card.location):
        if not (any(folders.values()) or used) or not card.is_unpaired:
            continue
        for split in folders:
            refuse_broken(card, split, whole=False)
        x, z = (median(image.compared[0] * image.compared[1] for image in sizes(card, split)) for split in folders)
        if x > z:
            yield "X is larger than Z, by the median number of pixels: are --x-dir and --z-dir exchanged?"
    for split, folder in folders.items():
        if folder and split not in used:
            yield f"--{split}-dir {folder}: not used: no method of this run trains on {split.upper()}"
