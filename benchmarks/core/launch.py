"""The place of this process among several that ``torchrun`` has started, as its environment variables tell it.

The same variables may be left over from a job script. Nobody waits in silence then for processes that never come.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from benchmarks.core.errors import UsageError, one_line

if TYPE_CHECKING:
    from torch.distributed import Store  # type: ignore[attr-defined]

NEEDED = ("WORLD_SIZE", "RANK", "MASTER_ADDR", "MASTER_PORT")
VARIABLES = (*NEEDED, "LOCAL_RANK")
LONGEST_WAIT = 45.0  # seconds for processes that torchrun did not start, for the variables may be left over
LONGEST_WAIT_UNDER_TORCHRUN = 600.0  # it starts them together, but on another machine Python may load slowly
QUIET_SECONDS = 10.0  # of waiting, before a line says so
PAUSE = 0.2


@dataclass(frozen=True)
class Place:
    """A process among several.

    Attributes:
        rank: number of the process, from 0.
        size: number of processes.
        address: host where the first process listens.
        port: where the first process listens.
    """

    rank: int
    size: int
    address: str
    port: int


def is_one_of_several() -> bool:
    """True if the environment says that this process is one of several. A lone RANK says nothing."""
    return os.environ.get("WORLD_SIZE", "") not in ("", "1")


def is_helper() -> bool:
    """True if ``torchrun`` has started this process beside the first, which alone prints."""
    return _is_under_torchrun() and is_one_of_several() and os.environ.get("RANK", "0") != "0"


def _is_under_torchrun() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ


def place() -> Place:
    """Place of this process among several. Raises UsageError if variables are missing, or have values without meaning."""
    if missing := [name for name in NEEDED if not os.environ.get(name)]:
        raise UsageError(f"{_variables()}: {', '.join(missing)} not set: {_mend()}")
    rank, size, port, _ = (_number(name) for name in ("RANK", "WORLD_SIZE", "MASTER_PORT", "LOCAL_RANK"))
    if rank >= size:
        raise UsageError(f"{_variables()}: RANK must be below WORLD_SIZE: {_mend()}")
    if not 0 < port < 65536:
        raise UsageError(f"{_variables()}: MASTER_PORT is no port: {_mend()}")
    return Place(rank, size, os.environ["MASTER_ADDR"], port)


def _number(name: str) -> int:
    text = os.environ.get(name, "0")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise UsageError(f"{_variables()}: {name} is no whole number: {_mend()}")
    return int(text)


def _variables() -> str:
    return " ".join(f"{name}={os.environ[name]}" for name in VARIABLES if name in os.environ)


def _mend() -> str:
    names = " ".join(name for name in VARIABLES if name in os.environ)
    return f"if they are left over, unset {names}; otherwise start the run with torchrun"


def meet(here: Place) -> Store:
    """Wait until all processes are there, with a line if that takes long. Signals end the wait at once.

    Returns:
        The store where they have met. The first process keeps it until the process group is made.

    Raises:
        UsageError: some process did not come, or two have the same number.
    """
    from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

    wait = _Wait(here)
    # torchrun has a listener of its own; without it the first process listens
    listens = here.rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    while not listens and not _is_reachable(here):
        wait.go_on(["0"])
    limit = timedelta(seconds=wait.left())
    try:
        store: Store = TCPStore(here.address, here.port, here.size, listens, limit, wait_for_workers=False, multi_tenant=True)
        attempt = PrefixStore(f"meet/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
        if attempt.add(str(here.rank), 1) > 1:
            raise UsageError(f"{_variables()}: another process is number {here.rank} too: {_mend()}")
        while missing := [str(rank) for rank in range(here.size) if not attempt.check([str(rank)])]:
            wait.go_on(missing)
    except RuntimeError as error:
        raise UsageError(f"{_variables()}: the processes do not meet ({one_line(str(error))[:200]}): {_mend()}") from error
    return store


def _is_reachable(here: Place) -> bool:
    with suppress(OSError):
        socket.create_connection((here.address, here.port), timeout=1.0).close()
        return True
    return False


class _Wait:
    """A wait for other processes, with a line after some seconds, and an end."""

    def __init__(self, here: Place) -> None:
        self._here, self._started, self._has_said = here, time.monotonic(), False
        self._limit = LONGEST_WAIT_UNDER_TORCHRUN if _is_under_torchrun() else LONGEST_WAIT

    def left(self) -> float:
        """Seconds until the end of the wait, at least one."""
        return max(1.0, self._started + self._limit - time.monotonic())

    def go_on(self, missing: Sequence[str]) -> None:
        """Pause; print a line when the wait has become long. Raises UsageError at its end."""
        waited = time.monotonic() - self._started
        who = f"process {', '.join(missing[:5])}{' …' if len(missing) > 5 else ''} of {self._here.size}"
        where = f"{self._here.address}:{self._here.port}"
        if waited >= self._limit:
            raise UsageError(f"{_variables()}: {who} did not come to {where} in {self._limit:.0f} s: {_mend()}")
        if waited >= QUIET_SECONDS and not self._has_said:
            self._has_said = True
            print(f"waiting at {where} for {who}, because {_variables()}: {_mend()}", file=sys.stderr)
        time.sleep(PAUSE)
