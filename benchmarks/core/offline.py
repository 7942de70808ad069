"""``--offline``: from then on this process opens no internet socket, whatever library asks for one."""

from __future__ import annotations

import os
import socket
import sys
from functools import cache
from typing import Any

from benchmarks.core.errors import UsageError

VARIABLE = "CINCGAN_OFFLINE"
INTERNET = (socket.AF_INET, socket.AF_INET6)
LOOKUPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"})


class Offline(OSError):
    """What a library gets that asks for a socket or an address."""


def go_offline() -> None:
    """Refuse internet sockets and name look-ups for the rest of this process.

    The interpreter's audit events see every one of them before it happens, so nothing depends on libraries keeping a promise.
    Processes that it starts inherit the variable, by which the commands of this project go offline too.
    """
    os.environ |= {VARIABLE: "1", "HF_HUB_OFFLINE": "1"}
    _refuse_from_here_on()


@cache
def _refuse_from_here_on() -> None:
    sys.addaudithook(_refuse)


def is_offline() -> bool:
    """Whether ``--offline`` was given, here or to the process that started this one."""
    return os.environ.get(VARIABLE, "") not in ("", "0")


def need_network(what: str) -> None:
    """Raise UsageError where the network must not be used."""
    if is_offline():
        raise UsageError(f"{what} is not here, and --offline (or {VARIABLE}) forbids to fetch it")


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in LOOKUPS or (event == "socket.__new__" and arguments[1] in INTERNET):
        raise Offline("offline: no internet socket is opened")
