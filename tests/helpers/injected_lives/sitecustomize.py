"""Put on PYTHONPATH by these tests: finds the phase of a run, and at a planned moment kills the run or makes its disk fail.

Only the process of ``python -m benchmarks.run`` is concerned, not its child processes. The phase is found by the file names in
the main thread's stack. Nothing of the tested code is changed but the time between two checkpoints.
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

PROJECT = f"{Path.cwd()}{os.sep}"
ATOMIC_FILES = "benchmarks/core/files.py"
DOWNLOAD = "benchmarks/data/acquisition/"
DECODING = ("benchmarks/data/pixels/images.py", "benchmarks/data/pixels/decode.py", "benchmarks/degradations/")
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
WIDTH = 32  # bytes of the note that the test reads


def phase_of(frame: FrameType | None) -> str:
    """The phase that a stack belongs to; modules that are being imported do not count."""
    files = set()
    while frame is not None:
        if frame.f_code.co_filename.startswith(PROJECT) and frame.f_code.co_name != "<module>":
            files.add(frame.f_code.co_filename[len(PROJECT) :])
        frame = frame.f_back

    def runs(*places: str) -> bool:
        return any(name.startswith(places) for name in files)

    if runs("benchmarks/tracking/"):
        return "mlflow"
    if runs("reports/"):
        return "report" if runs("reports/build.py") else "table"
    if runs(f"{DOWNLOAD}package_index.py", f"{DOWNLOAD}download.py") or {f"{DOWNLOAD}weights.py", ATOMIC_FILES} <= files:
        return "download"
    if runs(*DECODING):
        return "decoding"
    if runs("benchmarks/training/"):
        return "checkpoint" if ATOMIC_FILES in files else "training"
    if runs("benchmarks/scoring/"):
        return "evaluation"
    if {ATOMIC_FILES, "benchmarks/execution/compute.py"} <= files:
        return "result"
    return "start"


class Reaper:
    """Strikes once, at the moment that the plan names: kills its own process group, or runs a command.

    Args:
        plan: with these keys, of which only the first two must be there:

            - ``note``: the file that names the present phase.
            - ``checkpoint_seconds``: between two checkpoints.
            - ``phase``, ``seconds``: strike after so many seconds of processor time in this phase.
            - ``phase``, ``event``: strike at the n-th access to disk or network in this phase.
            - ``file``, ``event``: strike when a file with this text in its path is opened for writing for the n-th time.
            - ``delay``: seconds between the event and the strike.
            - ``latest``: strike after so many seconds of processor time in any case.
            - ``run``: a command to run in place of SIGKILL.
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
        """Write the phase into the note a hundred times a second."""
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
        """Count the planned events, and strike before the n-th takes place."""
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
