"""Result files: one ``result.json`` per cell. They are the truth; everything else is made from them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from benchmarks.errors import UsageError
from benchmarks.files import write_text

SCHEMA = 1
REQUIRED = ("schema", "cell", "settings", "data", "seconds", "finished_at", "environment", "git")

Result = dict[str, Any]


def write_result(path: Path, result: Result) -> None:
    """Write a result atomically."""
    write_text(path, to_json(result) + "\n")


def read_result(path: Path) -> Result:
    """Read one ``result.json``. Raises UsageError where it is corrupt or of a schema that this version does not know."""
    mend = "move it away, or recompute the cell with --force"
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise UsageError(f"{path}: corrupt result file ({error}): {mend}") from error
    missing = [key for key in REQUIRED if not isinstance(result, dict) or key not in result]
    if missing or not isinstance(result["cell"], dict):
        raise UsageError(f"{path}: corrupt result file (no {', '.join(missing) or 'cell'}): {mend}")
    if result["schema"] != SCHEMA:
        raise UsageError(f"{path}: schema {result['schema']}, this version reads {SCHEMA}: use the version that wrote it")
    return _with_infinity(result)  # type: ignore[no-any-return]


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
