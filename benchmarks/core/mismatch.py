"""Mismatches between plain data and a type, in words: which value, by its key, is what, and what is needed there."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import inspect

from benchmarks.core.errors import nearest
from benchmarks.core.text import counted

LONGEST = 60  # characters of a value
KINDS: dict[type[inspect.Type], str] = {
    inspect.BoolType: "true or false",
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.StrType: "a text",
    inspect.ListType: "a list",
    inspect.TupleType: "a list",
    inspect.VarTupleType: "a list",
    inspect.DictType: "a table",
    inspect.DataclassType: "a table",
    inspect.NoneType: "null",
}

Child = tuple[Any, Any, str]  # type, value and key of a part of the data


def mismatch(annotation: Any, data: Any, key: str = "") -> str:
    """Error text on the first value that does not convert to its type, with its key; empty if all data convert.

    Args:
        annotation: a type that msgspec converts to, such as a dataclass.
        data: plain data, as TOML and JSON have it.
        key: of the data in its file, dotted; empty for the whole file.

    >>> mismatch(dict[str, int], {"steps": "many"}, "training")
    "training.steps is a text ('many'): a whole number is needed"
    """
    try:
        msgspec.convert(data, annotation)
    except msgspec.ValidationError as error:
        texts = (mismatch(*child) for child in children(annotation, data, key))
        return next(filter(None, texts), None) or _describe(inspect.type_info(annotation), data, key, error)
    return ""


def children(annotation: Any, data: Any, key: str) -> Iterator[Child]:
    """Types, values and keys of the parts of a table or list; of a key of a table that is no dataclass as well."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        yield from children(arguments[0], data, key)
    elif origin in (typing.Union, types.UnionType):
        for argument in arguments:
            yield from children(argument, data, key)
    elif dataclasses.is_dataclass(annotation) and isinstance(annotation, type) and isinstance(data, Mapping):
        hints = typing.get_type_hints(annotation, include_extras=True)
        names = [field.name for field in dataclasses.fields(annotation) if field.name in data]
        yield from ((hints[name], data[name], below(key, name)) for name in names)
    elif origin is dict and isinstance(data, Mapping):
        yield from ((arguments[0], name, f"a key of {key}" if key else "a key") for name in data)
        yield from ((arguments[1], value, below(key, str(name))) for name, value in data.items())
    elif origin in (tuple, list) and isinstance(data, list | tuple):
        several = arguments[:1] * len(data) if origin is list or arguments[1:] == (...,) else arguments
        yield from ((part, value, f"{key}[{index}]") for index, (part, value) in enumerate(zip(several, data, strict=False)))


def below(key: str, name: str) -> str:
    """Key of a value in a table that has a key itself."""
    return f"{key}.{name}" if key else name


def _describe(kind: inspect.Type, data: Any, key: str, error: msgspec.ValidationError) -> str:
    """The mismatch of a value whose parts convert, or that has none."""
    if isinstance(kind, inspect.DataclassType) and isinstance(data, Mapping):
        missing = [below(key, field.encode_name) for field in kind.fields if field.required and field.encode_name not in data]
        if missing:
            names = ", ".join(f"'{name}'" for name in missing)
            return f"the key {names} is missing: add it" if len(missing) == 1 else f"the keys {names} are missing: add them"
        reason = re.sub(r" - at `[^`]*`$", "", str(error))  # of the dataclass's own check
        return f"{key}: {reason}" if key else reason
    members = [member for member in _members(kind) if not isinstance(member, inspect.NoneType)] or [kind]
    near = [member for member in members if _has_kind(data, member)]
    needed = " or ".join(dict.fromkeys(_needed(member) if near else _kind(member) for member in near or members))
    return f"{key or 'the whole'} is {_shown(data, plain=bool(near))}: {_suggestion(members, data)}{needed} is needed"


def _members(kind: inspect.Type) -> Sequence[inspect.Type]:
    return kind.types if isinstance(kind, inspect.UnionType) else (kind,)


def _has_kind(data: Any, kind: inspect.Type) -> bool:
    """True if the value has the kind, whatever its size."""
    if isinstance(kind, inspect.LiteralType):
        return isinstance(data, tuple({type(value) for value in kind.values}))
    is_number = isinstance(data, int | float) and not isinstance(data, bool)
    return _kind(kind) == _kind_of(data) or (isinstance(kind, inspect.FloatType) and is_number)


def _kind(kind: inspect.Type) -> str:
    """Name of a type; of a choice, the values."""
    if isinstance(kind, inspect.LiteralType):
        values = [ascii(value) for value in kind.values]
        return " or ".join(filter(None, (", ".join(values[:-1]), values[-1])))
    return KINDS.get(type(kind), "another value")


def _kind_of(data: Any) -> str:
    """Name of a value's type."""
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "true or false"),
        (int, "a whole number"),
        (float, "a number"),
        (str, "a text"),
        ((list, tuple), "a list"),
        (Mapping, "a table"),
        (type(None), "null"),
    )
    return next((name for types_, name in names if isinstance(data, types_)), "a date or time")


def _shown(data: Any, *, plain: bool) -> str:
    """A value for people, with its kind unless ``plain``."""
    if isinstance(data, bool) or data is None:
        return {True: "true", False: "false", None: "null"}[data]
    if isinstance(data, list | tuple):
        return f"a list of {counted(len(data), 'value')}"
    if isinstance(data, Mapping):
        return "a table"
    text = ascii(data) if isinstance(data, str | int | float) else str(data)
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return text if plain else f"{_kind_of(data)} ({text})"


def _suggestion(members: Sequence[inspect.Type], data: Any) -> str:
    values = [value for member in members if isinstance(member, inspect.LiteralType) for value in member.values]
    return nearest(data, [value for value in values if isinstance(value, str)]) if isinstance(data, str) else ""


def _needed(kind: inspect.Type) -> str:
    """A type with the bounds of its values."""
    bounds: list[str] = []
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        bounds = _range(kind)
    elif isinstance(kind, inspect.StrType):
        bounds = [*_lengths(kind, "character"), *([f"that matches {kind.pattern}"] if kind.pattern else [])]
    elif isinstance(kind, inspect.ListType | inspect.VarTupleType | inspect.DictType):
        bounds = _lengths(kind, "key" if isinstance(kind, inspect.DictType) else "value")
    elif isinstance(kind, inspect.TupleType):
        bounds = [f"of {counted(len(kind.item_types), 'value')}"]
    return " ".join(filter(None, (_kind(kind), " and ".join(bounds))))


def _range(kind: inspect.IntType | inspect.FloatType) -> list[str]:
    """Bounds of a number."""
    words: tuple[tuple[str, float | None], ...] = (
        ("of at least", kind.ge),
        ("above", kind.gt),
        ("at most", kind.le),
        ("below", kind.lt),
        ("divisible by", kind.multiple_of),
    )
    bounds = {word: f"{bound:,}" if isinstance(bound, int) else f"{bound:g}" for word, bound in words if bound is not None}
    if "of at least" in bounds and "at most" in bounds:
        return [f"from {bounds.pop('of at least')} to {bounds.pop('at most')}", *map(" ".join, bounds.items())]
    return [*map(" ".join, bounds.items())]


def _lengths(kind: Any, unit: str) -> list[str]:
    lengths: tuple[tuple[str, int | None], ...] = (("of at least", kind.min_length), ("of at most", kind.max_length))
    return [f"{word} {counted(length, unit)}" for word, length in lengths if length is not None]
