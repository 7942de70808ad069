"""Threads that compute torch's layers: how many cores they have, and how they wait for each other."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmarks.core.errors import UsageError

VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
PROCESSORS = Path("/sys/devices/system/cpu")


def sleep_at_barriers() -> None:
    """Have OpenMP threads sleep, not spin, while they wait for each other, unless the user has set one of ``VARIABLES``.

    Every layer of a network ends at a barrier. Where another program runs, threads that spin there keep the core from the very
    thread that they wait for: a training step took 5 to 30 times as long. Has an effect before torch is imported, and on child
    processes.
    """
    if not any(variable in os.environ for variable in VARIABLES):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


def threads_change(text: str) -> str:
    """Change of the setting ``threads`` that an option ``--threads N`` stands for; ``auto`` is the number of physical cores."""
    if text == "auto":
        return f"threads={physical_cores()}"
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:5]) <= 1024):
        raise argparse.ArgumentTypeError(f"{text[:40]!a}: give auto, or a number from 1 to 1024")
    return f"threads={int(text)}"


def physical_cores() -> int:
    """Number of physical cores that this process may use: by its affinity, the CPU quota of its cgroup, LOKY_MAX_CPU_COUNT.

    Processes that ``torchrun`` has started on this machine share the cores.

    Raises:
        UsageError: LOKY_MAX_CPU_COUNT, which limits joblib, is no number.
    """
    from joblib import cpu_count

    cores = _cores_of_affinity()
    try:
        usable = min(int(cpu_count()), cores) if cores else int(cpu_count(only_physical_cores=True))
    except ValueError as error:
        raise UsageError(f"LOKY_MAX_CPU_COUNT is no whole number ({error}): unset it") from error
    together = os.environ.get("LOCAL_WORLD_SIZE", "")
    return max(1, usable // max(1, int(together))) if together.isdecimal() else usable


def _cores_of_affinity() -> int:
    """Number of physical cores among the logical ones of the affinity. 0 where the system does not say."""
    if not hasattr(os, "sched_getaffinity"):
        return 0
    siblings = [PROCESSORS / f"cpu{number}" / "topology" / "thread_siblings_list" for number in os.sched_getaffinity(0)]
    try:
        return len({path.read_text(encoding="ascii") for path in siblings})
    except (OSError, ValueError):
        return 0
