"""Signals in real processes: they stop within seconds, keep all results, and say how to go on."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from benchmarks.results.files import read_result
from benchmarks.results.record import TrainingResult
from tests.conftest import ROOT, heed_interrupts, mlflow_statuses

pytestmark = pytest.mark.train

STEPS = 120
SECONDS = 10.0  # limit for stopping: 5, and as much for a busy machine
TRAINING = [
    "--methods",
    "bicubic",
    "edsr",
    "--profile",
    "smoke",
    "--set",
    "metrics=['psnr']",
    "--set",
    f"stages.edsr.training.steps={STEPS}",
]


def start(line: list[str]) -> subprocess.Popen[str]:
    env = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *line], cwd=ROOT, env=env, preexec_fn=heed_interrupts, **streams)  # type: ignore[call-overload]


def stop(process: subprocess.Popen[str], number: int) -> tuple[float, str]:
    """Send a signal. Returns the seconds until the process ended, and its further output to standard error."""
    sent = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    return time.monotonic() - sent, said


def trained(output: Path) -> Path:
    (folder,) = output.glob("cells/train-edsr-*")
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("undisturbed") / "runs"
    with start(["-m", "benchmarks.run", *TRAINING, "--output", str(output)]) as process:
        _, said = process.communicate()
    assert process.returncode == 0, said
    return output


def stop_in_training(output: Path, number: signal.Signals) -> str:
    """Stop a run within its training and check what it leaves. Returns the command that goes on."""
    with start(["-m", "benchmarks.run", *TRAINING, "--output", str(output)]) as process:
        assert process.stderr is not None
        assert any("train edsr" in text and f": {STEPS // 4}/{STEPS}" in text for text in process.stderr)
        seconds, said = stop(process, number)
    assert process.returncode == 128 + number
    assert seconds < SECONDS
    assert "Traceback" not in said
    kept, _, resume = said.splitlines()[-1].partition("; to go on: ")
    assert kept == f"interrupted: finished cells and checkpoints are kept in {output}"
    assert "| edsr (seed 0 not run yet)" in (output / "table-smoke.md").read_text(encoding="utf-8")
    assert mlflow_statuses(output) == {"FINISHED", "KILLED"}
    assert STEPS // 4 <= steps_kept(output) < STEPS
    return resume


def steps_kept(output: Path) -> int:
    steps: int = torch.load(trained(output) / "checkpoint.pt", weights_only=True)["progress"]["step"]
    return steps


def test_ctrl_c_stops_a_training_and_keeps_it(tmp_path: Path) -> None:
    stop_in_training(tmp_path / "runs", signal.SIGINT)


def test_a_terminated_training_goes_on_to_the_same_bits(undisturbed: Path, tmp_path: Path) -> None:
    output = tmp_path / "runs"
    python, *rest = shlex.split(stop_in_training(output, signal.SIGTERM))
    done = steps_kept(output)
    assert python == "python"
    with start(rest) as process:
        assert process.stderr is not None
        first = next(text for text in process.stderr if "train edsr" in text)
        process.communicate()
    assert process.returncode == 0
    assert int(first.partition(f"/{STEPS}")[0].rpartition(" ")[2]) > done, "it goes on after the checkpoint"
    resumed, whole = (read_result(trained(folder) / "result.json") for folder in (output, undisturbed))
    assert isinstance(resumed, TrainingResult) and isinstance(whole, TrainingResult)
    assert resumed.weights_digest == whole.weights_digest
    assert resumed.history == whole.history
    assert not (trained(output) / "checkpoint.pt").exists()


LONG = """\
import sys, time
from benchmarks.core.command import Parser, run_command
from benchmarks.core.interruption import whole

def work(options):
    print("at work", flush=True)
    with whole():
        time.sleep(60)
    return 0

sys.exit(run_command(Parser("long", "", ""), [], work))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_step_that_takes_too_long_is_not_waited_for(number: signal.Signals) -> None:
    with start(["-c", LONG]) as process:
        assert process.stdout is not None and process.stdout.readline() == "at work\n"
        seconds, said = stop(process, number)
    assert process.returncode == 128 + number
    assert seconds < SECONDS
    assert said == "interrupted: nothing was written\n"


def test_a_second_signal_is_heeded_at_once() -> None:
    with start(["-c", LONG]) as process:
        assert process.stdout is not None and process.stdout.readline() == "at work\n"
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        seconds, said = stop(process, signal.SIGINT)
    assert process.returncode == 143, "the first one counts"
    assert seconds < 1
    assert said == "interrupted: nothing was written\n"


IN_A_LIBRARY = """\
import hashlib, os, sys
from benchmarks.core.command import Parser, run_command

def work(options):
    child = os.fork()
    if not child:
        os.close(2)
        os.kill(os.getpid(), 15)  # as multiprocessing ends its workers: none of the parent's business
    os.waitpid(child, 0)
    print("at work", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # ten minutes

sys.exit(run_command(Parser("long", "", ""), [], work))
"""


def test_a_call_into_a_library_that_does_not_return() -> None:
    """Python runs the handler after the call, which may wait for another process for days."""
    with start(["-c", IN_A_LIBRARY]) as process:
        assert process.stdout is not None and process.stdout.readline() == "at work\n"
        time.sleep(0.3)
        seconds, said = stop(process, signal.SIGUSR1)
    assert process.returncode == 128 + signal.SIGUSR1
    assert 3 < seconds < SECONDS
    assert said == "interrupted: nothing was written\n"


def test_an_ignored_hangup_stays_ignored() -> None:
    with start(["-c", f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n{WAITING}"]) as process:
        assert process.stdout is not None and process.stdout.readline() == "at work\n"
        process.send_signal(signal.SIGHUP)  # as after nohup
        time.sleep(0.3)
        assert process.poll() is None
        stop(process, signal.SIGTERM)
    assert process.returncode == 143


WAITING = LONG.replace("with whole()", "if True")

HANGUP = """\
import sys, time
from benchmarks.core.command import Parser, run_command
from benchmarks.core.progress.step_progress import StepProgress

def work(options):
    with StepProgress("training") as progress:
        print("at work", flush=True)
        while True:
            progress.update(1, 2, {})
            time.sleep(0.01)

code = run_command(Parser("long", "", ""), [], work)
open(sys.argv[1], "w").write(str(code))
sys.exit(code)
"""


def test_a_terminal_that_hangs_up(tmp_path: Path) -> None:
    import pty

    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        heed_interrupts()
        os.execv(sys.executable, [sys.executable, "-c", HANGUP, str(tmp_path / "code")])  # noqa: S606
    said = b""
    while b"at work" not in said:
        said += os.read(terminal, 1024)
    os.close(terminal)  # the kernel sends SIGHUP, and writing fails from here on
    began = time.monotonic()
    os.waitpid(child, 0)
    assert time.monotonic() - began < SECONDS
    assert (tmp_path / "code").read_text(encoding="utf-8") == "129"


ABORTING = """\
import atexit, os, time
from benchmarks.core.command import Parser, end_process, run_command

def work(options):
    atexit.register(os.abort)
    print("at work", flush=True)
    time.sleep(60)
    return 0

end_process(run_command(Parser("aborting", "", ""), [], work))
"""


def test_a_library_that_aborts_pythons_orderly_end_does_not_change_the_exit_code() -> None:
    """As a thread of MLflow's that was left behind may do."""
    with start(["-c", ABORTING]) as process:
        assert process.stdout is not None and process.stdout.readline() == "at work\n"
        _, said = stop(process, signal.SIGTERM)
    assert process.returncode == 128 + signal.SIGTERM
    assert said == "interrupted: nothing was written\n"
