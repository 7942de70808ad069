"""An executor's side where cells are computed: one cell in this process, or its training on as many processes as it has GPUs."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import Any

from benchmarks.api.entries import Split
from benchmarks.catalog.profiles import Resources
from benchmarks.core.errors import BenchmarkError, Unexpected, UsageError, as_ours
from benchmarks.core.interruption import PATIENCE, Interrupted, interruptible
from benchmarks.core.offline import go_offline, is_offline
from benchmarks.data.dataset import Dataset
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell
from benchmarks.planning.identity import code_here
from benchmarks.results.record import Result

SIGNALS = (signal.SIGINT, signal.SIGTERM)

Report = Callable[[int, int, dict[str, float]], None]  # units done, units in all, latest losses


def compute(cell: Cell, root: Path, resources: Resources, report: Report) -> Result:
    """Compute a cell here, which need not be where it was planned.

    Args:
        cell: whose needs are finished in the workspace.
        root: of the workspace.
        resources: what was set aside; more than one GPU: a training runs on as many processes.
        report: called with units done, units in all and the latest losses, at times from another thread.

    Returns:
        The result as stored in the workspace.

    Raises:
        BenchmarkError: whatever the cell raised, fit to be handed to another process.
        Interrupted: SIGINT or SIGTERM asked to stop; a training has written its checkpoint.
    """
    with interruptible(lambda: None):
        try:
            _check_place(cell)
            if cell.kind == "train" and resources.gpus > 1:
                return _on_several(cell, root, resources.gpus, report)
            return _here(cell, root, report)
        except Exception as error:
            raise as_ours(error) from error


def _check_place(cell: Cell) -> None:
    """Raise UsageError where this machine would compute something else, or has not the data."""
    host = socket.gethostname()
    if cell.code != code_here(cell):
        raise UsageError(f"{host} has another version of this project: install there the one that the run was started with")
    try:
        digest = _data_digest(cell.data, cell.splits)
    except UsageError as error:
        raise UsageError(f"on {host}: {error}") from None
    if digest != cell.data_digest:
        raise UsageError(f"{host} has other images of data set '{cell.dataset}': bring there those that the run was started with")


@cache
def _data_digest(data: Dataset, splits: Sequence[Split]) -> str:
    """Of what is here; once in the life of a process, for thousands of files are looked at."""
    here = replace(data)  # the one that was brought remembers the digests of where it was planned
    here.verify(splits)
    return here.digest(*splits)


def _here(cell: Cell, root: Path, report: Report) -> Result:
    from benchmarks.execution.compute import run_cell

    if is_offline():
        go_offline()
    return run_cell(cell, Workspace(root), report)


def _on_several(cell: Cell, root: Path, processes: int, report: Report) -> Result:
    """Train on processes of which each has a GPU, or on a machine without any a share of the cores."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    ours, theirs = Pipe(duplex=False)
    failures: list[BenchmarkError] = []
    listener = Thread(target=_listen, args=(ours, report, failures))
    listener.start()
    try:
        with tempfile.TemporaryDirectory() as logs:
            config = LaunchConfig(
                *(1, 1, processes),
                run_id=cell.id,
                rdzv_backend="c10d",
                rdzv_endpoint="localhost:0",
                max_restarts=0,
                logs_specs=DefaultLogsSpecs(log_dir=logs),
            )
            elastic_launch(config, _one_of_several)(cell, root, theirs)
    except SignalException as stop:
        raise Interrupted(stop.sigval) from None
    except ChildFailedError as error:
        failures.append(Unexpected("a process of the training has ended", str(error)))
    finally:
        theirs.close()
        listener.join()
    result = Workspace(root).read(cell)
    if failures or result is None:
        raise failures[0] if failures else Unexpected("the training has ended without a result")
    return result


def _listen(ours: Connection, report: Report, failures: list[BenchmarkError]) -> None:
    """Pass on what the first process says, until the last one that could say something is gone."""
    while True:
        try:
            said: Any = ours.recv()
        except (EOFError, OSError):
            return
        if isinstance(said, BenchmarkError):
            failures.append(said)
        else:
            report(*said)


def _one_of_several(cell: Cell, root: Path, said: Connection) -> None:
    """The first process computes the cell; the others take part in its training, and only the first one stops it."""
    from benchmarks.execution.compute import follow
    from benchmarks.training import distributed

    first = os.environ["RANK"] == "0"
    Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler if first else signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    with interruptible(lambda: None):
        _heed_one_signal()
        try:
            distributed.start()
            if first:
                _here(cell, root, lambda *progress: said.send(progress))
                distributed.announce(None)
            else:
                follow([cell], Workspace(root))
        except Exception as error:
            if first:
                said.send(as_ours(error))
            raise
        finally:
            distributed.leave()


def _heed_one_signal() -> None:
    """Where a scheduler signals every process, the launcher passes on its own: the second would cut off the checkpoint."""

    def heed(number: int, frame: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        handlers[number](number, frame)

    handlers: dict[int, Any] = {number: handler for number in SIGNALS if callable(handler := signal.getsignal(number))}
    for number in handlers:
        signal.signal(number, heed)


def _end_with(parent: int) -> None:
    """Nobody else would end a process that waits for one that is gone."""
    while os.getppid() == parent:
        time.sleep(1)
    time.sleep(PATIENCE)
    os._exit(1)
