"""Ray clusters of several nodes on this machine, each a process of its own that can be killed."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.conftest import ROOT

INJECTED = Path(__file__).parent / "injected"
RAY = str(Path(sys.executable).with_name("ray"))
COMMON = ("--block", "--disable-usage-stats", "--node-ip-address=127.0.0.1", "--dashboard-agent-listen-port=0")
STORE = "--object-store-memory=100000000"


class Node:
    """A node. A folder can be hidden from it, as on another machine; this takes root's rights."""

    def __init__(self, *arguments: str, environment: dict[str, str], hidden: Path | None = None) -> None:
        line = [RAY, "start", *arguments, *COMMON, STORE]
        if hidden:
            hidden.mkdir(exist_ok=True)
            line = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs "$0" && exec "$@"', str(hidden), *line]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.process = subprocess.Popen(line, cwd=ROOT, env=environment, start_new_session=True, **streams)  # type: ignore[call-overload]
        output: list[str] = []
        for text in self.process.stdout:  # wait: two nodes that start at a time would choose the same sockets
            output.append(text)
            if "Ray runtime started" in text:
                return
        raise RuntimeError("".join(output))

    def kill(self) -> None:
        """Kill the node's processes; its workers end by themselves."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.stdout.close()
        self.process.wait()


class Cluster:
    """A head node without processors, which only drivers use, and the nodes that have joined it."""

    def __init__(self, notes: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.notes = notes
        own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
        self.environment = {**os.environ, **own, "OMP_NUM_THREADS": "1"}
        head = ("--head", f"--port={self.port}", "--include-dashboard=false", "--num-cpus=0")
        self.nodes = [Node(*head, environment=self.environment)]

    @property
    def options(self) -> tuple[str, ...]:
        return ("--executor", "ray", "--address", f"127.0.0.1:{self.port}")

    def join(self, *, cpus: int = 1, gpus: int = 0, seconds: float = 60.0, hidden: Path | None = None) -> Node:
        """Start a node whose workers write a checkpoint every few seconds, and note the first steps of trainings."""
        path = os.pathsep.join(filter(None, (str(INJECTED / "witness"), os.environ.get("PYTHONPATH"))))
        witness = {"PYTHONPATH": path, "CINCGAN_WITNESS": str(self.notes), "CINCGAN_WITNESS_SECONDS": str(seconds)}
        arguments = (f"--address=127.0.0.1:{self.port}", f"--num-cpus={cpus}", f"--num-gpus={gpus}")
        self.nodes.append(Node(*arguments, environment=self.environment | witness, hidden=hidden))
        return self.nodes[-1]

    def begun(self) -> list[int]:
        """First steps of the trainings so far, in order."""
        return [int(line.split()[1]) for line in self.notes.read_text().splitlines()] if self.notes.exists() else []

    def leave(self) -> None:
        """Stop all nodes that have joined."""
        for node in self.nodes[1:]:
            node.kill()
        del self.nodes[1:]
        self.notes.unlink(missing_ok=True)


@contextmanager
def cluster(notes: Path) -> Iterator[Cluster]:
    started = Cluster(notes)
    try:
        yield started
    finally:
        started.leave()
        started.nodes[0].kill()


def can_hide() -> bool:
    """True if a folder can be hidden from a process on this machine."""
    line = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    with suppress(FileNotFoundError):
        return subprocess.run(line, capture_output=True, check=False).returncode == 0
    return False
