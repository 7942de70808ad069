"""Lives of a command: its process is killed at a planned moment and started again, and the last one comes to its end."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

INJECTED = Path(__file__).parent / "injected_lives"
CHECKPOINT_SECONDS = 0.1
SHORT = (
    *("--methods", "bicubic", "fsrcnn", "--profile", "smoke", "--set", "metrics=['psnr', 'ssim']"),
    *("--set", "protocols=['rgb', 'ntire2018']", "--set", "stages.fsrcnn.training.steps=80"),
)
PHASES = ("start", "download", "decoding", "training", "checkpoint", "evaluation", "result", "table", "mlflow", "report")


@dataclass(frozen=True)
class Life:
    """The life of one process.

    Attributes:
        phase: in which it was killed; empty if it ended by itself.
        status: exit status; negative for a signal.
        seconds: from start to end.
        spent: seconds of processor time.
        errors: standard error.
    """

    phase: str
    status: int
    seconds: float
    spent: float
    errors: str


@dataclass(frozen=True)
class Command:
    """The command that all lives run.

    Attributes:
        arguments: of ``python -m benchmarks.run``, without ``--output``.
        output: its workspace.
        environment: variables besides this process's.
    """

    arguments: Sequence[str]
    output: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def line(self) -> list[str]:
        return [sys.executable, "-m", "benchmarks.run", *self.arguments, "--output", str(self.output)]

    def environ(self, **more: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
        return kept | self.environment | more

    def undisturbed(self, *more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.line, *more], cwd=ROOT, env=self.environ(), capture_output=True, text=True, timeout=1800)

    def live(self, plan: dict[str, Any], latest: float = 1800) -> Life:
        """Run the command once: it is struck as planned, or killed from outside after ``latest`` seconds, or ends by itself."""
        note = self.output.with_name(f"{self.output.name}.phase")
        note.write_text("start 0.1")
        reaper = json.dumps({"note": str(note), "checkpoint_seconds": CHECKPOINT_SECONDS, **plan})
        began, streams = time.monotonic(), {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        environment = self.environ(PYTHONPATH=str(INJECTED), CINCGAN_REAPER=reaper)
        with subprocess.Popen(self.line, cwd=ROOT, env=environment, **streams, start_new_session=True) as process:
            try:
                _, errors = process.communicate(timeout=latest)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                _, errors = process.communicate()
        phase, spent = note.read_text().split()
        phase = phase if process.returncode == -signal.SIGKILL else ""
        return Life(phase, process.returncode, time.monotonic() - began, float(spent), errors.decode(errors="replace"))


class Chance:
    """Draws moments of kills, so that all phases are hit and the work keeps pace with the number of kills.

    Args:
        seed: of the random numbers.
        kills: number of kills.
        last: number of kills that are reserved for the time when all cells are finished.
    """

    def __init__(self, seed: int, kills: int, last: int) -> None:
        self.random, self.kills, self.last = random.Random(seed), kills, last  # noqa: S311
        self.hits: dict[str, int] = dict.fromkeys(PHASES, 0)
        self.slowness = 1.0  # seconds per second of processor time: other processes use the machine as well

    def record(self, life: Life) -> None:
        self.hits[life.phase] += 1
        self.slowness = max(1.0, life.seconds / life.spent)

    @property
    def used(self) -> int:
        return sum(self.hits.values())

    def draw(self, done: float) -> tuple[dict[str, Any], float]:
        """Draw the plan of the next life, and the seconds after which it is killed from outside.

        Args:
            done: share of the cells that are finished.
        """
        if done >= 1:
            phase = self._rarest("report", "table", "mlflow")
            return self._moment(phase, 8.0), 1800.0
        lag = self.used / max(1, self.kills - self.last) - done  # positive if the work is behind the kills
        patience = 1 if lag < 0 else min(20.0, 1 + 60 * lag)  # the longest cell takes a minute
        latest = self.random.uniform(5, 8 + 6 * (patience - 1))
        if self.random.random() < 0.2:
            return {}, self.slowness * latest
        early = ("download",) if self.hits["download"] < self.kills // 8 and done < 0.75 else ()
        phase = self._rarest(*early, "start", "decoding", "training", "checkpoint", "evaluation", "result", "table", "mlflow")
        return {**self._moment(phase, patience), "latest": latest}, 1800.0

    def _rarest(self, *phases: str) -> str:
        """One of the phases that were hit least, with some noise."""
        return min(phases, key=lambda phase: self.hits[phase] + self.random.uniform(0, 2))

    def _moment(self, phase: str, patience: float) -> dict[str, Any]:
        if phase in ("start", "training", "evaluation") or self.random.random() < 0.3:
            longest = {"checkpoint": 0.05, "result": 0.02, "table": 0.3, "decoding": 0.5, "report": 1.0}.get(phase, 1.0)
            return {"phase": phase, "seconds": self.random.uniform(0, longest * patience)}
        return {"phase": phase, "event": self.random.randint(1, round(6 * patience))}
