"""Put on PYTHONPATH by the kill harness: knows which phase a run is in, and ends it with SIGKILL at the moment that was planned.

Only the process of ``python -m benchmarks.run`` is concerned, not what it starts. Which phase it is in is read off the main
thread's stack, by file names: of the code that is tested nothing is changed but the time between two checkpoints.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

ROOM = str(Path(__file__).resolve().parents[3]) + os.sep
DECODING = {"pixels.py", "photos.py", "images.py", "decode.py", "degradation.py"}
TOUCHES = {
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.truncate",
    "socket.connect",
    "sqlite3.connect",
    "fcntl.flock",
    "shutil.rmtree",
}
SAMPLE_SECONDS = 0.01
WIDTH = 32  # bytes of the note that the harness reads


def phase_of(frame: FrameType | None) -> str:
    """What a stack is busy with; modules that are only being imported do not count."""
    files = set()
    while frame is not None:
        if frame.f_code.co_filename.startswith(ROOM) and frame.f_code.co_name != "<module>":
            files.add(frame.f_code.co_filename[len(ROOM) :])
        frame = frame.f_back
    names = {name.rpartition("/")[2] for name in files}
    if "tracking.py" in names:
        return "mlflow"
    if any(name.startswith("reports/") for name in files):
        return "report" if "build.py" in names else "table"
    if names & {"package_index.py", "download.py"} or names >= {"weights.py", "files.py"}:
        return "download"
    if names & DECODING:
        return "decoding"
    if "training.py" in names:
        return "checkpoint" if "files.py" in names else "training"
    if names & {"evaluation.py", "scoring.py"}:
        return "evaluation"
    if "files.py" in names and "invocation.py" in names:
        return "result" if "cells.py" in names else "table"
    return "start"


class Reaper:
    """Kills its own process group at a moment of the plan.

    Args:
        plan: ``note``, the file that says what phase the process is in; ``checkpoint_seconds``; and, where the process is to
            end itself: ``phase`` (any where empty), and there ``event``, the ordinal of what touches the disk or the network,
            or ``seconds`` that are spent.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan, self.main = plan, threading.main_thread().ident
        self.note = os.open(plan["note"], os.O_RDWR | os.O_CREAT, 0o600)
        self.events, self.spent = 0, 0.0
        self.sync = os.fsync

    def start(self) -> None:
        if "event" in self.plan:
            os.fsync = self.fsync
            sys.addaudithook(self.hook)
        threading.Thread(target=self.watch, daemon=True).start()

    def write(self, phase: str) -> None:
        os.pwrite(self.note, phase.ljust(WIDTH).encode(), 0)

    def kill(self, phase: str) -> None:
        self.write(phase)
        os.killpg(0, signal.SIGKILL)

    def watch(self) -> None:
        """Note the phase a hundred times a second."""
        while True:
            before = time.monotonic()
            time.sleep(SAMPLE_SECONDS)
            training = sys.modules.get("benchmarks.training")
            if hasattr(training, "train"):
                training.CHECKPOINT_SECONDS = self.plan["checkpoint_seconds"]  # type: ignore[union-attr]
            phase = phase_of(sys._current_frames().get(self.main or 0))
            self.write(phase)
            if "seconds" in self.plan and self.plan["phase"] in (phase, ""):
                self.spent += (time.monotonic() - before) * (phase != "start" or self.plan["phase"] == "start")
                if self.spent >= self.plan["seconds"]:
                    self.kill(phase)

    def fsync(self, file: Any) -> None:
        self.hook("os.fsync", (file,))
        self.sync(file)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Count what is about to happen in the phase that is waited for."""
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if (writes or event == "os.fsync" or event in TOUCHES) and threading.get_ident() == self.main:
            phase = phase_of(sys._getframe(1))
            if phase == self.plan["phase"]:
                self.events += 1
                if self.events >= self.plan["event"]:
                    self.kill(phase)


if "CINCGAN_REAPER" in os.environ and "benchmarks.run" in sys.orig_argv:
    Reaper(json.loads(os.environ["CINCGAN_REAPER"])).start()
