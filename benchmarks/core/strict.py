"""Strict parsing of TOML and JSON, and of plain data into frozen dataclasses: unknown keys are errors with a suggestion."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec

from benchmarks.core.errors import UsageError, unknown
from benchmarks.core.mismatch import children, mismatch

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML text. Raises ValueError if it is malformed."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def parse_json(text: str) -> Any:
    """Parse JSON text.

    Raises:
        ValueError: the text is malformed, or has NaN, infinite numbers or repeated keys, which parsers treat differently.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_unique)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:40]} is out of range")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)[:40]!a} is repeated")
    return values


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file. Raises UsageError with file and line if it is unreadable or malformed."""
    try:
        return parse_toml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}): check the path and its permissions") from error
    except ValueError as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from error


def build(cls: type[T], data: Mapping[str, Any], where: str, key: str = "") -> T:
    """Build a dataclass, and the dataclasses in its fields, from plain data.

    Args:
        cls: the dataclass, or another type that msgspec converts to.
        data: plain data with the fields as keys.
        where: source of the data, for errors.
        key: of the data in their source, dotted; empty for the whole of it.

    Raises:
        UsageError: unknown key (with the nearest known key), missing key, wrong type, value out of range.
    """
    try:
        _refuse_unknown_keys(cls, data, where, key)
        if reason := mismatch(cls, data, key):
            raise UsageError(f"{where}: {reason}")
        return msgspec.convert(data, cls)
    except RecursionError as error:
        raise UsageError(f"{where}: nested too deeply") from error
    except UnicodeEncodeError as error:
        raise UsageError(f"{where}: a text is no valid UTF-8") from error


def _refuse_unknown_keys(annotation: Any, data: Any, where: str, key: str) -> None:
    if dataclasses.is_dataclass(annotation) and isinstance(data, Mapping):
        names = [field.name for field in dataclasses.fields(annotation)]
        for name in data:
            if name not in names:
                raise UsageError(f"{where}: {f'{key}: ' if key else ''}{unknown('key', str(name), names)}")
    for part, value, place in children(annotation, data, key):
        _refuse_unknown_keys(part, value, where, place)
