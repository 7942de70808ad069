"""Data sets of image files: which files are in which split.

The files of an ``ImageFolders`` card lie where ``benchmarks.data.store`` has put them, those of a ``UserFolder`` where
``benchmarks.data.user_folder`` finds them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from benchmarks.data import store
from benchmarks.data.cards import FileSet, ImageFolders, UserFolder
from benchmarks.data.image_files import NONE, ImageFile, ImageSet, SplitFiles
from benchmarks.data.user_folder import user_split
from benchmarks.errors import UsageError

Files = ImageFolders | UserFolder
Split = Literal["x", "z", "pairs", "test"]


def split_files(card: Files, split: Split) -> SplitFiles:
    """Find a split's files.

    Raises:
        UsageError: the data set is not prepared, or as ``user_split`` says.
    """
    return _of_card(card, split) if isinstance(card, ImageFolders) else user_split(card, split)


def identity(card: Files, splits: Iterable[Split]) -> dict[str, object]:
    """What decides the pixels of the splits: every file, or of a data set that is not prepared, what its card says."""
    if isinstance(card, ImageFolders) and missing(card):
        return {"not prepared": [archive.sha256 or archive.name for archive in card.archives], "splits": list(splits)}
    return {split: split_files(card, split).identity for split in splits}


def missing(card: ImageFolders) -> list[str]:
    """The archives that are not there whole."""
    return [archive.name for archive in card.archives if store.missing(archive, card.files_of(archive.name))]


def verify(card: Files, splits: Iterable[Split]) -> None:
    """Raise UsageError where files of the splits are missing, or not of the size that they had."""
    if isinstance(card, ImageFolders) and (lacking := missing(card)):
        raise UsageError(
            f"data set '{card.name}' is not prepared ({', '.join(lacking)} not in {store.data_root()}): "
            f"run python -m benchmarks.prepare {card.name}"
        )
    for split in splits:
        split_files(card, split)


def _of_card(card: ImageFolders, split: Split) -> SplitFiles:
    hr, lr = {
        "x": (None, card.x),
        "z": (card.z, None),
        "pairs": (card.pairs_hr, card.pairs_lr),
        "test": (card.test_hr, card.test_lr),
    }[split]
    if hr is None and lr is None:
        raise UsageError(f"data set '{card.name}' has no training images: name another with --train-on")
    return SplitFiles(_stored(card, hr) if hr else NONE, _stored(card, lr) if lr else None)


def _stored(card: ImageFolders, file_set: FileSet) -> ImageSet:
    archive = next(archive for archive in card.archives if archive.name == file_set.archive)
    manifest, together = store.read_manifest(archive), card.files_of(archive.name)
    if manifest is None or not manifest.files.keys() >= set(together):
        raise UsageError(f"data set '{card.name}': {archive.name} is not prepared: run python -m benchmarks.prepare {card.name}")
    where = store.folder(archive)
    files = {name: ImageFile(_stem(name), where / name, manifest.files[name].sha256) for name in together}
    mend = f"remove the file and run python -m benchmarks.prepare {card.name}"
    return ImageSet(tuple(files[name] for name in file_set.names), tuple(files.values()), mend)


def _stem(name: str) -> str:
    """What a file is called in results. In one set either all names end in ``_HR`` or none: they follow one pattern."""
    return name.rpartition(".")[0].removesuffix("_HR")
