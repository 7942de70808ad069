"""Training on two processes: the gradients of a step are those of a single process on the joined batch."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.core.errors import BenchmarkError, UsageError
from benchmarks.training import distributed
from benchmarks.training.stage import Stage
from tests.conftest import ROOT, Run

STAGES = ("cincgan-joint", "pseudo-supervision")  # a joint step has all parts of an inner step
TOLERANCE = 1e-5


def gradients(name: str) -> dict[str, torch.Tensor]:
    """Gradients of every update of a step, by update and network; running statistics of BatchNorm; losses.

    No weight moves in this step: Adam makes whole steps of the rounding of vanishing gradients.
    """
    from benchmarks.training.loop import prepare
    from tests.helpers.stages import with_all_terms
    from tests.helpers.steps import record_gradients

    stage = with_all_terms(name)
    prepare(stage)
    set_rates(stage, 0.0)
    recorded = record_gradients(stage.optimizers, stage.networks, lambda: None)
    torch.manual_seed(11)
    losses = stage.step(0)
    means = distributed.mean_values([*losses.values()])
    by_update = {
        f"{number} {update} {net}": value for number, (update, nets) in enumerate(recorded) for net, value in nets.items()
    }
    statistics = {
        f"{net} {key}": value.clone() for net, module in stage.networks.items() for key, value in module.named_buffers()
    }
    set_rates(stage, 1e-3)
    stage.step(1)
    distributed.check_equal(stage.networks)
    return {**by_update, **statistics, **dict(zip(losses, means, strict=True))}


def set_rates(stage: Stage, rate: float) -> None:
    for optimizer in stage.optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = rate


def processes(*arguments: str, count: int = 2) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = []
    for rank in range(count):
        group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count), "RANK": str(rank)}
        env = {**os.environ, **group, "OMP_NUM_THREADS": "1"}
        started.append(subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True))
    for process in started:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors


def write_gradients(folder: str) -> None:
    torch.set_num_threads(1)
    distributed.start()
    torch.save({name: gradients(name) for name in STAGES}, Path(folder) / f"{distributed.rank()}.pt")
    broken = nn.Linear(2, 2)
    nn.init.constant_(broken.weight, float(distributed.rank()))
    with pytest.raises(BenchmarkError, match="the weights of the 2 processes have come apart"):
        distributed.check_equal({"broken": broken})
    distributed.leave()
    assert not threads_of_groups(), "a process could be aborted at its exit by a thread that outlives its group"


def threads_of_groups() -> list[str]:
    """Names of the threads of torch's process groups, in this process; none where there is no /proc."""
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    return [name for name in names if "gloo" in name]


@pytest.fixture
def one_thread() -> Iterator[None]:
    """A sum over two threads rounds otherwise, and one activation at the kink of D1's leaky ReLU is then on its other side."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.train
@pytest.mark.usefixtures("one_thread")
def test_a_step_on_two_processes_is_one_on_the_joined_batch(tmp_path: Path) -> None:
    processes("-c", f"from tests.training.test_distributed import write_gradients; write_gradients({str(tmp_path)!r})")
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    for name in STAGES:
        whole = gradients(name)
        assert whole.keys() == first[name].keys()
        for key, expected in whole.items():
            assert torch.equal(first[name][key], second[name][key]), f"{name}: {key}"
            difference = (first[name][key] - expected).float().norm() / expected.float().norm().clamp_min(1e-12)
            assert difference < TOLERANCE, f"{name}: {key}: {difference:.1e}"


@pytest.mark.long
def test_torchrun_trains_as_one_process_does(tmp_path: Path, command: Run) -> None:
    options = ("--profile", "smoke", "--methods", "edsr", "--set", "stages.*.training.steps=3", "--set", "threads=1")
    options += ("--set", "stages.*.training.precision=float32", "--set", "metrics=['psnr']", "--json")
    one = command(*options, output=tmp_path / "one")
    assert one.returncode == 0, one.stderr
    line = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "benchmarks.run", *options]
    two = subprocess.run(
        [sys.executable, *line, "--output", str(tmp_path / "two")], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert two.returncode == 0, two.stderr
    assert json.loads(two.stdout)["failures"] == {}, "only the first process prints, so this is one JSON document"
    folders = [sorted((tmp_path / name / "cells").iterdir()) for name in ("one", "two")]
    assert [folder.name for folder in folders[0]] == [folder.name for folder in folders[1]]
    for alone, shared in zip(*folders, strict=True):
        results = [json.loads((folder / "result.json").read_text()) for folder in (alone, shared)]
        assert [result.get("processes", 1) for result in results] == [1, 2 if alone.name.startswith("train") else 1]
        for before, after in zip(*(result.get("history", []) for result in results), strict=True):
            assert after == pytest.approx(before, rel=0.02), alone.name


def test_a_batch_that_cannot_be_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "size", lambda: 2)
    with pytest.raises(UsageError, match="batch_size 5 cannot be shared out among 2 processes"):
        distributed.own_share(5)
