"""Registries: named entries, unique, looked up with a suggestion for a misspelt name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from benchmarks.core.errors import UsageError, unknown


class Named(Protocol):
    """An entry of a registry."""

    @property
    def name(self) -> str:
        """Key of the entry."""
        ...


E = TypeVar("E", bound=Named)


class Registry(Mapping[str, E], Generic[E]):
    """Entries by name, in the order in which they were declared.

    Args:
        kind: kind of the entries, for errors: ``method``, ``protocol`` …
        entries: with different names.
        more: returns further entries, given the names of the others. It is called when the registry is read first.

    Raises:
        UsageError: two entries have one name.
    """

    def __init__(
        self, kind: str, entries: Iterable[E], more: Callable[[Collection[str]], Iterable[E]] = lambda names: ()
    ) -> None:
        self.kind = kind
        self._own: dict[str, E] = {}
        self._more = more
        for entry in entries:
            if entry.name in self._own:
                raise UsageError(f"two entries of the registry of {kind}s are called '{entry.name}': rename one of them")
            self._own[entry.name] = entry

    @cached_property
    def _entries(self) -> dict[str, E]:
        return self._own | {entry.name: entry for entry in self._more(self._own)}

    def __getitem__(self, name: str) -> E:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def look_up(self, name: str) -> E:
        """Entry of a name. Raises UsageError, with the nearest name, if it is unknown."""
        if name not in self._entries:
            raise unknown(self.kind, name, self._entries)
        return self._entries[name]
