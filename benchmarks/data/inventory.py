"""Items to prepare, by names of data sets and of published weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from benchmarks.core.errors import UsageError, unknown
from benchmarks.core.files import cache_root
from benchmarks.data.acquisition.items import ArchiveItem, Item, WeightItem
from benchmarks.data.acquisition.weights import load_weight_card, weight_names
from benchmarks.data.cards import dataset_names, load_dataset_card


def items(names: Sequence[str] | None) -> list[Item]:
    """Items of data sets and weights, without repetition.

    Args:
        names: of data sets and weights; all cards if None.

    Raises:
        UsageError: a name is unknown, or has no items.
    """
    card_names = [*dataset_names(), *weight_names()]
    items_by_name: dict[str, Item] = {}
    for name in card_names if names is None else names:
        if name not in card_names:
            raise unknown("data set or weights", name, card_names)
        for item in _weight_items(name) if name in weight_names() else _dataset_items(name, named=names is not None):
            other = items_by_name.get(item.name)
            items_by_name[item.name] = _merged(other, item) if other else item
    return list(items_by_name.values())


def _merged(first: Item, second: Item) -> Item:
    """Item of an archive that two data sets share, with the files and checks of both."""
    titles = {**first.titles, **second.titles}
    if isinstance(first, ArchiveItem) and isinstance(second, ArchiveItem):
        files, checks = tuple(dict.fromkeys([*first.files, *second.files])), (*first.checks, *second.checks)
        return replace(first, titles=titles, files=files, checks=checks)
    return replace(first, titles=titles)


def _dataset_items(name: str, *, named: bool) -> list[Item]:
    items = list(load_dataset_card(name).items())
    if named and not items:
        raise UsageError(f"data set '{name}' is your own: there is nothing to prepare, give --data-dir DIR to benchmarks.run")
    return items


def _weight_items(name: str) -> Iterable[Item]:
    card, folder = load_weight_card(name), cache_root() / "weights"
    titles = {name: card.title}
    for role, files in card.alternatives().items():
        preferred = files[0]
        yield WeightItem(f"{name}/{role}", titles, card.licence, preferred.bytes, preferred.origin, folder, card, tuple(files))
