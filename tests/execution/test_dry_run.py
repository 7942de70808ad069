"""Lines of ``--dry-run``: time and memory of cells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.catalog.profiles import load_profile
from benchmarks.execution import dry_run
from benchmarks.execution.dry_run import print_dry_run
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.plan import make_plan


def test_trainings_of_the_paper_profile_have_hours_and_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dry_run, "count_parameters", lambda cells: {})
    profile = load_profile("paper")
    cells = make_plan(profile, ["edsr"])
    gigabytes = profile.estimates["edsr"].memory_gb
    assert gigabytes
    print_dry_run(cells, Workspace(tmp_path), profile, force=False, form="text")
    assert f"to do, about 6 h, {gigabytes:.1f} GB of memory" in capsys.readouterr().out
    print_dry_run(cells, Workspace(tmp_path), profile, force=False, form="json")
    assert [row["memory_gb"] for row in json.loads(capsys.readouterr().out)["cells"]] == [gigabytes, None]
