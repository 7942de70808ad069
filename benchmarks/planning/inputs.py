"""Inputs of cells from outside, images and published weights, and whether they are here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence

from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError, one_line
from benchmarks.core.offline import is_offline
from benchmarks.core.text import counted
from benchmarks.data.acquisition import store
from benchmarks.data.acquisition.weights import cached, cached_path, load_weight_card
from benchmarks.planning.cells import Cell
from benchmarks.planning.exchanged_names import lines_on_names
from benchmarks.planning.plan import make_plan
from benchmarks.planning.suitability import check_headers, check_suitability
from benchmarks.results.record import EvaluationSettings


def check_inputs(cells: Sequence[Cell], processes: Callable[[Cell], int] = lambda cell: 1) -> None:
    """Raise UsageError, before anything is computed, where images are not here, have changed, or do not suit the settings.

    Names that may be exchanged in a user's pairs are told by a line on standard error.

    Offline, published weights are looked for too, and all missing files are named at once; else weights are fetched by the
    cells that need them.

    Args:
        cells: to be computed.
        processes: number of processes that train a cell together.
    """
    if is_offline():
        _refuse_missing(cells)
    check_headers([cell for cell in cells if cell.data.card.location])
    for data, splits in {(data, splits) for cell in cells for data, splits, _ in cell.inputs}:
        data.verify(splits)
    check_suitability(cells, processes)
    for line in lines_on_names(cells):
        print(one_line(line), file=sys.stderr)


def weights_of(cells: Iterable[Cell]) -> list[str]:
    """Cards of the published weights that the cells use."""
    names = dict[str, None]()
    for cell in cells:
        names |= dict.fromkeys(() if cell.file else cell.settings.weights)
        for metric in cell.settings.metrics.values() if isinstance(cell.settings, EvaluationSettings) else ():
            names |= dict.fromkeys(metric["weights"])
    return list(names)


def names_of_profile(name: str) -> list[str]:
    """Names of the data sets and weights that ``--all`` of a profile uses."""
    profile = load_profile(name)
    return list(dict.fromkeys([*profile.datasets, profile.training_dataset, *weights_of(make_plan(profile))]))


def missing_archives(cells: Iterable[Cell]) -> dict[str, list[str]]:
    """Missing archives by data set; data sets that are complete are left out."""
    cards = [data.card for cell in cells for data, *_ in cell.inputs]
    missing = {card.name: card.missing() for card in cards}
    return {name: archives for name, archives in missing.items() if archives}


def _refuse_missing(cells: Sequence[Cell]) -> None:
    missing = {
        name: [str(store.data_root() / archive) for archive in archives] for name, archives in missing_archives(cells).items()
    }
    for name in weights_of(cells):
        files = load_weight_card(name).alternatives()
        missing[name] = [str(cached_path(files[role][-1])) for role, path in cached(load_weight_card(name)).items() if not path]
    names = [name for name, paths in missing.items() if paths]
    if names:
        paths = [path for name in names for path in missing[name]]
        raise UsageError(
            f"offline, and not here: {counted(len(paths), 'file')} ({', '.join(paths)}): "
            f"run python -m benchmarks.prepare {' '.join(names)} where there is a network"
        )
