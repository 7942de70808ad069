"""Command lines that compute a damaged cell again."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.catalog.profiles import load_profile
from benchmarks.execution.mending import mending_command
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.plan import make_plan
from benchmarks.results.layout import RESULT
from benchmarks.run import main

RUN = "python -m benchmarks.run"


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["--all", "--profile", "smoke"], "--all --profile smoke"),
        (["--all", "--dry-run", "--markdown", "--step-times", "a file"], "--all"),
        (["--cell", "0123", "--force", "--output", "my runs"], "--output 'my runs'"),
        (["--all", "--cell=0123", "--set", "threads=1"], "--all --set threads=1"),
    ],
)
def test_the_same_plan_and_one_cell(words: list[str], command: str) -> None:
    assert mending_command([*RUN.split(), *words], "ab") == f"{RUN} {command} --cell ab --force"


def test_a_dry_run_names_the_command_and_the_command_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bicubic,) = make_plan(load_profile("smoke"), ["bicubic"])
    path = Workspace(tmp_path).folder(bicubic) / RESULT
    path.parent.mkdir(parents=True)
    path.write_text("{")
    line = ["--methods", "bicubic", "--profile", "smoke", "--output", str(tmp_path)]
    assert main([*line, "--dry-run"]) == 2
    error = capsys.readouterr().err
    command = f"{RUN} --methods bicubic --profile smoke --output {tmp_path} --cell {bicubic.id} --force"
    assert error.startswith(f"error: {path}: corrupt result file (") and error.endswith(f": {command}\n")
    assert main([*command.removeprefix(RUN).split(), "--dry-run"]) == 0
    assert path.read_text() == "{"
