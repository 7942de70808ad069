"""``--dry-run``: the cells of a run, which are there already, and what the rest will cost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benchmarks.inputs import missing_archives
from benchmarks.plan import Cell
from benchmarks.profile import Profile
from benchmarks.untrained import count_parameters
from benchmarks.workspace import Workspace


def print_dry_run(cells: Sequence[Cell], workspace: Workspace, profile: Profile, *, force: bool, as_json: bool) -> None:
    """Print one line per cell and the sums; nothing is computed or written."""
    parameters = count_parameters(cells)
    rows = [_row(cell, workspace, profile, force) | {"parameters": parameters.get(cell.id)} for cell in cells]
    waiting = [row for row in rows if not row["cached"]]
    seconds, megabytes = (sum(row[what] or 0 for row in waiting) for what in ("seconds", "megabytes"))
    lacking = list(missing_archives(cells))
    if as_json:
        print(json.dumps({"cells": rows, "seconds": seconds, "megabytes": megabytes, "not_prepared": lacking}, indent=1))
        return
    print("\n".join(line.rstrip() for line in _lines(rows)))
    cost = f"about {_duration(seconds)} on {profile.machine}, {_size(megabytes)} in {workspace.root}"
    print(f"{len(rows)} cells, {len(waiting)} to do: {cost}")
    if lacking:
        names = " ".join(lacking)
        print(f"not prepared: {names}: run python -m benchmarks.prepare {names}, which gives their cells other ids")


def _row(cell: Cell, workspace: Workspace, profile: Profile, force: bool) -> dict[str, Any]:
    estimate = profile.estimates.get(cell.label if cell.kind == "train" else "evaluate")
    needed = {other.id for other in cell.needs.values()}
    return {
        "id": cell.id,
        "needs": sorted(needed),
        "steps": cell.settings["training"]["steps"] if cell.kind == "train" else None,
        "cell": str(cell),
        "cached": not force and workspace.finished(cell) is not None,
        "seconds": estimate.seconds if estimate else None,
        "megabytes": estimate.megabytes if estimate else None,
    }


def _lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The graph of cells: each below what it needs, named by the first digits of their ids."""
    lines = [["id", "cell", "needs", "steps", "parameters", ""]]
    for row in rows:
        counts = [f"{row[what]:,}" if row[what] is not None else "" for what in ("steps", "parameters")]
        cost = "for an unknown time" if row["seconds"] is None else f"about {_duration(row['seconds'])}"
        needs = " ".join(needed[:4] for needed in row["needs"])
        lines.append([row["id"], row["cell"], needs, *counts, "done" if row["cached"] else f"to do, {cost}"])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    numbers = (3, 4)
    return [
        "  ".join(
            text.rjust(width) if i in numbers else text.ljust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"


def _size(megabytes: float) -> str:
    return f"{megabytes:.0f} MB" if megabytes < 10_000 else f"{megabytes / 1000:.0f} GB"
