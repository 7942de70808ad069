"""Offline mode, ``--offline``: no library can open an internet socket in this process."""

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
    """Error for a library that asks for an internet socket or an address in offline mode."""


def go_offline() -> None:
    """Refuse internet sockets and name look-ups for the rest of this process.

    Audit events of the interpreter precede every socket and look-up, so that no library has to cooperate. Child processes inherit
    an environment variable, by which commands of this project go offline too.
    """
    os.environ |= {VARIABLE: "1", "HF_HUB_OFFLINE": "1"}
    _refuse_from_here_on()


@cache
def _refuse_from_here_on() -> None:
    sys.addaudithook(_refuse)


def is_offline() -> bool:
    """True if ``--offline`` was given to this process or to the process that started it."""
    return os.environ.get(VARIABLE, "") not in ("", "0")


def need_network(missing: str) -> None:
    """Raise UsageError in offline mode. ``missing``: name of the file that has to be downloaded, for the message."""
    if is_offline():
        raise UsageError(f"{missing} is not here, and --offline (or {VARIABLE}) forbids to download it: run without it")


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in LOOKUPS or (event == "socket.__new__" and arguments[1] in INTERNET):
        raise Offline("offline: no internet socket is opened")
