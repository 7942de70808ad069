"""Additions of plug-ins to the catalog, each checked as it is loaded; ``docs/plugins.md`` is for their authors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, is_dataclass
from importlib.resources import files
from pathlib import Path

from benchmarks.api.entries import Entry, MetricEntry
from benchmarks.core.errors import UsageError
from benchmarks.core.lazy import check, load_module, resolve
from benchmarks.core.plugins import Plugin, additions
from benchmarks.core.strict import build
from benchmarks.core.values import with_defaults

PROTOCOL = ("name", "title", "version", "score", "view")
DEGRADATION = ("name", "apply", "degrade")


def added_objects(group: str, kind: str, having: Sequence[str], taken: Collection[str]) -> Iterator[Entry]:
    """Protocols or degradations of plug-ins, whose entry points name the object or class itself.

    Args:
        group: ``protocols`` or ``degradations``.
        kind: kind of the entries, for errors.
        having: attributes that an object must have.
        taken: names of the project's own entries.
    """

    def load(plugin: Plugin) -> list[Entry]:
        value = resolve(plugin.target, str(plugin), having)
        if value.name != plugin.name:
            raise UsageError(f"{plugin.target} has the name {value.name!a}: call the entry point so, or rename the {kind}")
        if kind == "degradation" and not is_dataclass(value):
            raise UsageError(f"{plugin.target} is no dataclass: write @dataclass(frozen=True) above it")
        if kind == "degradation":
            with_defaults(value, {})  # as profiles do
        return [Entry(plugin.name, plugin.target)]

    for entries in additions(group, load, lambda entry: [f"{kind} '{entry.name}'"], _called(kind, taken)).values():
        yield from entries


def added_metrics(taken: Collection[str]) -> Iterator[MetricEntry]:
    """Metrics of plug-ins, whose entry points name a MetricEntry. ``taken`` has the names of the project's own metrics."""

    def load(plugin: Plugin) -> list[MetricEntry]:
        entry = resolve(plugin.target, str(plugin))
        if not isinstance(entry, MetricEntry) or not entry.target:
            raise UsageError(f"{plugin.target} is no MetricEntry with a target: give it one, or name another object")
        if entry.name != plugin.name:
            raise UsageError(f"{plugin.target} has the name {entry.name!a}: call the entry point so, or rename the metric")
        build(MetricEntry, asdict(entry), plugin.target)
        check(entry.target, str(plugin))
        return [entry]

    for entries in additions("metrics", load, lambda entry: [f"metric '{entry.name}'"], _called("metric", taken)).values():
        yield from entries


def added_cards(kind: str, subfolder: str, taken: Collection[str], read: Callable[[str, Path], object]) -> dict[str, Path]:
    """Cards of one kind in the packages of plug-ins.

    Args:
        kind: ``data set`` or ``weights``.
        subfolder: folder of the cards below the package; empty for the package's own.
        taken: names of the project's own cards.
        read: reads and checks the card of a name and path; its errors leave the plug-in out.

    Returns:
        Paths by name.
    """

    def load(plugin: Plugin) -> list[Path]:
        folder = package_folder(plugin.target, str(plugin))
        if not any((*folder.glob("*.toml"), *folder.glob("weights/*.toml"))):
            raise UsageError(f"{folder} has no cards: add NAME.toml there, and to the distribution's package data")
        paths = sorted((folder / subfolder).glob("*.toml"))
        for path in paths:
            read(path.stem, path)
        return paths

    added = additions("datasets", load, lambda path: [f"{kind} '{path.stem}'"], _called(kind, taken))
    return {path.stem: path for paths in added.values() for path in paths}


def package_folder(package: str, entry: str) -> Path:
    """Folder of a package, which is imported. Raises UsageError as ``load_module`` does, and for modules that are no package."""
    if not hasattr(load_module(package, entry), "__path__"):
        raise UsageError(f"{entry}: {package} is a module: a package, a folder with __init__.py, is needed")
    return Path(str(files(package)))


def _called(kind: str, names: Collection[str]) -> set[str]:
    return {f"{kind} '{name}'" for name in names}
