"""Origin of a number: machine, versions of packages, commit."""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

from benchmarks.core.errors import UsageError, one_line
from benchmarks.core.paths import IS_INSTALLED, PACKAGED, ROOT
from benchmarks.results.record import Environment, Git

DISTRIBUTIONS = (
    *("torch", "torchvision", "numpy", "scipy", "pyiqa", "scikit-image", "scikit-learn", "pillow"),
    *("bm3d", "bm4d", "pywavelets"),
)
KERNEL_FLAGS = (
    *("avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16"),
    *("asimd", "asimdhp", "bf16", "i8mm", "sve"),  # of ARM
)
KERNEL_LIMITS = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS")
OWN = "cincgan-benchmark"  # code digests say what of it decides numbers
UNKNOWN = "unknown"  # version of a package that is installed with damaged metadata
_GIT_SETTINGS = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH")


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Machine, and versions of installed packages, without importing them."""
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        processor=_processor(),
        host=socket.gethostname(),
        versions={OWN: own_version(), **{name: installed for name in DISTRIBUTIONS if (installed := _version(name))}},
    )


def differences(old: Environment, new: Environment) -> list[str]:
    """Differences that can move a number, as texts: Python, processor, and versions of packages."""
    pairs = {name: (getattr(old, name) or None, getattr(new, name) or None) for name in ("python", "processor")}
    recorded = {name: version for name, version in old.versions.items() if name in DISTRIBUTIONS}  # once BasicSR's too
    pairs |= {name: (version, new.versions.get(name, "not installed")) for name, version in recorded.items()}
    return [f"{name} {now or UNKNOWN} (was: {then or UNKNOWN})" for name, (then, now) in pairs.items() if then != now]


def own_version() -> str:
    """Version of this code, which need not be the one that is installed."""
    if IS_INSTALLED:
        return next((found.version for found in distributions(name=OWN, path=[str(ROOT)])), UNKNOWN)
    from benchmarks.core.strict import read_toml

    try:
        return str(read_toml(ROOT / "pyproject.toml")["project"]["version"])
    except (UsageError, KeyError):
        return UNKNOWN


@lru_cache(maxsize=1)
def git() -> Git:
    """Commit of the code, and whether the work tree differs from it; with git's own reason where it does not tell.

    The commit of another repository around the package does not count. An installed wheel has the commit that it was built from.
    """
    if IS_INSTALLED:
        return _built_from()
    try:
        top, commit = _git("rev-parse", "--show-toplevel"), _git("rev-parse", "HEAD")
    except _NoAnswer as error:
        return Git(unknown=str(error))
    if Path(top).resolve() != ROOT:
        return Git(unknown=f"the code is no checkout of its own: the repository is {top}")
    try:
        return Git(commit, bool(_git("status", "--porcelain", "--untracked-files=no")))
    except _NoAnswer as error:
        return Git(commit, unknown=str(error))


def not_in_history(commits: Iterable[str]) -> list[str]:
    """Commits that the history of this checkout lacks; none where git does not tell, or has the last commits only."""
    if IS_INSTALLED or git().commit is None:
        return []
    try:
        is_shallow = _git("rev-parse", "--is-shallow-repository") == "true"
        return [] if is_shallow else sorted(set(commits) - set(_git("rev-list", "HEAD").split()))
    except _NoAnswer:
        return []


def _built_from() -> Git:
    try:
        built = json.loads((PACKAGED / "commit.json").read_text(encoding="utf-8"))
        return Git(built["commit"], built["dirty"])
    except (OSError, ValueError, KeyError):
        return Git(unknown=f"version {own_version()} is installed from a package that was built outside its repository")


class _NoAnswer(Exception):
    """Git could not be asked; the message is its reason."""


def _git(*arguments: str) -> str:
    """Output of a git command about the folder of this project. Raises _NoAnswer."""
    # A hook of another repository sets GIT_DIR and the like, and git would answer for that repository
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_") or key in _GIT_SETTINGS}
    environment |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    line = ["git", "-C", str(ROOT), *arguments]
    try:
        done = subprocess.run(line, capture_output=True, text=True, errors="replace", timeout=10, check=False, env=environment)
    except FileNotFoundError:
        raise _NoAnswer("git is not installed") from None
    except subprocess.TimeoutExpired as error:
        raise _NoAnswer(f"git {arguments[0]} gave no answer in {error.timeout:.0f} s") from None
    except OSError as error:
        raise _NoAnswer(f"git cannot be run ({error.strerror})") from None
    if done.returncode:
        raise _NoAnswer(one_line(done.stderr.removeprefix("fatal: ")) or f"git {arguments[0]} ended with {done.returncode}")
    return done.stdout.strip()


def _version(distribution: str) -> str | None:
    """Version of an installed package; None if it is not installed."""
    try:
        return version(distribution) or UNKNOWN
    except PackageNotFoundError:
        return None
    except (OSError, ValueError, KeyError):  # metadata that cannot be read, or have no version
        return UNKNOWN


def _processor() -> str:
    """Architecture, the flags of the processor that libraries choose kernels by, and variables that limit these choices.

    The name of a processor says less: a virtual machine hides flags, and two names may have the same.
    """
    processor_flags = _cpuinfo("flags") or _cpuinfo("Features")
    flags = [flag for flag in KERNEL_FLAGS if flag in processor_flags.split()]
    limits = [f"{name}={os.environ[name]}" for name in KERNEL_LIMITS if os.environ.get(name)]
    return " ".join([platform.machine() or UNKNOWN, *flags, *limits])


def processor_name() -> str:
    """Name of the processor, for figures of speed."""
    return _cpuinfo("model name") or platform.processor()


def _cpuinfo(key: str) -> str:
    """Value of the first line of Linux's ``/proc/cpuinfo`` with the key; empty where there is none."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key), "")
