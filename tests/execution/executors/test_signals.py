"""Signals to the driver of an executor: each ends the run as SIGTERM does, through the executor, whose jobs get none of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import pytest

from benchmarks import run
from benchmarks.core.interruption import SIGNALS, Interrupted
from benchmarks.execution.executors import on_ray
from benchmarks.execution.executors.executor import Ended, Executor, ProgressCallback
from benchmarks.execution.executors.queues import Local
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell

STOP = (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)


@pytest.fixture(autouse=True)
def default_handlers() -> Iterator[None]:
    """Handlers as of a process that nobody has told to ignore signals."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in STOP}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Signalled(Executor):
    """An executor whose driver gets a signal while a cell is computed elsewhere."""

    capacity = None

    def __init__(self, number: signal.Signals) -> None:
        self._number = number
        self.left_by: BaseException | None = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.left_by = error

    def start(self, cell: Cell) -> None:
        pass

    def poll(self, report: ProgressCallback) -> Sequence[Ended]:
        os.kill(os.getpid(), self._number)
        time.sleep(1)
        return []


@pytest.mark.parametrize("number", STOP)
def test_a_signal_ends_the_run_through_the_executor(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    executor = Signalled(number)
    monkeypatch.setattr("benchmarks.execution.executors.selection.make_executor", lambda *_: executor)
    monkeypatch.setattr("benchmarks.core.interruption._end", lambda code: pytest.fail("the run did not end in time"))
    code = run.main(["--methods", "bicubic", "--profile", "smoke", "--output", str(tmp_path)])
    assert code == 128 + number and isinstance(executor.left_by, Interrupted)
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .startswith(f"interrupted: finished cells and checkpoints are kept in {tmp_path}; to go on: ")
    )


def test_a_job_on_this_machine_gets_signals_through_the_driver_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit")
    masks: list[str] = []

    def submit(*_: object) -> str:
        script = "import signal; print(sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))))"
        masks.append(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip())
        return "1"

    queue = Local(Workspace(tmp_path), 1)
    monkeypatch.setattr(queue, "_submit", submit)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    queue.submit(Stub(), Stub())  # type: ignore[arg-type]
    assert masks == [str(sorted({*map(int, before), *map(int, SIGNALS)} - {int(signal.SIGTERM)}))]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before, "the driver hears all of them again"


class Stub:
    folder = "evaluate-bicubic"


@pytest.mark.ray
def test_ray_leaves_the_handlers_of_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    from ray._private import worker

    def init(*_: object, **__: object) -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(worker, "print_to_stdstream", worker.print_to_stdstream)
    before = [signal.getsignal(number) for number in SIGNALS]
    on_ray._connect(None)
    assert [signal.getsignal(number) for number in SIGNALS] == before
