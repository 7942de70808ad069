"""OpenMP threads of a command sleep at barriers, so that a busy machine does not slow training beyond its share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import joblib
import pytest

from benchmarks.core import threads
from benchmarks.core.errors import UsageError
from benchmarks.core.threads import VARIABLES, physical_cores, sleep_at_barriers, threads_change
from tests.conftest import ROOT

COMMAND = "from benchmarks.run import main; main(['--list']); import torch"


def openmp_settings(**environment: str) -> str:
    """Settings that the OpenMP library of torch prints when it is loaded after a command."""
    env = (
        {name: value for name, value in os.environ.items() if name not in VARIABLES}
        | {"OMP_DISPLAY_ENV": "VERBOSE"}
        | environment
    )
    done = subprocess.run([sys.executable, "-c", COMMAND], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "OPENMP DISPLAY ENVIRONMENT BEGIN" in done.stderr, done.stderr
    return done.stderr


def test_threads_of_a_command_sleep_while_they_wait() -> None:
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in openmp_settings()


@pytest.mark.parametrize(("variable", "value"), [("OMP_WAIT_POLICY", "ACTIVE"), ("GOMP_SPINCOUNT", "77")])
def test_a_users_policy_is_kept(variable: str, value: str) -> None:
    assert f"{variable} = '{value}'" in openmp_settings(**{variable: value})


def test_variables_of_the_user_win(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KMP_BLOCKTIME", "200")
    sleep_at_barriers()
    assert "OMP_WAIT_POLICY" not in os.environ


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A machine of four physical cores with two threads each, all of which this process may use."""
    for number in range(8):
        folder = tmp_path / f"cpu{number}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{number % 4},{number % 4 + 4}\n")
    monkeypatch.setattr(threads, "PROCESSORS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(joblib, "cpu_count", lambda only_physical_cores=False: 8)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    return monkeypatch


def test_two_threads_of_a_core_are_one_core(four_cores: pytest.MonkeyPatch) -> None:
    assert physical_cores() == 4


def test_the_affinity_limits_the_cores(four_cores: pytest.MonkeyPatch) -> None:
    four_cores.setattr(os, "sched_getaffinity", lambda process: {0, 1, 4})
    assert physical_cores() == 2


def test_the_quota_of_the_cgroup_limits_the_cores(four_cores: pytest.MonkeyPatch) -> None:
    four_cores.setattr(joblib, "cpu_count", lambda only_physical_cores=False: 3)
    assert physical_cores() == 3


def test_processes_of_torchrun_share_the_cores(four_cores: pytest.MonkeyPatch) -> None:
    four_cores.setenv("LOCAL_WORLD_SIZE", "2")
    assert physical_cores() == 2
    four_cores.setenv("LOCAL_WORLD_SIZE", "9")
    assert physical_cores() == 1


def test_a_system_without_siblings_is_asked_through_joblib(four_cores: pytest.MonkeyPatch, tmp_path: Path) -> None:
    four_cores.setattr(threads, "PROCESSORS", tmp_path / "nowhere")
    four_cores.setattr(joblib, "cpu_count", lambda only_physical_cores=False: 6 if only_physical_cores else 12)
    assert physical_cores() == 6


def test_auto_is_a_number_before_it_is_a_setting(four_cores: pytest.MonkeyPatch) -> None:
    assert threads_change("auto") == "threads=4"
    assert threads_change("3") == "threads=3"


def test_a_limit_that_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "many")
    with pytest.raises(UsageError, match=r"LOKY_MAX_CPU_COUNT is no whole number .*: unset it"):
        physical_cores()
