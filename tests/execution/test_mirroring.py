"""A run whose results MLflow does not take: the next run mirrors them, even where no cell waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import run
from benchmarks.tracking.tracker import Tracker
from reports import presentation
from tests.helpers.stand_ins import photograph, save

LINE = ("--profile", "smoke", "--methods", "bicubic", "--set", "metrics=['psnr']", "--set", "protocols=['rgb']")


def refuse(tracker: Tracker) -> None:
    raise ConnectionError("refused")


@pytest.mark.usefixtures("own_cache")
def test_the_next_run_mirrors_what_mlflow_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save(photograph(0, 64), tmp_path / "images" / "a.png")
    output = tmp_path / "runs"
    line = [*LINE, "--set", "shown=['rgb']", "--data-dir", str(tmp_path / "images"), "--output", str(output)]
    monkeypatch.setattr(presentation, "build", lambda *arguments: None)
    monkeypatch.setattr(Tracker, "_connect", refuse)
    command = f"python -m benchmarks.sync --results {output}"
    for _ in range(2):
        assert run.main(line) == 0
        printed = capsys.readouterr()
        assert (output / ".stale").exists() and f"MLflow lacks 1 of 1 cell, whose results are safe: {command}" in printed.err
        assert printed.out.endswith(f"MLflow   lacks results: {command}\n")
    monkeypatch.setattr(Tracker, "mirror", lambda *arguments: "id of a run")
    assert run.main(line) == 0
    printed = capsys.readouterr()
    assert not (output / ".stale").exists() and "lacks" not in printed.out
