"""What cells need from outside: images and published weights, and whether they are here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.data import store
from benchmarks.data.cards import ImageFolders
from benchmarks.data.folders import missing
from benchmarks.data.weights import cached, cached_path, load_weight_card
from benchmarks.errors import UsageError
from benchmarks.offline import is_offline
from benchmarks.plan import Cell


def check_inputs(cells: Sequence[Cell]) -> None:
    """Raise UsageError, before anything is computed, where the cells' images are not here or have changed.

    Offline their weights are looked for too, and everything that is missing is named at once; else weights are fetched by the
    cell that needs them.
    """
    if is_offline():
        _refuse_missing(cells)
    for data, splits in {(cell.data, cell.splits) for cell in cells}:
        data.verify(splits)


def weights_of(cells: Iterable[Cell]) -> list[str]:
    """Cards of the published weights that the cells use."""
    found = dict[str, None]()
    for cell in cells:
        found |= dict.fromkeys(cell.settings.get("weights", {}))
        for metric in cell.settings.get("metrics", {}).values():
            found |= dict.fromkeys(metric.get("weights", {}))
    return list(found)


def missing_archives(cells: Iterable[Cell]) -> dict[str, list[str]]:
    """By data set that the cells use, the archives that are not here; where all are, it is left out."""
    cards = {cell.data.card.name: cell.data.card for cell in cells}
    lacking = {name: missing(card) for name, card in cards.items() if isinstance(card, ImageFolders)}
    return {name: archives for name, archives in lacking.items() if archives}


def _refuse_missing(cells: Sequence[Cell]) -> None:
    archives = missing_archives(cells)
    lacking = {name: [str(store.data_root() / archive) for archive in names] for name, names in archives.items()}
    for name in weights_of(cells):
        files = load_weight_card(name).alternatives()
        lacking[name] = [str(cached_path(files[role][-1])) for role, path in cached(load_weight_card(name)).items() if not path]
    names = [name for name, paths in lacking.items() if paths]
    if names:
        paths = [path for name in names for path in lacking[name]]
        raise UsageError(
            f"offline, and {len(paths)} files are missing ({', '.join(paths)}): "
            f"run python -m benchmarks.prepare {' '.join(names)} where there is a network"
        )
