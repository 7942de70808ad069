"""Put on PYTHONPATH by these tests: knows which phase a run is in, and at the planned moment kills it or takes its disk away.

Only the process of ``python -m benchmarks.run`` is concerned, not what it starts. Which phase it is in is read off the main
thread's stack, by file names: of the code that is tested nothing is changed but the time between two checkpoints.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

ROOM = f"{Path.cwd()}{os.sep}"
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
    if any(name.startswith(("tracking", "mlflow")) for name in names):
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
    if {"files.py", "cells.py"} <= names:
        return "result"
    if {"files.py", "invocation.py"} <= names and "workspace.py" not in names:  # which writes a probe and a mark
        return "table"
    return "start"


class Reaper:
    """Strikes once, at the moment that the plan names: kills its own process group, or runs a command.

    Args:
        plan: ``note``, the file that says what phase the process is in; ``checkpoint_seconds``; the moment, if there is to be
            one: ``seconds`` of processor time spent in ``phase``, or ``event``, the ordinal of what touches disk or network in
            ``phase`` or of opening for writing what has ``file`` in its path, and ``delay``, seconds after it; ``latest``, the
            processor time after which it is struck in any case; and ``run``, a command in place of SIGKILL.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan, self.main = plan, threading.main_thread().ident
        self.note = os.open(plan["note"], os.O_RDWR | os.O_CREAT, 0o600)
        self.events, self.spent, self.struck = 0, 0.0, False
        self.sync = os.fsync

    def start(self) -> None:
        if "event" in self.plan:
            os.fsync = self.fsync
            sys.addaudithook(self.hook)
        threading.Thread(target=self.watch, daemon=True).start()

    def phase(self) -> str:
        return phase_of(sys._current_frames().get(self.main or 0))

    def write(self, phase: str) -> None:
        os.pwrite(self.note, f"{phase} {time.process_time():.2f}".ljust(WIDTH).encode(), 0)

    def strike(self, phase: str) -> None:
        self.struck = True
        self.write(phase)
        if "run" not in self.plan:
            os.killpg(0, signal.SIGKILL)
        subprocess.run([word.replace("PID", str(os.getpid())) for word in self.plan["run"]], check=True, stderr=subprocess.PIPE)

    def watch(self) -> None:
        """Note the phase a hundred times a second."""
        after = 0.0
        while True:
            time.sleep(SAMPLE_SECONDS)
            training = sys.modules.get("benchmarks.training.loop")
            if hasattr(training, "train"):
                training.CHECKPOINT_SECONDS = self.plan["checkpoint_seconds"]  # type: ignore[union-attr]
            phase, before, after = self.phase(), after, time.process_time()
            self.write(phase)
            if phase == self.plan.get("phase"):
                self.spent += after - before
                if self.spent >= self.plan.get("seconds", math.inf):
                    self.strike(phase)
            if after >= self.plan.get("latest", math.inf):
                self.strike(phase)

    def fsync(self, file: Any) -> None:
        self.hook("os.fsync", (file,))
        self.sync(file)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Count the events that the plan means; each is struck before it takes place."""
        if self.struck:
            return
        opens = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if "file" in self.plan:
            counts = (opens or event == "sqlite3.connect") and self.plan["file"] in str(arguments[0])
        else:
            counts = opens or event == "os.fsync" or event in TOUCHES
        if not counts:
            return
        phase = self.phase()
        if self.plan.get("phase", phase) == phase:
            self.events += 1
            if self.events == self.plan["event"]:
                if "delay" in self.plan:
                    threading.Timer(self.plan["delay"], self.strike, [phase]).start()
                else:
                    self.strike(phase)


if "CINCGAN_REAPER" in os.environ and "benchmarks.run" in sys.orig_argv:
    Reaper(json.loads(os.environ["CINCGAN_REAPER"])).start()
