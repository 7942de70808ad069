"""Cells as jobs of a real SLURM cluster, if one can be started, and as submitit's local processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import BenchmarkError, UsageError
from benchmarks.execution import schedule
from benchmarks.execution.compute import run_cell
from benchmarks.execution.executors.executor import Ended, ExecutorOptions
from benchmarks.execution.executors.on_slurm import OnSlurm
from benchmarks.execution.executors.selection import make_executor
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell
from benchmarks.planning.plan import make_plan
from benchmarks.results.files import read_result
from benchmarks.results.layout import CHECKPOINT, result_files
from benchmarks.results.record import EvaluationResult, Result, TrainingResult
from tests.conftest import ROOT, Run
from tests.helpers.slurm_cluster import Cluster, started_cluster
from tests.helpers.slurm_jobs import DEADLY, OFTEN, View, driver, wait_for_steps

pytestmark = [pytest.mark.train, pytest.mark.slurm]

SHORT = ("threads=1", "protocols=['rgb']", "metrics=['psnr']", "stages.*.training.steps=4")
LONGER = (*SHORT, "stages.edsr.training.steps=600")  # a quarter of a minute


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    pytest.importorskip("submitit")
    with started_cluster() as running:
        yield running


@pytest.fixture
def slurm(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """The cluster without jobs of other tests, for executors in this process."""
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(ROOT)
    yield cluster
    cluster.end_all()


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs on this machine in place of SLURM."""
    pytest.importorskip("submitit")
    monkeypatch.setenv("CINCGAN_SLURM", "local")
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Result]]:
    """Computes cells one by one in this process."""
    workspace = Workspace(tmp_path_factory.mktemp("alone"))

    def computed(cells: Sequence[Cell]) -> dict[str, Result]:
        return {cell.id: workspace.read(cell) or run_cell(cell, workspace) for cell in cells}

    return computed


def plan(*changes: str, methods: Sequence[str] = ("edsr",)) -> list[Cell]:
    return make_plan(load_profile("smoke", changes), methods)


def executor(root: Path, *changes: str, partition: str | None = None) -> OnSlurm:
    options = ExecutorOptions(slurm_partition=partition)
    slurm = make_executor("slurm", Workspace(root), load_profile("smoke", changes), options)
    assert isinstance(slurm, OnSlurm)
    return slurm


def computed(cells: Sequence[Cell], by: OnSlurm, view: View | None = None, retries: int = 1) -> dict[str, Result]:
    with by:
        ends = list(schedule.run(cells, by, view or View(), retries=retries))
    assert [ended.error for ended in ends if ended.error] == []
    return {ended.cell.id: ended.result for ended in ends if ended.result}


def numbers(results: Mapping[str, Result]) -> dict[str, Any]:
    """Parts of results that must not depend on the executor."""

    def parts(result: Result) -> Any:
        if isinstance(result, TrainingResult):
            return result.status, result.weights_digest, result.history
        assert isinstance(result, EvaluationResult)
        return result.status, result.scores

    return {name: parts(result) for name, result in results.items()}


def stored(root: Path) -> dict[str, Result]:
    return {result.cell.id: result for result in map(read_result, result_files(root))}


def starts(root: Path) -> list[int]:
    """First steps of the starts of trainings, in the order of jobs, whose numbers may be process ids, which are used again."""
    logs = sorted(root.glob("jobs/*.out"), key=lambda path: path.stat().st_mtime_ns)
    return [int(step) for log in logs for step in re.findall(r"train .* started at step (\d+) of", log.read_text())]


def arguments(root: Path, *changes: str, methods: Sequence[str] = ("edsr",)) -> list[str]:
    settings = [word for change in changes for word in ("--set", change)]
    return ["--methods", *methods, "--profile", "smoke", *settings, "--executor", "slurm", "--output", str(root)]


def test_smoke_through_sbatch(cluster: Cluster, command: Run, tmp_path: Path, alone: Callable[..., dict[str, Result]]) -> None:
    before = set(cluster.jobs())
    methods = ("bicubic", "edsr")
    done = command(*arguments(tmp_path / "runs", *SHORT, methods=methods)[:-2], **cluster.environment)
    assert done.returncode == 0, done.stderr
    assert "  edsr " in done.stdout
    assert numbers(stored(tmp_path / "runs")) == numbers(alone(plan(*SHORT, methods=methods)))
    jobs = cluster.jobs().keys() - before
    assert len(jobs) == 3
    for job in jobs:
        about = cluster.call("scontrol", "show", "job", job)
        assert "TimeLimit=01:00:00" in about and "TRES=cpu=1,mem=2G,node=1" in about and "Partition=work" in about


def test_a_job_that_ends_while_there_is_no_driver(slurm: Cluster, tmp_path: Path) -> None:
    (cell, _), before = plan(*SHORT), set(slurm.jobs())
    executor(tmp_path, *SHORT).start(cell)
    (job,) = slurm.jobs().keys() - before
    second = executor(tmp_path, *SHORT)
    slurm.wait_for(job, "COMPLETED")
    assert computed([cell], second) == stored(tmp_path)
    assert slurm.jobs().keys() - before == {job}, "nothing is computed twice"
    other = executor(tmp_path / "other", *SHORT)
    other.start(cell)
    assert len(slurm.jobs().keys() - before) == 2, "jobs of another workspace are not ours"


def test_a_cell_that_fails(local: None, tmp_path: Path) -> None:
    cell = plan(*SHORT)[0]
    checkpoint = Workspace(tmp_path).folder(cell) / CHECKPOINT
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"no checkpoint")
    with executor(tmp_path, *SHORT) as by:
        (ended,) = schedule.run([cell], by, View(), retries=5)
    assert type(ended.error) is UsageError and "corrupt checkpoint" in str(ended.error)
    assert starts(tmp_path) == [] and len(list(tmp_path.glob("jobs/*.out"))) == 1, "it is not tried again"


def test_a_killed_worker(
    local: None, tmp_path: Path, alone: Callable[..., dict[str, Result]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(OFTEN)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    changes = (*SHORT, "stages.edsr.training.steps=300")
    root, cell = tmp_path / "runs", plan(*changes)[0]
    checkpoint = Workspace(root).folder(cell) / CHECKPOINT

    def kill() -> None:
        assert checkpoint.exists()
        (controller,) = (path.stem for path in root.glob("jobs/*.cell"))
        worker = Path(f"/proc/{controller}/task/{controller}/children").read_text()
        os.kill(int(worker), signal.SIGKILL)

    view = View(at=20, act=kill)
    results = computed([cell], executor(root, *changes), view)
    first, again = starts(root)
    assert first == 1 and again > 1
    assert re.fullmatch(rf"local job \d+ is not there any more: its log is {root}/jobs/\d+_0_log.out", view.messages[1])
    assert numbers(results) == numbers(alone([cell]))


def test_missing_packages_and_commands_are_one_line(command: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = "import sys; sys.modules['submitit'] = None; from benchmarks.run import main; sys.exit(main(sys.argv[1:]))"
    line = [sys.executable, "-c", script, *arguments(tmp_path)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 2
    assert done.stderr == "error: --executor slurm: submitit is not installed: run pip install -e '.[slurm]'\n"
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"sbatch, squeue, scancel, srun not found: .*CINCGAN_SLURM=local"):
        executor(tmp_path)
    with pytest.raises(
        UsageError, match=r"resources.train.gpus=0.5: SLURM shares out whole GPUs: reserve 1, or take --executor ray"
    ):
        executor(tmp_path, "resources.train.gpus=0.5")
    monkeypatch.setenv("CINCGAN_SLURM", "ray")
    with pytest.raises(UsageError, match="CINCGAN_SLURM=ray: can only be local"):
        executor(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_slurm_refuses(slurm: Cluster, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    by = executor(tmp_path, *SHORT, partition="nowhere")
    with by, pytest.raises(UsageError, match=r"^--executor slurm: train edsr on .*: sbatch: error: .*[Ii]nvalid partition"):
        by.start(plan(*SHORT)[0])
    assert capfd.readouterr().err == ""


@pytest.mark.long
def test_every_method_through_sbatch(cluster: Cluster, command: Run, tmp_path: Path) -> None:
    line = ("--all", "--profile", "smoke")
    assert command(*line, output=tmp_path / "serial").returncode == 0
    done = command(*line, "--executor", "slurm", "--max-parallel", "2", **cluster.environment)
    assert done.returncode == 0, done.stderr
    assert numbers(stored(tmp_path / "runs")) == numbers(stored(tmp_path / "serial"))


@pytest.mark.long
def test_a_cancelled_job(slurm: Cluster, tmp_path: Path, alone: Callable[..., dict[str, Result]]) -> None:
    cell, before = plan(*LONGER)[0], set(slurm.jobs())

    def cancel() -> None:
        slurm.call("scancel", *(slurm.jobs().keys() - before))

    view = View(at=100, act=cancel)
    results = computed([cell], executor(tmp_path, *LONGER), view)
    first, again = starts(tmp_path)
    assert first == 1 and again > 100
    assert "has ended as CANCELLED: its log is" in view.messages[1] and view.messages[2:] == ["start edsr"]
    assert numbers(results) == numbers(alone([cell]))


@pytest.mark.long
def test_a_preempted_job(slurm: Cluster, tmp_path: Path, alone: Callable[..., dict[str, Result]]) -> None:
    cell, before = plan(*LONGER)[0], set(slurm.jobs())

    def preempt() -> None:
        (job,) = slurm.jobs().keys() - before
        slurm.call("sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=sleep 1")
        slurm.wait_for(job, "PENDING")
        slurm.call("scontrol", "update", f"JobId={job}", "StartTime=now")  # SLURM would wait for two minutes

    view = View(at=100, act=preempt)
    results = computed([cell], executor(tmp_path, *LONGER), view, retries=0)
    first, again = starts(tmp_path)
    assert first == 1 and again > 100
    assert view.messages == ["start edsr"], "SLURM starts it again by itself"
    assert numbers(results) == numbers(alone([cell]))


@pytest.mark.long
def test_a_cancelled_job_of_two_processes(slurm: Cluster, tmp_path: Path) -> None:
    """SLURM signals all processes of the job."""
    changes, before = (*LONGER, "resources.train.gpus=2"), set(slurm.jobs())
    cell = plan(*changes)[0]

    def cancel() -> None:
        (job,) = slurm.jobs().keys() - before
        assert "gres:gpu:2" in slurm.call("scontrol", "show", "job", job)
        slurm.call("scancel", job)

    view = View(at=100, act=cancel)
    results = computed([cell], executor(tmp_path, *changes), view)
    first, again = starts(tmp_path)
    assert first == 1 and again > 100
    result = results[cell.id]
    assert isinstance(result, TrainingResult) and result.processes == 2


@pytest.mark.long
def test_a_job_whose_time_is_over(slurm: Cluster, tmp_path: Path) -> None:
    changes = (*SHORT, "stages.edsr.training.steps=6000", "resources.train.hours=0.01")
    cell = plan(*changes)[0]
    results = computed([cell], executor(tmp_path, *changes), View(), retries=20)
    first, *later = starts(tmp_path)
    assert first == 1 and later and later == sorted(set(later)) and later[0] > 1
    result = results[cell.id]
    assert isinstance(result, TrainingResult) and result.history[-1]["step"] == 6000


@pytest.mark.long
def test_slurm_does_not_answer_for_a_while(
    slurm: Cluster, tmp_path: Path, alone: Callable[..., dict[str, Result]], monkeypatch: pytest.MonkeyPatch
) -> None:
    cells, by = plan(*SHORT), executor(tmp_path, *SHORT)
    with by:
        with slurm.without_controller():
            by.start(cells[0])
            assert by.poll(lambda *_: None) == []
            with pytest.raises(UsageError, match=r"^--executor slurm: squeue: .*Unable to contact slurm controller"):
                executor(tmp_path)
            with monkeypatch.context() as patch, pytest.raises(BenchmarkError, match="jobs may go on; the same command"):
                patch.setattr("benchmarks.execution.executors.on_slurm.SILENCE", 0.0)
                for _ in range(20):
                    by.poll(lambda *_: None)
        ends: list[Ended] = []
        while not ends:
            ends += by.poll(lambda *_: None)
    assert ends[0].result and numbers({cells[0].id: ends[0].result}) == numbers(alone(cells[:1]))


@pytest.mark.parametrize("place", [pytest.param("local", marks=pytest.mark.long), "slurm"])
def test_a_killed_driver(
    place: str, request: pytest.FixtureRequest, tmp_path: Path, alone: Callable[..., dict[str, Result]]
) -> None:
    environment = {"CINCGAN_SLURM": "local"} if place == "local" else request.getfixturevalue("slurm").environment
    line = arguments(tmp_path, *LONGER)
    with driver(line, **environment) as first:
        wait_for_steps(tmp_path, 50)
        first.kill()
    with driver(line, **environment) as second:
        _, errors = second.communicate(timeout=600)
    assert second.returncode == 0, errors
    assert starts(tmp_path) == [1] and len(list(tmp_path.glob("jobs/*.out"))) == 2
    assert numbers(stored(tmp_path)) == numbers(alone(plan(*LONGER)))


@pytest.mark.long
@pytest.mark.parametrize("place", ["local", "slurm"])
def test_ctrl_c(place: str, request: pytest.FixtureRequest, tmp_path: Path, alone: Callable[..., dict[str, Result]]) -> None:
    environment = {"CINCGAN_SLURM": "local"} if place == "local" else request.getfixturevalue("slurm").environment
    line = arguments(tmp_path, *LONGER)
    with driver(line, **environment) as first:
        wait_for_steps(tmp_path, 50)
        os.killpg(first.pid, signal.SIGINT)
        _, errors = first.communicate(timeout=60)
    assert first.returncode == 130 and "interrupted: finished cells and checkpoints are kept" in errors
    checkpoint, end = Workspace(tmp_path).folder(plan(*LONGER)[0]) / CHECKPOINT, time.monotonic() + 60
    while not checkpoint.exists():
        assert time.monotonic() < end
        time.sleep(0.2)
    with driver(line, **environment) as second:
        _, errors = second.communicate(timeout=600)
    assert second.returncode == 0, errors
    before, after = starts(tmp_path)
    assert before == 1 and after > 50
    assert numbers(stored(tmp_path)) == numbers(alone(plan(*LONGER)))


@pytest.mark.long
def test_a_job_that_is_killed_every_time_fails_its_cell(cluster: Cluster, command: Run, tmp_path: Path) -> None:
    """The others go on, and a second call goes on from there."""
    line = arguments(tmp_path / "runs", *SHORT, methods=("bicubic", "edsr"))[:-2]
    (tmp_path / "sitecustomize.py").write_text(DEADLY)
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    done = command(*line, "--retries", "1", PYTHONPATH=path, **cluster.environment)
    assert done.returncode == 1
    (failed,) = (text for text in done.stderr.splitlines() if "was lost 2 times" in text)
    assert re.match(r"train edsr on .*: its process was lost 2 times, last: SLURM job \d+ has ended as \w+: its log is", failed)
    assert "  bicubic " in done.stdout and "not run, because train edsr" in done.stderr
    again = command(*line, **cluster.environment)
    assert again.returncode == 0, again.stderr
