"""From a name to an executor."""

from __future__ import annotations

from benchmarks.errors import UsageError
from benchmarks.executors import Executor
from benchmarks.profile import Profile
from benchmarks.workspace import Workspace

NAMES = ("serial", "ray", "slurm")


def make_executor(name: str, workspace: Workspace, profile: Profile, *, address: str | None, partition: str | None) -> Executor:
    """The executor of a name.

    Args:
        name: one of ``NAMES``.
        workspace: where cells find what they need, and put their results.
        profile: whose ``resources`` cells get.
        address: of the Ray cluster.
        partition: of SLURM's.

    Raises:
        UsageError: its packages are not installed, or its engine is not there.
    """
    if name == "serial":
        from benchmarks.executors.serial import Serial

        return Serial(workspace)
    try:
        if name == "ray":
            from benchmarks.executors.on_ray import OnRay

            return OnRay(workspace, profile, address)
        from benchmarks.executors.on_slurm import OnSlurm

        return OnSlurm(workspace, profile, partition)
    except ModuleNotFoundError as error:
        if error.name not in ("ray", "submitit"):
            raise
        raise UsageError(f"--executor {name}: {error.name} is not installed: run pip install -e '.[{name}]'") from None
