"""A cell where an executor has brought it: errors that reach the driver, trainings on several processes."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.catalog.profiles import Resources, load_profile
from benchmarks.core.errors import Unexpected, UsageError
from benchmarks.core.interruption import Interrupted
from benchmarks.execution.worker import compute
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell
from benchmarks.planning.plan import make_plan
from benchmarks.results.layout import CHECKPOINT
from benchmarks.results.record import EvaluationResult, TrainingResult
from tests.conftest import ROOT

ONE, TWO = (Resources(gpus, 1, 1, 1) for gpus in (0, 2))
CHANGES = ("threads=1", "stages.*.training.steps=4", "stages.*.training.precision=float32", "metrics=['psnr']")


def cells(*changes: str, method: str = "fsrcnn") -> list[Cell]:
    return make_plan(load_profile("smoke", (*CHANGES, *changes)), [method])


@pytest.mark.train
def test_a_training_on_two_processes_reports_its_progress(tmp_path: Path) -> None:
    (train, evaluate), reports = cells(), list[tuple[int, int]]()
    result = compute(train, tmp_path / "two", TWO, lambda done, of, losses: reports.append((done, of)))
    assert isinstance(result, TrainingResult) and result.processes == 2
    assert reports == [(step, 4) for step in range(1, 5)]
    alone = compute(train, tmp_path / "one", ONE, lambda *_: None)
    assert isinstance(alone, TrainingResult)
    for ours, theirs in zip(result.history, alone.history, strict=True):
        assert ours == pytest.approx(theirs, rel=0.02)
    scored = compute(evaluate, tmp_path / "two", TWO, lambda *_: None)
    assert isinstance(scored, EvaluationResult) and scored.scores, "an evaluation is one process's work"


@pytest.mark.train
def test_an_error_of_several_processes_is_the_error_of_the_first(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="batch_size 3 cannot be shared out among 2 processes"):
        compute(cells("stages.*.training.batch_size=3")[0], tmp_path, TWO, lambda *_: None)


@pytest.mark.train
def test_a_signal_stops_several_processes_with_their_checkpoint(tmp_path: Path) -> None:
    cell = cells("stages.*.training.steps=5000")[0]
    with pytest.raises(Interrupted) as caught:
        compute(cell, tmp_path, TWO, lambda done, of, losses: os.kill(os.getpid(), signal.SIGINT) if done == 5 else None)
    assert caught.value.exit_code == 130
    kept = torch.load(Workspace(tmp_path).folder(cell) / CHECKPOINT, weights_only=True)["progress"]["step"]
    assert 5 <= kept < 5000


STOPPED = """
import sys
from pathlib import Path
from benchmarks.execution.worker import compute
from tests.execution.test_worker import TWO, cells
compute(cells("stages.*.training.steps=100000")[0], Path(sys.argv[1]), TWO, lambda *progress: print(*progress, flush=True))
"""


@pytest.mark.train
def test_a_training_on_two_processes_that_is_signalled_twice(tmp_path: Path) -> None:
    """A scheduler signals every process, and the launcher signals its processes once more."""
    line = [sys.executable, "-c", STOPPED, str(tmp_path)]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for _ in range(2):
            for child in children:
                os.kill(int(child), signal.SIGTERM)
            time.sleep(0.005)
        process.terminate()
        process.communicate(timeout=120)
    assert list(tmp_path.glob("cells/*/checkpoint.pt"))


def test_a_bug_arrives_with_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("benchmarks.execution.compute.run_cell", broken)
    with pytest.raises(Unexpected) as caught:
        compute(cells(method="bicubic")[0], tmp_path, ONE, lambda *_: None)
    arrived = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own
    assert str(arrived) == "ValueError: a bug" and "in broken" in arrived.traceback


def test_a_machine_with_other_code_refuses(tmp_path: Path) -> None:
    cell = replace(cells(method="bicubic")[0], code="baselines.bicubic:Bicubic 0123456789abcdef")
    with pytest.raises(UsageError, match="differs from the code that planned this run: install the driver's version of"):
        compute(cell, tmp_path, ONE, lambda *_: None)
    assert not Workspace(tmp_path).folder(cell).exists()


def test_a_machine_with_other_images_refuses(tmp_path: Path) -> None:
    cell = replace(cells(method="bicubic")[0], data_digest="0123456789abcdef")
    with pytest.raises(UsageError, match=r"images of data set 'demo-photos' differ from the driver's: run .* demo-photos there"):
        compute(cell, tmp_path, ONE, lambda *_: None)


def test_a_machine_without_the_data_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path / "cache"))
    cell = make_plan(load_profile("smoke"), ["bicubic"], ["set5"])[0]
    with pytest.raises(UsageError, match=r"^on .*: data set 'set5' is not prepared .*: run python -m benchmarks.prepare set5"):
        compute(cell, tmp_path, ONE, lambda *_: None)
