"""Cells on a Ray cluster: each is a task, in worker processes that are used again. ``ray_desk`` is what runs in them."""

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
from benchmarks.core.interruption import unhurried
from benchmarks.core.offline import is_offline
from benchmarks.execution.executors.executor import Ended, ExecutorOptions, NamedExecutor, Report
from benchmarks.execution.executors.ray_desk import Desk, ask, work
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell

STOP_SECONDS = 30.0  # that workers get to write their checkpoints
CONNECT_SECONDS = 5.0


class OnRay(NamedExecutor):
    """Hands cells to Ray, which starts them where the resources are that they get.

    Args:
        workspace: of the driver; no other machine needs to see it.
        profile: whose ``resources`` cells get.
        address: ``HOST:PORT`` of a cluster that runs, of which this machine is a node; None: one of its own, on this machine.

    Raises:
        UsageError: no address.
        ModuleNotFoundError: Ray is not installed.
    """

    options = ("address",)
    capacity = None

    def __init__(self, workspace: Workspace, profile: Profile, address: str | None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray  # noqa: F401 - now, for it may not be there

        self._workspace, self._profile = workspace, profile
        self._address = None if address is None else _split(address)
        self._running: dict[Any, Cell] = {}
        self._attempts = itertools.count()
        self._warned = set[Resources]()

    @classmethod
    def make(cls, workspace: Workspace, profile: Profile, options: ExecutorOptions) -> OnRay:
        """Raises UsageError where the address is none, ModuleNotFoundError where Ray is not installed."""
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
        """Queue it in Ray. Raises UsageError where there is no cluster, or its own can never run the cell."""
        attempt, resources = next(self._attempts), self._profile.resources_for(cell.kind, cell.label)
        self._ask(self._desk.begin.remote(cell, attempt))
        needs = {"CPU": resources.cpus, "GPU": resources.gpus, "memory": int(resources.memory_gb * 1e9)}
        self._check_fits(cell, resources, needs)
        task = self._work.options(num_cpus=needs["CPU"], num_gpus=needs["GPU"], memory=needs["memory"])
        self._running[task.remote(self._desk, cell, attempt, resources, is_offline())] = cell

    def poll(self, report: Report) -> Sequence[Ended]:
        """Wait for a second, or until a cell has ended."""
        import ray

        ended, _ = ray.wait(list(self._running), timeout=1.0)
        for cell, progress in self._ask(self._desk.heard.remote()):
            report(cell, *progress)
        return [self._ended(task) for task in ended]

    def _ended(self, task: Any) -> Ended:
        import ray

        cell = self._running.pop(task)
        try:
            ended: Ended = ray.get(task)
            return ended
        except ray.exceptions.RayTaskError as error:
            said = f"{type(error.cause).__name__}: {error.cause}".splitlines()[0]
            mend = "install on every node the version that the run was started with"
            return Ended(cell, error=UsageError(f"a worker cannot load this project ({said}): {mend}"))
        except ray.exceptions.RayError as error:
            host = self._ask(self._desk.host_of.remote(cell))
            return Ended(cell, lost=f"{_reason(error)} on {host}")

    @cached_property
    def _desk(self) -> Any:
        """The actor on this machine, of a cluster that is connected to now."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        _connect(self._address)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        actor = ray.remote(Desk).options(num_cpus=0, scheduling_strategy=here)
        return actor.remote(self._workspace.root, self._workspace.holder)

    @cached_property
    def _work(self) -> Any:
        import ray

        return ray.remote(max_retries=0)(work)  # whether a cell is tried again is not Ray's to say

    def _ask(self, reference: Any) -> Any:
        import ray

        try:
            return ask(reference)
        except ray.exceptions.RayActorError as error:
            raise BenchmarkError("the process that writes the workers' results here is gone: run again to go on") from error

    def _check_fits(self, cell: Cell, resources: Resources, needs: Mapping[str, float]) -> None:
        """Where no node is large enough: an error, or a line if another could join."""
        import ray

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if any(all(node.get(name, 0) >= amount for name, amount in needs.items()) for node in nodes):
            return
        wanted = f"{resources.cpus} CPUs, {resources.gpus} GPUs, {resources.memory_gb:g} GB"
        if self._address is None:
            raise UsageError(f"{cell}: it is to get {wanted}, which Ray does not find here: --set resources.{cell.kind}.cpus=1 …")
        if resources not in self._warned:
            self._warned.add(resources)
            print(f"{cell}: waits for a node with {wanted}: the cluster has none now", file=sys.stderr)


def _split(address: str) -> tuple[str, int]:
    """Host and port. Raises UsageError where it is no address."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not (port.isascii() and port.isdecimal() and len(port) < 6 and 0 < int(port) < 65536):
        raise UsageError(f"--address {address}: give HOST:PORT of the cluster's head, as ray start --head prints it")
    return host, int(port)


def _connect(address: tuple[str, int] | None) -> None:
    """Join the cluster, or start one. Raises UsageError where there is none, or it is of another version."""
    import ray
    from ray._private import worker

    where = "local" if address is None else "{}:{}".format(*address)
    before = signal.getsignal(signal.SIGTERM)
    worker.print_to_stdstream = lambda *_, **__: None  # what Ray says of lost workers, we say
    try:
        if address is not None and not is_offline():
            socket.create_connection(address, CONNECT_SECONDS).close()  # Ray would try for minutes
        ray.init(where, include_dashboard=False if address is None else None, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        reason, mend = " ".join(str(error).split()), "ray start --head starts one on its first machine"
        if "AuthenticationError" in str(error.__cause__):  # Ray's to present on request only: the address may be anybody's
            reason, mend = "it wants a token", "if it is yours, set RAY_AUTH_MODE=token"
        raise UsageError(f"no Ray cluster at {where} ({reason}): {mend}") from error
    finally:
        signal.signal(signal.SIGTERM, before)  # which Ray takes


def _reason(error: Exception) -> str:
    import ray

    if isinstance(error, ray.exceptions.OutOfMemoryError):
        return "memory ran out, and its process was ended"
    if isinstance(error, ray.exceptions.NodeDiedError | ray.exceptions.ObjectLostError):
        return "the node died"
    return "its process died"
