"""Speed of starting commands: processor time of fresh processes until a list, a plan, or the first training step."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from tempfile import TemporaryDirectory

from benchmarks.core.errors import BenchmarkError, one_line
from benchmarks.core.paths import ROOT
from benchmarks.measuring.figures import Figure

COMMANDS = {
    "run --list": ("--list",),
    "run --all --profile smoke --dry-run": ("--all", "--profile", "smoke", "--dry-run"),
}
UNTIL_FIRST_STEP = ("--methods", "edsr", "--profile", "smoke", "--output", "runs")
RUN = "import sys; from benchmarks.run import main; sys.exit(main(sys.argv[1:]))"
RUN_ONE_STEP = """
import os, sys
from benchmarks.execution.progress import one_by_one

class UntilFirstStep(one_by_one.OneByOne):
    def update(self, *progress):
        os._exit(0)

one_by_one.OneByOne = UntilFirstStep
from benchmarks.run import main
sys.exit(main(sys.argv[1:]))
"""


def measure_startup(repeat: int) -> Iterator[Figure]:
    """Measure commands in processes of their own, on a warm disk.

    Processor time hardly depends on what else the machine does; without other programs the wall time is about as long.

    Args:
        repeat: runs of each command after a first that fills caches; the fastest counts.
    """
    with TemporaryDirectory(prefix="cincgan-speed-") as folder:
        for name, options in COMMANDS.items():
            yield _figure(name, RUN, options, folder, repeat)
        yield _figure("run --methods edsr --profile smoke, until its first step", RUN_ONE_STEP, UNTIL_FIRST_STEP, folder, repeat)


def _figure(name: str, code: str, options: Sequence[str], folder: str, repeat: int) -> Figure:
    _processor_seconds(code, options, folder)
    return Figure(name, "", min(_processor_seconds(code, options, folder) for _ in range(repeat)), unit="s")


def _processor_seconds(code: str, options: Sequence[str], folder: str) -> float:
    """Processor seconds of a command in a fresh process. Raises BenchmarkError if it fails."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    line = [sys.executable, "-c", code, *options]
    done = subprocess.run(line, cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise BenchmarkError(f"python -m benchmarks.run {' '.join(options)}: {one_line(done.stderr.strip()[-300:])}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
