"""Plug-ins: entry points by which other installed distributions add to the catalog.

A distribution declares them in its ``pyproject.toml``, in the tables ``[project.entry-points."cincgan_benchmark.<group>"]``. A
plug-in that is broken, or whose names are taken, is left out and told in one line; it stops nothing else.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from benchmarks.core.errors import PROJECT, BenchmarkError, UsageError, missing_prerequisite, one_line

if TYPE_CHECKING:
    from importlib.metadata import Distribution

GROUPS = ("methods", "metrics", "degradations", "datasets", "protocols")
PREFIX = "cincgan_benchmark."  # of the groups of entry points
METADATA = (".dist-info", ".egg-info")  # ends of the names of folders with a distribution's metadata
TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*(:[^\W\d]\w*)?")  # package.module, or package.module:Name
CALLED = re.compile(r"[a-z ]+ '[A-Za-z0-9][\w.+-]*'", re.ASCII)  # kind and name of an entry

E = TypeVar("E")


@dataclass(frozen=True)
class Plugin:
    """An entry point of an installed distribution.

    Attributes:
        group: one of ``GROUPS``.
        name: name of the entry point.
        target: ``package.module`` or ``package.module:Name``.
        distribution: name of the distribution.
        version: of the distribution.
    """

    group: str
    name: str
    target: str
    distribution: str
    version: str

    @property
    def package(self) -> str:
        """Top-level package or module of the target."""
        return self.target.partition(":")[0].partition(".")[0]

    def __str__(self) -> str:
        return f"plug-in {self.distribution} ({self.group}: {self.name})"


@cache
def all_plugins() -> tuple[Plugin, ...]:
    """All plug-ins, by distribution, group and name. Entry points that name no module are told in a line and left out."""
    if not any(map(_may_have_plugins, sys.path)):  # importing importlib.metadata takes as long as the rest of --help
        return ()
    from importlib.metadata import distributions

    by_name: dict[str, tuple[Plugin, ...]] = {}  # the first distribution of a name on the path is the one that is imported
    for distribution in distributions():
        if _names_plugins(distribution):
            found = tuple(_of_distribution(distribution))
            by_name.setdefault(str(distribution.metadata["Name"]), found)
    return tuple(plugin for name in sorted(by_name) for plugin in by_name[name])


def plugins(group: str) -> list[Plugin]:
    """Plug-ins of a group, by distribution and name."""
    return [plugin for plugin in all_plugins() if plugin.group == group]


def additions(
    group: str, load: Callable[[Plugin], Sequence[E]], names: Callable[[E], Iterable[str]], taken: Collection[str]
) -> dict[Plugin, Sequence[E]]:
    """Entries that plug-ins add to a part of the catalog.

    Args:
        group: one of ``GROUPS``.
        load: returns a plug-in's entries, checked; its errors leave the plug-in out.
        names: what an entry is called, for instance ``method 'edsr'``. Names are unique.
        taken: names of the project's own entries.

    Returns:
        Entries by plug-in. Plug-ins that cannot be loaded, or have a name that is taken or that another brings too, are told in
        a line and left out.
    """
    loaded: dict[Plugin, Sequence[E]] = {}
    for plugin in plugins(group):
        try:
            loaded[plugin] = load(plugin)
        except Exception as error:  # of code that others wrote
            leave_out(plugin, reason(error))
    called = {plugin: [name for entry in entries for name in names(entry)] for plugin, entries in loaded.items()}
    count = Counter(name for names_ in called.values() for name in names_)
    for plugin, own in called.items():
        if wrong := next((name for name in own if not CALLED.fullmatch(name)), None):
            leave_out(plugin, f"{wrong}: names are of letters, digits and . _ + -: rename it")
        elif clash := next((name for name in own if name in taken), None):
            leave_out(plugin, f"the project has a {clash}: rename the plug-in's")
        elif clash := next((name for name in own if count[name] > 1), None):
            others = sorted({other.distribution for other, theirs in called.items() if clash in theirs})
            leave_out(plugin, f"{clash} is added more than once, by {' and '.join(others)}: rename or uninstall one")
        else:
            continue
        del loaded[plugin]
    return loaded


@cache
def leave_out(plugin: Plugin, reason: str) -> None:
    """Say on standard error, once, that a plug-in is left out, or a part of it."""
    print(one_line(f"{plugin} is left out: {reason.removeprefix(f'{plugin}: ')}"), file=sys.stderr)


def reason(error: Exception) -> str:
    """Text of an error of a plug-in, in one line with ``leave_out``."""
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.partition(".")[0] not in PROJECT:
        return f"the Python package '{error.name.partition('.')[0]}', which it needs, is not installed"
    ours = error if isinstance(error, BenchmarkError) else missing_prerequisite(error)
    return str(ours) if ours else f"{type(error).__name__}: {error}"


@cache
def folders(package: str) -> tuple[Path, ...]:
    """Folders that hold a top-level package or module; none if no plug-in names it. Nothing is imported."""
    if not any(plugin.package == package for plugin in all_plugins()):
        return ()
    from importlib.util import find_spec

    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return ()
    if spec is None:
        return ()
    places = spec.submodule_search_locations or [spec.origin or ""]
    return tuple(Path(place).parent for place in places if place)


def versions(packages: Iterable[str]) -> list[str]:
    """Names and versions, ``name==version``, of the distributions whose plug-ins have code in the top-level packages."""
    wanted = set(packages)
    return sorted({f"{plugin.distribution}=={plugin.version}" for plugin in all_plugins() if plugin.package in wanted})


def _may_have_plugins(folder: str) -> bool:
    """True if a folder of Python's path has metadata with entry points of this project."""
    try:
        places = [path / "entry_points.txt" for path in Path(folder).iterdir() if path.name.endswith(METADATA)]
    except OSError:
        return False
    return any(PREFIX.encode() in _content(place) for place in places)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _names_plugins(distribution: Distribution) -> bool:
    try:
        return PREFIX in (distribution.read_text("entry_points.txt") or "")
    except (OSError, ValueError):  # damaged metadata
        return False


def _of_distribution(distribution: Distribution) -> Iterator[Plugin]:
    name, version = str(distribution.metadata["Name"]), str(distribution.version)
    try:
        distribution.entry_points  # noqa: B018 - parsed on access
    except (ValueError, TypeError) as error:
        broken = f"entry_points.txt cannot be parsed ({error}): install it again"
        leave_out(Plugin("entry points", "all", "", name, version), broken)
        return
    points = ((point.group.removeprefix(PREFIX), point) for point in distribution.entry_points if point.group.startswith(PREFIX))
    for group, point in sorted(points, key=lambda pair: (pair[0], pair[1].name)):
        plugin = Plugin(group, point.name, point.value.strip(), name, version)
        try:
            _check(plugin)
        except UsageError as error:
            leave_out(plugin, str(error))
        else:
            yield plugin


def _check(plugin: Plugin) -> None:
    """Raise UsageError for an unknown group, and for targets that are no module, or one of the project or of Python."""
    if plugin.group not in GROUPS:
        raise UsageError(f"there is no group {PREFIX}{plugin.group}: the groups are {', '.join(GROUPS)}")
    if not TARGET.fullmatch(plugin.target):
        raise UsageError(f"{plugin.target!a:.80} is no 'package.module' or 'package.module:Name': mend the entry point")
    if plugin.package in (*PROJECT, *sys.stdlib_module_names):
        raise UsageError(f"{plugin.target} is no code of its own: name a module of the distribution")
