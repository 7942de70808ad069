"""Commands with wrong input: one line, the right exit code, and no change on disk."""

from __future__ import annotations

import hashlib
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.conftest import ROOT

COMMANDS = {
    "run": "benchmarks.run",
    "prepare": "benchmarks.prepare",
    "evaluate": "benchmarks.evaluate",
    "export": "benchmarks.export",
    "check": "benchmarks.check",
    "submit": "benchmarks.submit",
    "upscale": "benchmarks.upscale",
    "speed": "benchmarks.speed",
    "build": "reports.build",
    "comparison": "reports.comparison",
    "kernels": "reports.kernels",
    "completion": "benchmarks.completion",
    "bench": "benchmarks.__main__",
    "sync": "benchmarks.sync",
    "freeze": "benchmarks.freeze",
    "calibrate": "benchmarks.calibrate",
    "coverage": "benchmarks.coverage",
}

Refused = Callable[..., str]


def snapshot(folder: Path) -> dict[str, tuple[str, int, str]]:
    """Kind, size and SHA-256 of all entries below a folder, by path."""
    entries = {}
    for path in sorted(folder.rglob("*")):
        is_file = path.is_file() and not path.is_symlink()
        content = path.read_bytes() if is_file and os.access(path, os.R_OK) else b""
        kind = "link" if path.is_symlink() else "file" if is_file else "other"
        entries[str(path.relative_to(folder))] = (kind, len(content), hashlib.sha256(content).hexdigest())
    return entries


def check_line(stderr: str, message: str = "") -> str:
    """The single line of standard error, after checks of its form and message."""
    lines = stderr.splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("error: ") and message in lines[0], stderr
    assert "Traceback" not in stderr and lines[0].isprintable()
    assert len(lines[0]) < 1300
    return lines[0]


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Refused:
    """Calls a command in this process, in ``tmp_path``; it must refuse, and leave everything below ``tmp_path`` as it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CINCGAN_DATA", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def call(command: str, *arguments: object, message: str = "", code: int = 2) -> str:
        before = snapshot(tmp_path)
        capfd.readouterr()
        exit_code = importlib.import_module(COMMANDS[command]).main([str(argument) for argument in arguments])
        line = check_line(capfd.readouterr().err, message)
        assert exit_code == code, line
        assert snapshot(tmp_path) == before
        return line

    return call


def process(
    command: str, *arguments: str | bytes | Path, cwd: Path, environment: Mapping[str, str | None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a process in another folder; None removes a variable of the environment."""
    changes = {"PYTHONPATH": str(ROOT), "CINCGAN_CACHE": str(cwd / "cache"), "MLFLOW_TRACKING_URI": None, **(environment or {})}
    env = {key: value for key, value in {**os.environ, **changes}.items() if value is not None}
    line = [sys.executable, "-m", COMMANDS[command], *arguments]
    return subprocess.run(line, cwd=cwd, env=env, capture_output=True, text=True, errors="replace", timeout=120)
