"""Runs on real Ray clusters of several nodes: the bits of a serial run, whatever is killed on the way."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from benchmarks.results.layout import CHECKPOINT
from tests.conftest import ROOT, Run, heed_interrupts, mlflow_statuses
from tests.helpers.clusters import Cluster, can_hide, cluster
from tests.helpers.witness import complete, look_at_the_end

pytestmark = [pytest.mark.train, pytest.mark.ray]
pytest.importorskip("ray")

STEPS = 300
BOTH = ("--methods", "bicubic", "fsrcnn")
SMALL = (
    *("--profile", "smoke", "--set", "threads=1", "--set", "metrics=['psnr']"),
    *("--set", "protocols=['rgb']", "--set", "shown=['rgb']", "--set", f"stages.fsrcnn.training.steps={STEPS}"),
)
SECONDS = 20.0  # limit for stopping, which takes a few on an idle machine


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster") / "notes") as running:
        yield running


@pytest.fixture
def nodes(ray_cluster: Cluster) -> Iterator[Cluster]:
    """The cluster without nodes but its head."""
    yield ray_cluster
    ray_cluster.leave()


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("serial") / "runs"
    finish(output, dict(os.environ))
    return output


def drive(output: Path, environment: dict[str, str], *more: str) -> subprocess.Popen[str]:
    """Start a driver in a process group of its own, as a terminal does."""
    line = [sys.executable, "-m", "benchmarks.run", *BOTH, *SMALL, *more, "--output", str(output)]
    env = {key: value for key, value in environment.items() if key != "MLFLOW_TRACKING_URI"}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(line, cwd=ROOT, env=env, process_group=0, preexec_fn=heed_interrupts, **streams)  # type: ignore[call-overload]


def finish(output: Path, environment: dict[str, str], *more: str) -> str:
    """Run to the end. Returns standard error."""
    with drive(output, environment, *more) as process:
        _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return errors


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline and process.poll() is None, process.communicate(timeout=60)
        time.sleep(0.02)


def checkpoints(output: Path) -> list[Path]:
    return list(output.glob(f"cells/train-*/{CHECKPOINT}"))


def steps_kept(output: Path) -> int:
    (path,) = checkpoints(output)
    steps: int = torch.load(path, weights_only=True)["progress"]["step"]
    return steps


def test_a_killed_node_costs_no_more_than_the_time_since_the_checkpoint(nodes: Cluster, serial: Path, tmp_path: Path) -> None:
    """The driver's files are hidden from workers, if this machine allows that: they never need them."""
    output = tmp_path / "runs"
    hidden = output if can_hide() else None
    first = nodes.join(seconds=0.2, hidden=hidden)
    with drive(output, nodes.environment, *nodes.options) as process:
        wait_for(lambda: checkpoints(output), process)
        first.kill()
        kept = steps_kept(output)
        nodes.join(seconds=60.0, hidden=hidden)
        _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "its process was lost (the node died on " in errors and "Traceback" not in errors
    assert nodes.begun()[0] == 0 and STEPS > nodes.begun()[1] >= kept > 0
    look_at_the_end(output, serial)


def test_a_killed_driver_loses_nothing(nodes: Cluster, serial: Path, tmp_path: Path) -> None:
    output = tmp_path / "runs"
    nodes.join(seconds=0.2)
    with drive(output, nodes.environment, *nodes.options) as process:
        wait_for(lambda: checkpoints(output), process)
        process.kill()
    done, kept = complete(output), steps_kept(output)
    errors = finish(output, nodes.environment, *nodes.options)
    assert [line for line in errors.splitlines() if not line.startswith("[")] == [], "no word of Ray's"
    assert done.items() <= complete(output).items(), "nothing is computed twice"
    assert nodes.begun()[0] == 0 and nodes.begun()[1] >= kept > 0
    look_at_the_end(output, serial)


@pytest.mark.long
def test_ctrl_c_reaches_the_workers_and_their_checkpoint_the_driver(tmp_path: Path) -> None:
    """On a cluster of its own. The terminal signals all of the process group."""
    output, steps = tmp_path / "runs", 10 * STEPS  # seconds are left when the driver has heard of the first quarter
    longer = ("--set", f"stages.fsrcnn.training.steps={steps}")
    environment = {**os.environ, "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    with drive(output, environment, *longer, "--executor", "ray", "--max-parallel", "1") as process:
        assert process.stderr is not None
        assert any("train fsrcnn" in line and f"/{steps} " in line for line in process.stderr)
        assert not checkpoints(output), "the first would be a minute old"
        sent = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and time.monotonic() - sent < SECONDS, errors
    assert errors.splitlines()[-1].startswith(f"interrupted: finished cells and checkpoints are kept in {output}; to go on: ")
    assert "Traceback" not in errors
    assert steps // 4 <= steps_kept(output) < steps
    assert mlflow_statuses(output) == {"FINISHED", "KILLED"}


@pytest.mark.long
def test_an_error_in_a_worker_is_the_cells(nodes: Cluster, command: Run, tmp_path: Path) -> None:
    """The training gets two processes, for two GPUs are reserved for it; both meet a corrupt checkpoint."""
    nodes.join(cpus=2, gpus=2)
    line = (*SMALL, "--methods", "fsrcnn", "--set", "resources.train.gpus=2")
    (training,) = (
        cell for cell in json.loads(command(*line, "--dry-run", "--json").stdout)["cells"] if cell["cell"].startswith("train")
    )
    checkpoint = tmp_path / "runs" / "cells" / f"train-fsrcnn-demo-photos-seed0-{training['id']}" / CHECKPOINT
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"not a checkpoint")
    done = command(*line, *nodes.options, **nodes.environment)
    assert done.returncode == 2, done.stderr
    lines = [text for text in done.stderr.splitlines() if not text.startswith("[")]
    assert len(lines) == 2 and "corrupt checkpoint" in lines[0], done.stderr
    assert lines[1].startswith("evaluate fsrcnn on demo-photos, seed 0: not run, because train fsrcnn")


@pytest.mark.long
def test_trainings_side_by_side_on_one_gpu(nodes: Cluster, command: Run) -> None:
    """Ray is told of a GPU that is none, so the trainings run on a core each."""
    nodes.join(cpus=2, gpus=1)
    line = (*SMALL, "--methods", "edsr", "fsrcnn", "--set", "threads=1", "--set", "stages.*.training.steps=400")
    done = command(*line, "--set", "resources.train.gpus=0.5", *nodes.options, **nodes.environment)
    assert done.returncode == 0, done.stderr
    ends = [number for number, text in enumerate(done.stderr.splitlines()) if "train" in text and "done in" in text]
    before = done.stderr.splitlines()[: ends[0]]
    assert len(ends) == 2 and all(any(f"train {stage}" in text for text in before) for stage in ("edsr", "fsrcnn")), done.stderr


def test_a_cell_that_fits_nowhere(command: Run) -> None:
    done = command(
        *BOTH, *SMALL, "--executor", "ray", "--set", "resources.evaluate.cpus=1000", RAY_AUTH_TOKEN=secrets.token_hex(32)
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "the profile reserves 1000 CPUs, 0 GPUs, 2 GB for it, more than Ray finds on this machine" in done.stderr


def test_no_cluster_at_the_address(command: Run) -> None:
    done = command(*BOTH, *SMALL, "--executor", "ray", "--address", "127.0.0.1:1")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "error: no Ray cluster at 127.0.0.1:1 (" in done.stderr


@pytest.mark.long
def test_every_method_on_two_nodes_gives_the_bits_of_a_serial_run(nodes: Cluster, command: Run, tmp_path: Path) -> None:
    smoke = ("--all", "--profile", "smoke", "--set", "threads=1")
    alone = command(*smoke, output=tmp_path / "serial")
    assert alone.returncode == 0, alone.stderr
    for _ in range(2):
        nodes.join()
    done = command(*smoke, *nodes.options, output=tmp_path / "ray", **nodes.environment)
    assert done.returncode == 0, done.stderr
    look_at_the_end(tmp_path / "ray", tmp_path / "serial")
