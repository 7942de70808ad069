"""Reading and writing of result files. They are the truth: tables, reports and the MLflow mirror are made from them."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.core.errors import UsageError
from benchmarks.core.files import write_text
from benchmarks.core.mismatch import mismatch
from benchmarks.core.strict import parse_json
from benchmarks.results.contradictions import refuse_contradictions
from benchmarks.results.record import COMPLETE, EvaluationResult, Result, TrainingResult

SCHEMA = 4
LARGEST = 1 << 26  # bytes of a file; with the paper profile files have less than one million
KINDS: dict[str, type[TrainingResult] | type[EvaluationResult]] = {"train": TrainingResult, "evaluate": EvaluationResult}
UNFROZEN = "of a version without frozen profiles"
INFINITE = ("inf", "-inf")  # texts for numbers that JSON lacks
NUMBERS = frozenset(("scores", "summary", "history"))  # fields that can hold infinite numbers
DIGEST = "content_digest"  # field with the digest of the other fields
PRIVATE = {"environment": ("host",), "data": ("directory", "x_dir", "z_dir")}  # may be emptied before a file is published
REQUIRED = ("schema", "status", "cell", "settings", "data", "seconds", "finished_at", "environment", "git")

CELL_ID = re.compile(r"-([0-9a-f]{16})$")  # at the end of the name of a cell's folder
MEND = "move it away, or recompute the cell with --force"


def write_result(path: Path, result: Result) -> None:
    """Write a result atomically, with the digest of its content."""
    write_text(path, to_json(with_digest(_without_infinity(asdict(result)))) + "\n")


def with_digest(content: Mapping[str, Any]) -> dict[str, Any]:
    """Content of a result file with the SHA-256 of its other fields, but for names of machine and folders.

    The digest is of names and values, whatever their order and the white space between them. It shows that a file was changed
    after it was written. It is no signature: whoever changes a file can write a new digest, or none.

    Args:
        content: plain data as JSON has them; a digest among them is replaced.
    """
    fields = {key: value for key, value in content.items() if key != DIGEST}
    public = {key: _without(value, PRIVATE.get(key, ())) for key, value in fields.items()}
    text = json.dumps(public, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return {**fields, DIGEST: hashlib.sha256(text.encode()).hexdigest()}


def _without(value: Any, keys: Collection[str]) -> Any:
    return {key: item for key, item in value.items() if key not in keys} if keys and isinstance(value, Mapping) else value


def read_result(path: Path) -> TrainingResult | EvaluationResult:
    """Read a ``result.json``. The content of a file with an older schema is upgraded in memory; the file stays as it is.

    Raises:
        UsageError: the file is corrupt, was changed after it was written, contradicts itself, or has an unknown schema.
    """
    try:
        return to_result(_upgraded(_parse(path), path))
    except (ValueError, OSError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        cell = CELL_ID.search(path.parent.name)
        mend = f"{MEND}: the run's command with --cell {cell[1]} --force does; a submission: submit again" if cell else MEND
        raise UsageError(f"{path}: corrupt result file ({reason}): {mend}") from error


def read_results(
    paths: Iterable[Path], leave_out: Callable[[str], None] | None = None
) -> list[tuple[Path, TrainingResult | EvaluationResult]]:
    """Read several ``result.json``, each with its path.

    Args:
        paths: of the files.
        leave_out: called with a line for each file that cannot be read; the others are returned. None: such a file is an error.

    Raises:
        UsageError: a file cannot be read and ``leave_out`` is None, or no file at all can be read.
    """
    results, errors = list[tuple[Path, TrainingResult | EvaluationResult]](), list[UsageError]()
    for path in paths:
        try:
            results.append((path, read_result(path)))
        except UsageError as error:
            if leave_out is None:
                raise
            errors.append(error)
    if errors and not results:
        raise errors[0]
    for left_out in errors:
        if leave_out is not None:
            leave_out(f"{left_out}: left out until then")
    return results


def to_result(data: Any) -> TrainingResult | EvaluationResult:
    """Convert plain data of the present schema to a record. Raises ValueError for missing, invalid or contradictory fields."""
    missing = [key for key in REQUIRED if not isinstance(data, dict) or key not in data]
    if missing:
        raise ValueError(f"no {', '.join(missing)}")
    kind = data["cell"].get("kind") if isinstance(data["cell"], dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"cell.kind is {kind!a:.40}, neither of {', '.join(KINDS)}")
    numbers = {key: _with_infinity(data[key]) for key in NUMBERS & data.keys()}
    try:
        result = msgspec.convert({**data, **numbers}, KINDS[kind])
    except msgspec.ValidationError as error:
        raise ValueError(mismatch(KINDS[kind], {**data, **numbers})) from error
    refuse_contradictions(result)
    return result


def json_schema() -> dict[str, Any]:
    """The JSON schema of result files of the present schema, both kinds; ``docs/result.schema.json`` is generated from it."""
    schemas, components = msgspec.json.schema_components(KINDS.values(), ref_template="#/$defs/{name}")
    for component in components.values():
        component["description"] = component["description"].partition("\n")[0]
        for field in NUMBERS & component["properties"].keys():
            component["properties"][field] = _allow_infinity(component["properties"][field])
    components["Interval"] = _allow_infinity(components["Interval"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "anyOf": list(schemas), "$defs": components}


def _allow_infinity(schema: Any) -> Any:
    """A JSON schema in which every number may also be one of the texts for infinity."""
    if isinstance(schema, list):
        return [_allow_infinity(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "number":
        return {"anyOf": [schema, {"enum": list(INFINITE)}]}
    return {key: _allow_infinity(item) for key, item in schema.items()}


def _parse(path: Path) -> Any:
    if path.exists() and not path.is_file():
        raise ValueError("no regular file")
    if path.stat().st_size > LARGEST:
        raise ValueError(f"larger than {LARGEST:,} bytes")
    content = parse_json(path.read_text(encoding="utf-8"))
    if isinstance(content, dict) and content.get(DIGEST) and content[DIGEST] != with_digest(content)[DIGEST]:
        raise ValueError(f"its fields are not those of its {DIGEST}: it was changed after it was written")
    return content


def _from_1(result: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 to 2: until then only complete cells had a file."""
    return {**result, "schema": 2, "status": COMPLETE}


def _from_2(result: dict[str, Any]) -> dict[str, Any]:
    """Schema 2 to 3: a stage's settings move out of the fields beside threads and weights; bicubic loses unused parameters."""
    upgraded = {**result, "schema": 3}
    settings, cell, data = (result.get(key) for key in ("settings", "cell", "data"))
    if isinstance(cell, Mapping) and cell.get("kind") == "train" and isinstance(settings, Mapping):
        stage = {key: value for key, value in settings.items() if key not in ("threads", "weights")}
        upgraded["settings"] = {**{key: settings[key] for key in settings if key not in stage}, "stage": stage}
    if isinstance(data, Mapping) and data.get("degradation") == "bicubic":
        upgraded["data"] = {**data, "parameters": {}}
    return upgraded


def _from_3(result: dict[str, Any]) -> dict[str, Any]:
    """Schema 3 to 4: until then no profile was frozen, so no evaluation is known to be of settings that test did not decide."""
    cell = result.get("cell")
    is_evaluation = isinstance(cell, Mapping) and cell.get("kind") == "evaluate"
    return {**result, "schema": 4, **({"exploratory": UNFROZEN} if is_evaluation else {})}


UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1, 2: _from_2, 3: _from_3}


def _upgraded(result: Any, path: Path) -> Any:
    """The result in the present schema; data without a schema stay as they are, for ``to_result`` to refuse."""
    schema = result.get("schema") if isinstance(result, dict) else None
    while type(schema) is int and schema in UPGRADES:
        result = UPGRADES[schema](result)
        schema = result["schema"]
    if schema is not None and schema != SCHEMA:
        raise UsageError(f"{path}: schema {schema!a:.40}, this version reads 1 to {SCHEMA}: use the version that wrote it")
    return result


def to_json(value: Any) -> str:
    """JSON text; infinite numbers become the texts ``inf`` and ``-inf``. Raises ValueError for NaN."""
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
    return float(value) if value in INFINITE else value
