"""OpenMP threads of a command sleep at barriers, so that a busy machine does not slow training beyond its share."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from benchmarks.core.threads import VARIABLES, sleep_at_barriers
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
