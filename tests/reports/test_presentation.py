"""The caption under the table of a run, a failed one too, keeps to the terminal's width."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.api.entries import ScoredSplit
from benchmarks.catalog.profiles import load_profile
from benchmarks.execution.executors.executor import Ended
from benchmarks.execution.outcome import Outcome
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.plan import make_plan
from reports.presentation import Presentation


@pytest.mark.parametrize("columns", [40, 60, 80, 130, 200])
def test_the_caption_of_a_failed_run(
    columns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    profile = load_profile("smoke")
    cells = make_plan(profile, ["bicubic"])
    outcome = Outcome(cells, [], Workspace(tmp_path))
    for cell in cells:
        outcome.take(Ended(cell, error=RuntimeError("no such thing\n  in line 2\nTraceback (most recent call last):\n  File x")))
    said = capsys.readouterr().err
    assert said.count("\n") == len(cells) and "failed unexpectedly (RuntimeError: no such thing in line 2" in said
    Presentation(profile, outcome).show(as_json=False)
    shown = capsys.readouterr().out
    caption = shown[shown.index("demo-photos, profile") : shown.index("\ntable ")].splitlines()
    assert max(map(len, caption)) <= columns and "Traceback" not in shown
    assert re.search(r"bicubic\s+failed", shown)


@pytest.mark.parametrize(("split", "end"), [("test", ""), ("validation", "-validation")])
def test_further_degradations_have_tables_of_their_own(
    split: ScoredSplit, end: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = load_profile("smoke")
    cells = make_plan(profile, ["bicubic"], split=split, also_degraded=["bsrgan"])
    outcome = Outcome(cells, [], Workspace(tmp_path))
    for cell in cells:
        outcome.take(Ended(cell, error=RuntimeError("no such thing")))
    Presentation(profile, outcome).show(as_json=False)
    assert {path.stem for path in tmp_path.glob("*.md")} == {
        f"table-smoke{end}",
        f"table-smoke-demo-photos-degradation-bsrgan{end}",
    }
    assert "demo-photos (degradation bsrgan), profile smoke" in capsys.readouterr().out
