"""Photographs that scored images show: crops of one photograph are not independent."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from benchmarks.core.errors import UsageError
from benchmarks.core.text import counted, plain_text
from benchmarks.data.cards import DatasetCard, load_dataset_card
from benchmarks.results.record import EvaluationResult


def photographs_of(result: EvaluationResult) -> dict[str, str]:
    """The photograph of each scored image.

    Older results do not say: the card of their data set does. Images that neither names are photographs of their own; nothing is
    concluded from names.
    """
    card = _card(result.cell.dataset)
    return {image: result.groups.get(image) or (card.photograph(image) if card else image) for image in result.images}


@cache
def _card(dataset: str) -> DatasetCard | None:
    """The card of a data set; None if there is none here."""
    try:
        return load_dataset_card(dataset)
    except UsageError:
        return None


def read_photographs(path: Path, images: Sequence[str]) -> dict[str, str]:
    """The photograph of each image out of a CSV file with the columns image and photograph.

    Images that the file does not name are photographs of their own. The first line may be the heading ``image,photograph``, and
    names may be written as in the CSV files of ``benchmarks.evaluate``.

    Raises:
        UsageError: the file cannot be read, a line has not two fields, or names an image that is not there or was named before.
    """
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))  # spreadsheets write a byte-order mark
    except (OSError, ValueError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path}: cannot be read ({reason}): give a CSV file with a line 'image,photograph' an image") from error
    named: dict[str, str] = {}
    for place, line in enumerate(lines, start=1):
        if not line or (place == 1 and _is_heading(line) and line[0] not in images):
            continue
        if len(line) != 2 or not all(line):
            found = counted(len(line), "field") if len(line) != 2 else "an empty field"
            raise UsageError(f"{path}, line {place}: {found}: write 'image,photograph'")
        image = line[0] if line[0] in images else plain_text(line[0])
        if image not in images or image in named:
            problem = "is named twice" if image in named else "is no image here"
            raise UsageError(f"{path}, line {place}: {line[0]} {problem}: give names of files without ending and suffix")
        named[image] = line[1]
    return {image: named.get(image, image) for image in images}


def _is_heading(line: Sequence[str]) -> bool:
    return [text.strip().lower() for text in line] == ["image", "photograph"]
