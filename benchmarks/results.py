"""Result files: one ``result.json`` per cell. They are the truth; everything else is made from them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from benchmarks.errors import UsageError
from benchmarks.files import write_text
from benchmarks.result_shape import check_shape
from benchmarks.strict import parse_json

SCHEMA = 2
LARGEST = 1 << 26  # bytes of a file; the paper profile's have less than one million
REQUIRED = ("schema", "status", "cell", "settings", "data", "seconds", "finished_at", "environment", "git")
NUMBERS = ("scores", "summary", "history")  # where infinite ones can be
COMPLETE, DIVERGED = "complete", "diverged"  # what a cell's status can be

Result = dict[str, Any]


def _from_1(result: Result) -> Result:
    """Before schema 2 only what was complete had a file."""
    return {**result, "schema": 2, "status": COMPLETE}


UPGRADES = {1: _from_1}


def write_result(path: Path, result: Result) -> None:
    """Write a result atomically."""
    write_text(path, to_json(result) + "\n")


def read_result(path: Path) -> Result:
    """Read one ``result.json``; one of an older schema is upgraded, the file itself left as it is.

    Raises:
        UsageError: it is corrupt, as ``check_shape`` finds too, or of a schema that this version does not know.
    """
    mend = "move it away, or recompute the cell with --force"
    try:
        result = _upgraded(_parse(path), path)
        missing = [key for key in REQUIRED if not isinstance(result, dict) or key not in result]
        if missing:
            raise ValueError(f"no {', '.join(missing)}")
        check_shape(result)
        return {key: _with_infinity(value) if key in NUMBERS else value for key, value in result.items()}
    except (ValueError, OSError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path}: corrupt result file ({reason}): {mend}") from error


def _parse(path: Path) -> Any:
    if path.exists() and not path.is_file():
        raise ValueError("no regular file")
    if path.stat().st_size > LARGEST:
        raise ValueError(f"larger than {LARGEST:,} bytes")
    return parse_json(path.read_text(encoding="utf-8"))


def _upgraded(result: Any, path: Path) -> Any:
    """The result as this version writes it; what has no schema is left for its reader to refuse."""
    schema = result.get("schema") if isinstance(result, dict) else None
    while type(schema) is int and schema in UPGRADES:
        result = UPGRADES[schema](result)
        schema = result["schema"]
    if schema is not None and schema != SCHEMA:
        raise UsageError(f"{path}: schema {schema!a:.40}, this version reads 1 to {SCHEMA}: use the version that wrote it")
    return result


def to_json(value: Any) -> str:
    """JSON text; infinite numbers, which it has not, as the strings ``inf`` and ``-inf``. Raises ValueError for NaN."""
    return json.dumps(_without_infinity(value), indent=1, allow_nan=False)


def _without_infinity(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_infinity(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_infinity(item) for item in value]
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _with_infinity(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_infinity(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_infinity(item) for item in value]
    return float(value) if value in ("inf", "-inf") else value
