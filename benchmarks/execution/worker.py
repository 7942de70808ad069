"""Computation of a cell where an executor has brought it: in this process, or with a training process for each GPU."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING, Any

from benchmarks.api.entries import Split
from benchmarks.catalog.profiles import Resources
from benchmarks.core.errors import BenchmarkError, Unexpected, UsageError, as_ours
from benchmarks.core.interruption import NAMES, PATIENCE, SIGNALS, Interrupted, interruptible
from benchmarks.core.offline import go_offline, is_offline
from benchmarks.data.dataset import Dataset
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell
from benchmarks.planning.identity import changed_inputs, code_here
from benchmarks.results.record import Result

if TYPE_CHECKING:
    from benchmarks.execution.compute import ProgressCallback


def compute(cell: Cell, root: Path, resources: Resources, report: ProgressCallback) -> Result:
    """Compute a cell on this machine, which may differ from the machine that planned it.

    Args:
        cell: a cell whose needed cells are finished in the workspace.
        root: folder of the workspace.
        resources: reserved for the cell. With more than one GPU a training runs on as many processes.
        report: called with steps or images done, their total number and the latest losses, possibly from another thread.

    Returns:
        The result, which is stored in the workspace.

    Raises:
        BenchmarkError: the cell's error, in a form that another process can receive.
        Interrupted: a signal asked to stop; a training has written its checkpoint.
    """
    with interruptible(lambda: None):
        try:
            _check_machine(cell)
            if cell.kind == "train" and resources.processes > 1:
                return _on_several_processes(cell, root, resources.processes, report)
            return _in_this_process(cell, root, report)
        except Exception as error:
            raise as_ours(error) from error


def _check_machine(cell: Cell) -> None:
    """Raise UsageError if this machine has other code or data than the plan, or lacks the data."""
    host = socket.gethostname()
    files = changed_inputs(cell)
    if files or cell.code != code_here(cell).name:
        differing = f" ({', '.join(files)})" if files else ""
        mend = "install the driver's version of the project there, or run again if the driver's was edited since"
        raise UsageError(f"{host}: the code there differs from the code that planned this run{differing}: {mend}")
    for data, splits, planned in cell.inputs:
        try:
            digest = _data_digest(data, splits)
        except UsageError as error:
            raise UsageError(f"on {host}: {error}") from None
        if digest != planned:
            raise UsageError(
                f"{host}: its images of data set '{data.card.name}' differ from the driver's: "
                f"run python -m benchmarks.prepare {data.card.name} there, or copy the driver's images"
            )


@cache
def _data_digest(data: Dataset, splits: Sequence[Split]) -> str:
    """Digest of this machine's images. Cached for the life of the process, since thousands of files are read."""
    own = replace(data)  # without the cached digests of the machine that planned
    own.verify(splits)
    return own.digest(*splits)


def _in_this_process(cell: Cell, root: Path, report: ProgressCallback) -> Result:
    from benchmarks.execution.compute import run_cell

    if is_offline():
        go_offline()
    return run_cell(cell, Workspace(root), report)


def _on_several_processes(cell: Cell, root: Path, processes: int, report: ProgressCallback) -> Result:
    """Train on several processes, each with a GPU of its own, or with a share of the cores on a machine without GPUs."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    os.environ["TORCHELASTIC_SIGNALS_TO_HANDLE"] = ",".join(NAMES)
    receiver, sender = Pipe(duplex=False)
    failures: list[BenchmarkError] = []
    listener = Thread(target=_listen, args=(receiver, report, failures))
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
            elastic_launch(config, _one_of_several)(cell, root, sender)
    except SignalException as stop:
        raise Interrupted(stop.sigval) from None
    except ChildFailedError as error:
        failures.append(Unexpected("a process of the training has ended", str(error)))
    finally:
        sender.close()
        listener.join()
    result = Workspace(root).read(cell)
    if failures or result is None:
        raise failures[0] if failures else Unexpected("the training has ended without a result")
    return result


def _listen(receiver: Connection, report: ProgressCallback, failures: list[BenchmarkError]) -> None:
    """Pass on progress and errors of the first process, until all processes have closed their ends of the pipe."""
    while True:
        try:
            message: Any = receiver.recv()
        except (EOFError, OSError):
            return
        if isinstance(message, BenchmarkError):
            failures.append(message)
        else:
            report(*message)


def _one_of_several(cell: Cell, root: Path, sender: Connection) -> None:
    """Body of each training process: rank 0 computes the cell, the others join its training. Only rank 0 handles signals."""
    from benchmarks.execution.compute import follow
    from benchmarks.training import distributed

    first = os.environ["RANK"] == "0"
    Thread(target=_exit_after, args=(os.getppid(),), daemon=True).start()
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler if first else signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    with interruptible(lambda: None):
        _heed_one_signal()
        try:
            distributed.start()
            if first:
                _in_this_process(cell, root, lambda *progress: sender.send(progress))
                distributed.announce(None)
            else:
                follow([cell], Workspace(root))
        except Exception as error:
            if first:
                sender.send(as_ours(error))
            raise
        finally:
            distributed.leave()


def _heed_one_signal() -> None:
    """Ignore all signals after the first.

    If a scheduler signals every process, the launcher passes its own signal on as well: the second would cut off the checkpoint.
    """

    def heed(number: int, frame: FrameType | None) -> None:
        for ignored in SIGNALS:
            signal.signal(ignored, signal.SIG_IGN)
        handlers[number](number, frame)

    handlers: dict[int, Any] = {number: handler for number in SIGNALS if callable(handler := signal.getsignal(number))}
    for number in handlers:
        signal.signal(number, heed)


def _exit_after(parent: int) -> None:
    """Exit some seconds after the parent process.

    A process that waits in a collective operation for a killed process would wait for ever.
    """
    while os.getppid() == parent:
        time.sleep(1)
    time.sleep(PATIENCE)
    os._exit(1)
