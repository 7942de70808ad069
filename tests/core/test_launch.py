"""The variables of torchrun: right, left over, incomplete or without meaning. Nobody waits in silence, or deaf to signals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping

import pytest

from benchmarks import run
from benchmarks.core import launch
from benchmarks.core.errors import UsageError
from benchmarks.core.launch import VARIABLES, Place, is_helper, is_one_of_several, meet, place
from tests.conftest import ROOT, heed_interrupts

WHOLE = {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29519"}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "TORCHELASTIC_RUN_ID", "TORCHELASTIC_USE_AGENT_STORE", "TORCHELASTIC_RESTART_COUNT"):
        monkeypatch.delenv(name, raising=False)


def set_all(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"RANK": "1"},
        {"LOCAL_RANK": "3", "RANK": "3"},
        {"WORLD_SIZE": "1", "RANK": "0"},
        {"WORLD_SIZE": ""},
        {"MASTER_ADDR": "gone.invalid", "MASTER_PORT": "x"},
        {"SLURM_NTASKS": "4", "SLURM_PROCID": "3", "SLURM_JOB_ID": "7", "SLURM_LOCALID": "3"},
    ],
)
def test_variables_that_do_not_speak_of_several(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, variables)
    assert not is_one_of_several() and not is_helper()


@pytest.mark.parametrize("arguments", [["--list"], ["--all", "--profile", "smoke", "--dry-run"]])
@pytest.mark.parametrize("variables", [{"RANK": "1"}, WHOLE, {"WORLD_SIZE": "0"}])
def test_printing_commands_print(
    arguments: list[str], variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_all(monkeypatch, variables)
    assert run.main(arguments) == 0
    assert len(capsys.readouterr().out.splitlines()) > 10
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    set_all(monkeypatch, WHOLE)
    assert run.main(arguments) == 0
    assert capsys.readouterr().out == "", "under torchrun the first process prints"


REFUSED = {
    "RANK, MASTER_ADDR, MASTER_PORT not set": {"WORLD_SIZE": "2"},
    "RANK not set": {**WHOLE, "RANK": ""},
    "MASTER_ADDR not set": {**WHOLE, "MASTER_ADDR": ""},
    "RANK must be below WORLD_SIZE": {**WHOLE, "RANK": "2"},
    "WORLD_SIZE=0 RANK=0": {**WHOLE, "WORLD_SIZE": "0", "RANK": "0"},
    "WORLD_SIZE is no whole number": {**WHOLE, "WORLD_SIZE": "two"},
    "RANK is no whole number": {**WHOLE, "RANK": "-1"},
    "LOCAL_RANK is no whole number": {**WHOLE, "LOCAL_RANK": "0.5"},
    "MASTER_PORT is no whole number": {**WHOLE, "MASTER_PORT": "http"},
    "MASTER_PORT is no port": {**WHOLE, "MASTER_PORT": "65536"},
    "WORLD_SIZE=９ ": {**WHOLE, "WORLD_SIZE": "９"},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_values_without_meaning(reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    set_all(monkeypatch, REFUSED[reason])
    assert run.main(["--all", "--profile", "smoke"]) == 2
    said = capsys.readouterr().err
    assert reason in said and said.count("\n") == 1
    assert (
        f": if they are left over, unset {' '.join(name for name in VARIABLES if name in REFUSED[reason])}; otherwise start"
        in said
    )


@pytest.mark.parametrize("rank", ["0", "1"])
def test_partners_that_never_come(rank: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch.QUIET_SECONDS < launch.LONGEST_WAIT < 60
    set_all(monkeypatch, {**WHOLE, "RANK": rank, "MASTER_PORT": free_port()})
    monkeypatch.setattr(launch, "LONGEST_WAIT", 0.6)
    monkeypatch.setattr(launch, "QUIET_SECONDS", 0.1)
    who = "process 1 of 2" if rank == "0" else "process 0 of 2"
    with pytest.raises(UsageError, match=rf"^WORLD_SIZE=2 RANK={rank} .*: {who} did not come to 127.0.0.1:\d+ in 1 s: if they"):
        meet(place())
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("waiting at 127.0.0.1:") and f"for {who}, because WORLD_SIZE=2" in said


def test_under_torchrun_the_wait_is_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "LONGEST_WAIT_UNDER_TORCHRUN", 0.3)
    set_all(monkeypatch, {**WHOLE, "MASTER_PORT": free_port(), "TORCHELASTIC_RUN_ID": "none"})
    with pytest.raises(UsageError, match="in 0 s"):
        meet(place())


MEET = """
import sys
from benchmarks.core.command import Parser, run_command
from benchmarks.core.launch import meet, place

def work(options):
    from benchmarks.training import distributed
    print("meeting", flush=True)
    store = meet(place())
    distributed.start()
    del store
    print(distributed.rank(), distributed.size(), flush=True)
    if distributed.rank():
        assert distributed.announced() == "a cell"
        distributed.announced()  # of a process that never announces
    else:
        distributed.announce("a cell")
        sys.stdin.read()
    return 0

sys.exit(run_command(Parser("meet", "", ""), [], work))
"""


def start(rank: int, port: str) -> subprocess.Popen[str]:
    env = {**os.environ, **WHOLE, "RANK": str(rank), "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", MEET], cwd=ROOT, env=env, **streams)  # type: ignore[call-overload, no-any-return]


@pytest.mark.train
def test_two_processes_meet_and_a_waiting_one_heeds_signals() -> None:
    port = free_port()
    with start(1, port) as second, start(0, port) as first:
        for process, rank in ((first, 0), (second, 1)):
            assert process.stdout is not None and process.stdout.readline() == "meeting\n"
            assert process.stdout.readline() == f"{rank} 2\n"
        began = time.monotonic()
        second.send_signal(signal.SIGTERM)  # in a collective call, which would last for days
        assert second.wait(timeout=30) == 143 and time.monotonic() - began < 10
        first.kill()


@pytest.mark.train
def test_signals_end_the_wait_for_partners_at_once() -> None:
    env = {**os.environ, **WHOLE, "RANK": "0", "MASTER_PORT": free_port()}
    line = [sys.executable, "-c", MEET]
    with subprocess.Popen(line, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, preexec_fn=heed_interrupts) as process:
        assert process.stdout is not None and process.stdout.readline() == "meeting\n"
        time.sleep(0.5)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130 and time.monotonic() - began < 10


def test_a_number_that_is_there_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {**WHOLE, "WORLD_SIZE": "3", "RANK": "0", "MASTER_PORT": free_port()})
    from torch.distributed import PrefixStore, TCPStore

    here = Place(0, 3, "127.0.0.1", int(os.environ["MASTER_PORT"]))
    store = TCPStore(here.address, here.port, 3, is_master=True, wait_for_workers=False, multi_tenant=True)
    PrefixStore("meet/0", store).add("1", 1)
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(UsageError, match=r"^WORLD_SIZE=3 RANK=1 .*: another process is number 1 too: if they are left over"):
        meet(place())
