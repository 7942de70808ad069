"""Waiting of OpenMP threads, which compute torch's layers."""

from __future__ import annotations

import os

VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def sleep_at_barriers() -> None:
    """Have OpenMP threads sleep, not spin, while they wait for each other, unless the user has set one of ``VARIABLES``.

    Every layer of a network ends at a barrier. Where another program runs, threads that spin there keep the core from the very
    thread that they wait for: a training step took 5 to 30 times as long. Has an effect before torch is imported, and on child
    processes.
    """
    if not any(variable in os.environ for variable in VARIABLES):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
