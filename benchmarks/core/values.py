"""Settings as plain data: dicts, lists, numbers, texts."""

from __future__ import annotations

import json
import typing
from dataclasses import MISSING, Field, asdict, fields, is_dataclass
from typing import Any


def plain(settings: Any) -> Any:
    """A dataclass and its nested dataclasses as plain data, as in JSON."""
    return json.loads(json.dumps(asdict(settings)))


def set_values(settings: Any) -> dict[str, Any]:
    """The fields of a dataclass whose values differ from their defaults, as plain data; nested dataclasses likewise.

    Identities are made of these values: a new field with a default leaves older identities unchanged. In return, a default may
    never change; ``tests/planning/test_defaults.py`` records all of them.
    """
    values = {}
    for field in fields(settings):
        value, default = getattr(settings, field.name), _default(field)
        if default is MISSING or value != default:
            values[field.name] = set_values(value) if is_dataclass(value) else json.loads(json.dumps(value))
    return values


def with_defaults(cls: Any, table: Any) -> Any:
    """A table of a dataclass's fields as plain data, completed by the defaults of missing fields; nested tables likewise."""
    if not isinstance(table, dict):
        return table
    hints, filled = typing.get_type_hints(cls), dict(table)
    for field in fields(cls):
        default = _default(field)
        if field.name in table:
            nested = hints[field.name]
            filled[field.name] = with_defaults(nested, table[field.name]) if is_dataclass(nested) else table[field.name]
        elif default is not MISSING:
            filled[field.name] = plain(default) if is_dataclass(default) else json.loads(json.dumps(default))
    return filled


def _default(field: Field[Any]) -> Any:
    """The default of a field, or MISSING."""
    return field.default if field.default_factory is MISSING else field.default_factory()
