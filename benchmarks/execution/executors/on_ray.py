"""The Ray executor: each cell is a task of a Ray cluster. ``ray_workspace`` has the code that runs in the cluster."""

from __future__ import annotations

import itertools
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import TracebackType
from typing import Any

from benchmarks.catalog.profiles import Profile, Resources
from benchmarks.core.errors import BenchmarkError, UsageError
from benchmarks.core.interruption import SIGNALS, unhurried
from benchmarks.core.offline import is_offline
from benchmarks.execution.executors.executor import Ended, ExecutorOptions, NamedExecutor, ProgressCallback
from benchmarks.execution.executors.ray_workspace import WorkspaceServer, ask, work
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell

STOP_SECONDS = 30.0  # for workers to write their checkpoints
CONNECT_SECONDS = 5.0


class OnRay(NamedExecutor):
    """Hands cells to Ray, which starts each on a node with the resources that are reserved for it.

    Args:
        workspace: of the driver; no other machine needs to see its files.
        profile: its ``resources`` are reserved for cells.
        address: ``HOST:PORT`` of a running cluster, of which this machine is a node; None to start a cluster on this machine.

    Raises:
        ModuleNotFoundError: Ray is not installed.
    """

    options = ("address",)
    capacity = None

    def __init__(self, workspace: Workspace, profile: Profile, address: str | None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray  # noqa: F401 - raises early if Ray is not installed

        self._workspace, self._profile = workspace, profile
        host, _, port = (address or "").rpartition(":")
        self._address = (host, int(port)) if address else None
        self._running: dict[Any, Cell] = {}
        self._attempts = itertools.count()
        self._warned = set[Resources]()

    @classmethod
    def make(cls, workspace: Workspace, profile: Profile, options: ExecutorOptions) -> OnRay:
        """Make the executor. Raises ModuleNotFoundError if Ray is not installed."""
        return cls(workspace, profile, options.address)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the running cells, with checkpoints written, and leave the cluster."""
        import ray

        with unhurried():
            for task in self._running:
                ray.cancel(task)
            if self._running:
                ray.wait(list(self._running), num_returns=len(self._running), timeout=STOP_SECONDS)
            ray.shutdown()

    def start(self, cell: Cell) -> None:
        """Queue the cell in Ray. Raises UsageError if no cluster is reached, or a cluster of its own can never run the cell."""
        attempt, resources = next(self._attempts), self._profile.resources_for(cell.kind, cell.label)
        self._ask(self._server.begin.remote(cell, attempt))
        needs = {"CPU": resources.cpus, "GPU": resources.gpus, "memory": int(resources.memory_gb * 1e9)}
        self._check_fits(cell, resources, needs)
        task = self._work.options(num_cpus=needs["CPU"], num_gpus=needs["GPU"], memory=needs["memory"])
        self._running[task.remote(self._server, cell, attempt, resources, is_offline())] = cell

    def poll(self, report: ProgressCallback) -> Sequence[Ended]:
        """Wait for a second, or until a cell has ended. Returns the cells that have ended."""
        import ray

        ended, _ = ray.wait(list(self._running), timeout=1.0)
        for cell, progress in self._ask(self._server.take_reports.remote()):
            report(cell, *progress)
        return [self._ended(task) for task in ended]

    def _ended(self, task: Any) -> Ended:
        import ray

        cell = self._running.pop(task)
        try:
            ended: Ended = ray.get(task)
            return ended
        except ray.exceptions.RayTaskError as error:
            cause = f"{type(error.cause).__name__}: {error.cause}".splitlines()[0]
            mend = "install on every node the version that the run was started with"
            return Ended(cell, error=UsageError(f"a worker cannot load this project ({cause}): {mend}"))
        except ray.exceptions.RayError as error:
            host = self._ask(self._server.host_of.remote(cell))
            return Ended(cell, lost_reason=f"{_reason(error)} on {host}")

    @cached_property
    def _server(self) -> Any:
        """The actor that serves the workspace, on this machine. Its first use connects to the cluster."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        _connect(self._address)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        actor = ray.remote(WorkspaceServer).options(num_cpus=0, scheduling_strategy=here)
        return actor.remote(self._workspace.root, self._workspace.holder)

    @cached_property
    def _work(self) -> Any:
        import ray

        return ray.remote(max_retries=0)(work)  # the schedule decides about further attempts, not Ray

    def _ask(self, reference: Any) -> Any:
        import ray

        try:
            return ask(reference)
        except ray.exceptions.RayActorError as error:
            raise BenchmarkError("the process that writes the workers' results here is gone: run again to go on") from error

    def _check_fits(self, cell: Cell, resources: Resources, needs: Mapping[str, float]) -> None:
        """If no node is large enough, raise UsageError in a cluster of its own, and print a line where another node may join."""
        import ray

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if any(all(node.get(name, 0) >= amount for name, amount in needs.items()) for node in nodes):
            return
        wanted = f"{resources.cpus} CPUs, {resources.gpus:g} GPUs, {resources.memory_gb:g} GB"
        if self._address is None:
            raise UsageError(
                f"{cell}: the profile reserves {wanted} for it, more than Ray finds on this machine: "
                f"lower that, for example with --set resources.{cell.kind}.cpus=1"
            )
        if resources not in self._warned:
            self._warned.add(resources)
            print(f"{cell}: waits for a node with {wanted}: the cluster has none now", file=sys.stderr)


def _connect(address: tuple[str, int] | None) -> None:
    """Join the cluster, or start one. Raises UsageError if none is reached, or it runs another version of Ray or Python."""
    import ray
    from ray._private import worker

    where = "local" if address is None else "{}:{}".format(*address)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    worker.print_to_stdstream = lambda *_, **__: None  # Ray's messages about lost workers; the view has its own
    try:
        if address is not None and not is_offline():
            socket.create_connection(address, CONNECT_SECONDS).close()  # Ray would try for minutes
        ray.init(where, include_dashboard=False if address is None else None, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        if "AuthenticationError" in str(error.__cause__):  # no token unasked: the address may be anybody's
            message = f"the Ray cluster at {where} asks for an authentication token: set RAY_AUTH_MODE=token if you trust it"
            raise UsageError(message) from error
        reason = " ".join(str(error).split())
        raise UsageError(f"no Ray cluster at {where} ({reason}): ray start --head starts one on its first machine") from error
    finally:
        for number, handler in before.items():  # Ray replaces SIGTERM's
            signal.signal(number, handler)


def _reason(error: Exception) -> str:
    import ray

    if isinstance(error, ray.exceptions.OutOfMemoryError):
        return "memory ran out, and its process was ended"
    if isinstance(error, ray.exceptions.NodeDiedError | ray.exceptions.ObjectLostError):
        return "the node died"
    return "its process died"
