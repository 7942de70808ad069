"""The inventory: items behind the names of data sets and of published weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from benchmarks.core.errors import UsageError, unknown
from benchmarks.core.files import cache_root
from benchmarks.data.acquisition.items import ArchiveItem, Item, WeightItem
from benchmarks.data.acquisition.weights import load_weight_card, weight_names
from benchmarks.data.cards import dataset_names, load_dataset_card


def items(names: Sequence[str] | None) -> list[Item]:
    """The items behind names of data sets and weights, each once; of all cards where None.

    Raises:
        UsageError: an unknown name, or one that has nothing to prepare.
    """
    every = [*dataset_names(), *weight_names()]
    found: dict[str, Item] = {}
    for name in every if names is None else names:
        if name not in every:
            raise unknown("data set or weights", name, every)
        for item in _weight_items(name) if name in weight_names() else _dataset_items(name, named=names is not None):
            first = found.get(item.name)
            found[item.name] = _together(first, item) if first else item
    return list(found.values())


def _together(first: Item, second: Item) -> Item:
    """An archive that two data sets share, with the files that either uses."""
    titles = {**first.titles, **second.titles}
    if isinstance(first, ArchiveItem) and isinstance(second, ArchiveItem):
        return replace(first, titles=titles, files=tuple(sorted({*first.files, *second.files})))
    return replace(first, titles=titles)


def _dataset_items(name: str, *, named: bool) -> list[Item]:
    items = list(load_dataset_card(name).items())
    if named and not items:
        raise UsageError(f"data set '{name}' is your own: there is nothing to prepare, give --data-dir DIR to benchmarks.run")
    return items


def _weight_items(name: str) -> Iterable[Item]:
    card = load_weight_card(name)
    for role, files in card.alternatives().items():
        first = files[0]
        folder = cache_root() / "weights"
        yield WeightItem(
            f"{name}/{role}", {name: card.title}, card.licence, first.bytes, first.origin, folder, card, tuple(files)
        )
