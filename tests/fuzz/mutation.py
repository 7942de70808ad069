"""Mutations of documents: bytes decide places and new values."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 10**400, 2**63, 1e308, -1e308, 5e-324, float("nan"), float("inf")),
    *("", "x", "../../x", "/etc/passwd", "<script>alert(1)</script>", "inf", "\x1b[2J", "\ud800", "a" * 300, "=1+1", "a\nb"),
    *([], {}, [1], {"a": 1}, {"": {}}, [[[[]]]], ["x", 1]),
)
KEYS = ("x", "", "\x00", "../y", "inf", "__class__")

Place = tuple[Any, ...]


def places(document: Any, before: Place = ()) -> Iterator[Place]:
    """Place of every value in a document of dicts and lists, the document itself left out."""
    pairs = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    for key, value in pairs:
        yield (*before, key)
        yield from places(value, (*before, key))


def mutate(document: Any, data: bytes) -> Any:
    """The document with one to three changes; equal bytes give equal changes."""
    changed = copy.deepcopy(document)
    for start in range(0, min(len(data) - 3, 12), 4):
        where, what, how = int.from_bytes(data[start : start + 2], "big"), data[start + 2], data[start + 3] % 4
        all_places = list(places(changed))
        if not all_places:
            break
        near = [place for place in all_places if len(place) <= 3]
        *path, last = (near if how % 2 else all_places)[where % len(near if how % 2 else all_places)]
        section = changed
        for key in path:
            section = section[key]
        if how == 0:
            del section[last]
        elif how == 1 and isinstance(section, dict):
            section[KEYS[what % len(KEYS)]] = section.pop(last)
        else:
            section[last] = copy.deepcopy(VALUES[what % len(VALUES)])
    return changed
