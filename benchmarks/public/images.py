"""Images of data sets for a user's own code."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.core.errors import UsageError

if TYPE_CHECKING:
    from benchmarks.api.entries import ScoredSplit
    from benchmarks.api.image import Pair
    from benchmarks.data.cards import DatasetCard


def load_dataset(
    name: str | Path, *, split: ScoredSplit = "test", profile: str = "demo", changes: Sequence[str] = ()
) -> list[Pair]:
    """LR and HR images of a data set, as evaluations score them.

    Args:
        name: name of a data set (``python -m benchmarks.run --list``), or a folder of your own images (``docs/data.md``).
        split: ``test``, or ``validation`` for choices.
        profile: profile whose degradation makes LR images, for data sets without LR images of their own.
        changes: changes to the profile, as of ``--set``: ``["degradation=bicubic"]``.

    Returns:
        Pairs with the attributes ``name``, ``lr`` ``(h, w, 3)`` and ``hr`` ``(4h, 4w, 3)``, uint8 RGB, not writable.

    Raises:
        UsageError: the data set is unknown, not prepared, or lacks such images.

    Examples:
        >>> from benchmarks import load_dataset
        >>> pair = load_dataset("demo-photos")[0]
        >>> pair.lr.shape, pair.hr.shape, pair.hr.dtype
        ((48, 48, 3), (192, 192, 3), dtype('uint8'))
    """
    from benchmarks.catalog.profiles import load_profile
    from benchmarks.data.cards import load_dataset_card
    from benchmarks.data.dataset import Dataset

    dataset, folder = located(name)
    card = load_dataset_card(dataset).located_in(folder)
    checked_split(split)
    if not card.has(split):
        raise UsageError(f"data set '{dataset}' has no {split} images: name another")
    refuse_without_truth(card, dataset, split)
    degradation = load_profile(profile, [changes] if isinstance(changes, str) else changes).degradation
    return Dataset(card, degradation).images.pairs(split)


def refuse_without_truth(card: DatasetCard, dataset: str | Path, split: ScoredSplit) -> None:
    """Raise UsageError if images of a split have no ground truth. ``dataset``: name or folder, as the user gave it."""
    if not card.has_truth(split):
        elsewhere = "name another, or score SR images alone: python -m benchmarks.evaluate --sr DIR"
        mend = "add HR images" if card.location else elsewhere
        raise UsageError(f"data set '{dataset}': its {split} images have no ground truth: {mend}")


def checked_split(split: str) -> None:
    """Raise UsageError for a split that is not scored."""
    if split not in ("test", "validation"):
        raise UsageError(f"split={split!a:.40}: give 'test' or 'validation'")


def located(name: str | Path) -> tuple[str, Path | None]:
    """Name of a data set, and the folder of a user's own images; None for other data sets."""
    from benchmarks.data.cards import dataset_names

    if not isinstance(name, str | os.PathLike):
        raise UsageError(f"data set: {type(name).__name__}: give a name, or the folder of your images")
    with suppress(OSError, ValueError):  # texts that are no paths are names, which are looked up
        if not isinstance(name, str) or (name not in dataset_names() and Path(name).is_dir()):
            return "folder", Path(name)
    return str(name), None
