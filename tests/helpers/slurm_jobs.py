"""Code that jobs of tests run at their start, a view that acts in the middle of a training, and drivers in the background."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.execution.executors.executor import Ended
from benchmarks.planning.cells import Cell
from benchmarks.results.layout import JOB_PROGRESS
from tests.conftest import ROOT, heed_interrupts

OFTEN = """
import sys, threading, time

def often():
    while not hasattr(sys.modules.get("benchmarks.training.loop"), "train"):
        time.sleep(0.01)
    sys.modules["benchmarks.training.loop"].CHECKPOINT_SECONDS = 0.2

threading.Thread(target=often, daemon=True).start()
"""

DEADLY = """
import os, signal

if os.environ.get("SLURM_JOB_NAME", "").startswith("train-edsr"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


class View:
    """A view that keeps messages, and acts once, when a training has done some steps."""

    def __init__(self, at: int = 0, act: Callable[[], None] = lambda: None) -> None:
        self.at, self.act, self.messages = at, act, list[str]()

    def started(self, cell: Cell) -> None:
        self.messages.append(f"start {cell.label}")

    def update(self, cell: Cell, done: int, of: int, losses: Mapping[str, float], /) -> None:
        if self.at and done >= self.at and losses:
            self.at = 0
            self.act()

    def lost(self, cell: Cell, why: str) -> None:
        self.messages.append(why)

    def ended(self, ended: Ended) -> None:
        pass


@contextmanager
def driver(line: Sequence[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The command in the background, in a process group of its own, as in a terminal."""
    env = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"} | environment
    words = [sys.executable, "-m", "benchmarks.run", *line]
    how: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    with subprocess.Popen(words, cwd=ROOT, env=env, preexec_fn=heed_interrupts, **how) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_steps(root: Path, steps: int, seconds: float = 120) -> None:
    """Wait until the training that runs in a workspace has done so many steps."""
    end = time.monotonic() + seconds
    while not any(json.loads(path.read_text())[0] >= steps for path in root.glob(f"cells/train-*/{JOB_PROGRESS}")):
        assert time.monotonic() < end, [log.read_text() for log in root.glob("jobs/*.out")]
        time.sleep(0.1)
