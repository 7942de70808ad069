"""A SLURM cluster with one node on this machine: real daemons on ports of their own, with all files in one folder."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

DAEMONS = ("munged", "slurmctld", "slurmd")
MEMORY = 16_000  # megabytes, whatever the machine has
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SchedulerType=sched/builtin
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=20
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:2
PartitionName=work Nodes={host} Default=YES PriorityTier=1
PartitionName=urgent Nodes={host} PriorityTier=2
"""


class Cluster:
    """A running cluster.

    Attributes:
        environment: variables that SLURM's commands need besides this process's environment.
    """

    def __init__(self, folder: Path) -> None:
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}
        self._folder = folder
        self._controller = ExitStack()

    def start_controller(self) -> None:
        """Start the daemon that answers all commands."""
        self._controller.enter_context(_daemon(self._folder, "slurmctld", ["-D", "-f", self.environment["SLURM_CONF"]]))

    def stop_controller(self) -> None:
        """Stop the daemon that answers all commands; jobs go on."""
        self._controller.close()

    @contextmanager
    def without_controller(self) -> Iterator[None]:
        """A block in which SLURM does not answer."""
        self.stop_controller()
        try:
            yield
        finally:
            self.start_controller()
            self.wait_until_ready()

    def call(self, *command: str) -> str:
        """Output of a SLURM command."""
        environment = {**os.environ, **self.environment}
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=60).stdout

    def jobs(self) -> dict[str, str]:
        """The state of every job by its number, ended jobs included."""
        return dict(line.split("|") for line in self.call("squeue", "--states=all", "--noheader", "--format=%i|%T").splitlines())

    def wait_for(self, job: str, *states: str, seconds: float = 60) -> None:
        """Wait until a job is in one of the states."""
        end = time.monotonic() + seconds
        while self.jobs().get(job) not in states:
            assert time.monotonic() < end, f"job {job} did not become {' or '.join(states)}: {self.jobs()}"
            time.sleep(0.2)

    def wait_until_ready(self) -> None:
        """Wait until the node takes jobs."""
        _wait_until(self._is_ready, self._folder)

    def _is_ready(self) -> bool:
        try:
            return any(state in self.call("sinfo", "--noheader", "--format=%T") for state in ("idle", "mixed", "allocated"))
        except subprocess.CalledProcessError:  # it is still starting
            return False

    def end_all(self, *options: str) -> None:
        """Cancel all jobs and wait until none is left."""
        end = time.monotonic() + 60
        while self.call("squeue", "--noheader") and time.monotonic() < end:
            self.call("scancel", *options, "--user=root")
            time.sleep(0.5)


@contextmanager
def started_cluster(cpus: int = 4) -> Iterator[Cluster]:
    """A running cluster, stopped with all its jobs on leaving. Skips the test without SLURM or without root's rights."""
    missing = [name for name in (*DAEMONS, "sbatch", "setpriv") if _program(name) is None]
    if missing or os.geteuid():
        pytest.skip(f"no SLURM cluster here: {', '.join(missing)} not installed" if missing else "only root can start a cluster")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True)))
        _write_files(folder, cpus)
        munge = [f"--{name}={folder}/munge.{name.partition('-')[0]}" for name in ("key-file", "socket", "pid-file", "log-file")]
        stack.enter_context(_daemon(folder, "munged", ["--foreground", *munge, f"--seed-file={folder}/munge.seed"]))
        _wait_until((folder / "munge.socket").exists, folder)
        cluster = Cluster(folder)
        stack.callback(cluster.stop_controller)
        cluster.start_controller()
        stack.enter_context(_daemon(folder, "slurmd", ["-D", "-f", str(folder / "slurm.conf")]))
        cluster.wait_until_ready()
        stack.callback(cluster.end_all, "--signal=KILL", "--full")
        yield cluster


def _write_files(folder: Path, cpus: int) -> None:
    folder.chmod(0o755)  # munged refuses a socket in a private folder
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    values = {"host": socket.gethostname().partition(".")[0], "folder": folder, "cpus": cpus, "memory": MEMORY}
    (folder / "gres.conf").write_text("Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n")  # GPUs in name only
    (folder / "slurm.conf").write_text(CONFIGURATION.format(ports=_free_ports(2), **values))


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for unused in sockets:
            unused.bind(("127.0.0.1", 0))
        return [unused.getsockname()[1] for unused in sockets]


@contextmanager
def _daemon(folder: Path, name: str, options: Sequence[str]) -> Iterator[None]:
    """A daemon in the foreground, so that this process can end it, and it ends if this process is killed."""
    program = _program(name)
    assert program
    line = ["setpriv", "--pdeathsig", "TERM", program, *options]
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(line, stdout=log, stderr=log, start_new_session=True)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _program(name: str) -> str | None:
    """Path of a program. Daemons are in folders that are not in every user's search path."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def _wait_until(ready: Callable[[], bool], folder: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            pytest.fail("\n".join(f"{log.name}: {log.read_text(errors='replace')[-2000:]}" for log in folder.glob("*.log")))
        time.sleep(0.1)
