"""A queue that does not answer is not told as one that has no jobs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.execution.executors.queues import Refused, Slurm
from benchmarks.execution.workspace import Workspace

Fail = Callable[..., None]


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    pytest.importorskip("submitit")
    for name in ("sbatch", "squeue", "scancel", "srun"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return Slurm(Workspace(tmp_path), None)


ANSWERS = {
    "slurm_load_jobs error: Unable to contact slurm controller": subprocess.CalledProcessError(
        1, "squeue", stderr="slurm_load_jobs error: Unable to contact slurm controller\n"
    ),
    "timed out after 60 seconds": subprocess.TimeoutExpired("squeue", 60),
    "Permission denied": PermissionError(13, "Permission denied"),
}


@pytest.mark.parametrize("reason", ANSWERS)
def test_no_answer(reason: str, queue: Slurm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ANSWERS[reason]

    monkeypatch.setattr(subprocess, "run", fails)
    with pytest.raises(Refused, match=f"^squeue: .*{reason}"):
        queue.jobs()
    queue.cancel({"8", "7"})
    said = capsys.readouterr().err
    assert said.startswith("jobs 7, 8 may go on, for scancel failed (") and said.endswith("): cancel them by hand\n")
    assert reason in said and said.count("\n") == 1
