"""Modules whose functions run while each cell is computed: ``python -m tests.helpers.traced_run FOLDER METHOD …`` prints JSON."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.catalog.profiles import load_profile
from benchmarks.execution.compute import run_cell
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.plan import make_plan
from tests.conftest import ROOT

CHANGES = ["stages.*.training.steps=2", "stages.*.training.batch_size=2"]


def main(folder: Path, methods: Sequence[str], changes: Sequence[str]) -> None:
    """Compute the cells of the smoke profile one after the other, and print the modules of the project that ran in each."""
    profile = load_profile("smoke", [*CHANGES, *changes])
    workspace = Workspace(folder)
    ran: dict[str, list[str]] = {}
    for cell in make_plan(profile, methods):
        files: set[str] = set()

        def note(frame: FrameType, event: str, argument: Any, files: set[str] = files) -> None:
            if event == "call":
                files.add(frame.f_code.co_filename)

        threading.setprofile(note)
        sys.setprofile(note)
        try:
            run_cell(cell, workspace)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]
        paths = [Path(file) for file in files if file.startswith(f"{ROOT}/")]
        ran[cell.id] = sorted(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths)
    print(json.dumps(ran))


if __name__ == "__main__":
    separator = sys.argv.index("--")
    main(Path(sys.argv[1]), sys.argv[2:separator], sys.argv[separator + 1 :])
