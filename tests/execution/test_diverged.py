"""Trainings that collapse: they have a result and a row in every table, and other methods go on."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.core.errors import UsageError
from benchmarks.results.files import read_result
from benchmarks.results.layout import result_files
from benchmarks.results.record import EvaluationResult, Result
from benchmarks.results.trained import stages_of_run
from tests.conftest import ROOT, Run, mlflow_statuses

pytestmark = pytest.mark.train

HUGE = "stages.cincgan-inner.training.learning_rate=1e6"
METRICS = "metrics=['psnr', 'ssim']"
LINE = ("--methods", "cincgan", "bicubic", "--profile", "smoke", "--set", HUGE, "--set", METRICS)


@pytest.fixture(scope="module")
def diverged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    output = tmp_path_factory.mktemp("diverged") / "runs"
    line = [sys.executable, "-m", "benchmarks.run", *LINE, "--output", str(output)]
    return output, subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=600)


def results(output: Path) -> dict[str, Result]:
    """Results by kind and label of the cell."""
    return {f"{result.cell.kind} {result.cell.label}": result for result in map(read_result, result_files(output))}


def test_the_training_and_all_cells_that_need_it_have_diverged(diverged: tuple[Path, Any]) -> None:
    output, done = diverged
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    by_name = results(output)
    lost = ("train cincgan-inner", "train cincgan-joint", "evaluate cincgan")
    assert {name: result.status for name, result in by_name.items()} == {
        **dict.fromkeys(("train edsr", "evaluate bicubic"), "complete"),
        **dict.fromkeys(lost, "diverged"),
    }
    assert "lower the learning rate" in by_name["train cincgan-inner"].diagnosis
    for name in lost[1:]:
        assert by_name[name].diagnosis.startswith("train cincgan-inner on demo-photos, seed 0 has diverged: step ")
    evaluation = by_name["evaluate cincgan"]
    assert isinstance(evaluation, EvaluationResult) and evaluation.scores == {}
    assert sum(": diverged: " in line for line in done.stderr.splitlines()) == 3
    assert not list(output.glob("cells/train-cincgan-*/weights.safetensors"))
    assert mlflow_statuses(output) >= {"FAILED", "FINISHED"}


def test_tables_and_the_report_show_it(diverged: tuple[Path, Any]) -> None:
    output, _ = diverged
    table = (output / "table-smoke.md").read_text(encoding="utf-8")
    report = (output / "report" / "tables" / "smoke-demo-photos-methods.md").read_text(encoding="utf-8")
    for text in (table, report):
        assert "| cincgan (seed 0 diverged" in text and "| bicubic " in text
    rows = list(csv.DictReader((output / "report" / "tables.csv").open(encoding="utf-8")))
    (row,) = (row for row in rows if row["method"] == "cincgan")
    assert (row["note"], row["mean"]) == (f"seed 0 diverged; --set {HUGE}; --set {METRICS}", "")
    page = (output / "report" / "index.html").read_text(encoding="utf-8")
    assert "has no scores: train cincgan-inner on demo-photos, seed 0 has diverged" in page


def test_a_second_run_reuses_the_result_and_force_trains_again(diverged: tuple[Path, Any], command: Run, tmp_path: Path) -> None:
    shutil.copytree(diverged[0], tmp_path / "runs")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/cells/*/result.json")}
    done = command(*LINE, "--json")
    assert done.returncode == 1
    assert done.stderr.count("diverged before (") == 3
    assert sorted(json.loads(done.stdout)["failures"].values())[-1].startswith("train cincgan-inner")
    assert before == {path: path.stat().st_mtime_ns for path in before}
    inner = results(diverged[0])["train cincgan-inner"].cell.id
    forced = command(*LINE, "--force", "--cell", inner)
    assert forced.returncode == 1
    assert forced.stderr.count(": diverged: ") == 1


def test_a_diverged_method_cannot_be_loaded(diverged: tuple[Path, Any]) -> None:
    with pytest.raises(UsageError, match="no finished cincgan with seed 0"):
        stages_of_run(diverged[0], "cincgan", 0)
