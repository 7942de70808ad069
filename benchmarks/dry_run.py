"""``--dry-run``: the cells of a run, which are there already, and what the rest will cost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benchmarks.plan import Cell
from benchmarks.profile import Profile
from benchmarks.workspace import Workspace


def print_dry_run(cells: Sequence[Cell], workspace: Workspace, profile: Profile, *, force: bool, as_json: bool) -> None:
    """Print one line per cell and the sums; nothing is computed or written."""
    rows = [_row(cell, workspace, profile, force) for cell in cells]
    seconds = sum(row["seconds"] or 0 for row in rows if not row["cached"])
    megabytes = sum(row["megabytes"] or 0 for row in rows if not row["cached"])
    if as_json:
        print(json.dumps({"cells": rows, "seconds": seconds, "megabytes": megabytes}, indent=1))
        return
    width = max(len(row["cell"]) for row in rows)
    for row in rows:
        cost = "for an unknown time" if row["seconds"] is None else f"about {_duration(row['seconds'])}"
        print(f"{row['id']}  {row['cell']:<{width}}  {'done' if row['cached'] else f'to do, {cost}'}")
    waiting = sum(not row["cached"] for row in rows)
    cost = f"about {_duration(seconds)} on {profile.machine}, {megabytes:.0f} MB in {workspace.root}"
    print(f"{len(rows)} cells, {waiting} to do: {cost}")


def _row(cell: Cell, workspace: Workspace, profile: Profile, force: bool) -> dict[str, Any]:
    estimate = profile.estimates.get(cell.label if cell.kind == "train" else "evaluate")
    return {
        "id": cell.id,
        "cell": str(cell),
        "cached": not force and workspace.finished(cell) is not None,
        "seconds": estimate.seconds if estimate else None,
        "megabytes": estimate.megabytes if estimate else None,
    }


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
