"""Origin of a number: machine, versions of packages, commit."""

from __future__ import annotations

import platform
import socket
import subprocess
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.core.paths import ROOT
from benchmarks.results.record import Environment, Git

DISTRIBUTIONS = (
    *("torch", "torchvision", "numpy", "scipy", "basicsr", "pyiqa", "scikit-image", "scikit-learn", "pillow"),
    *("bm3d", "bm4d", "pywavelets"),
)


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Machine, and versions of installed packages, without importing them."""
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        processor=_processor(),
        host=socket.gethostname(),
        versions={name: installed for name in DISTRIBUTIONS if (installed := _version(name))},
    )


def differences(old: Environment, new: Environment) -> list[str]:
    """Differences that can move a number, as texts: Python, processor, and versions of the packages of the old environment."""
    pairs = {name: (getattr(old, name) or None, getattr(new, name) or None) for name in ("python", "processor")}
    pairs |= {name: (version, new.versions.get(name)) for name, version in old.versions.items()}
    return [f"{name} {now} (was: {then})" for name, (then, now) in pairs.items() if then != now]


@lru_cache(maxsize=1)
def git() -> Git:
    """Commit of the code, and whether the work tree differs from it.

    Both are None outside of a checkout of this project; the commit of another repository around the package does not count.
    """
    top = _git("rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != ROOT:
        return Git()
    commit = _git("rev-parse", "HEAD")
    return Git(commit, bool(_git("status", "--porcelain", "--untracked-files=no")) if commit else None)


def _git(*arguments: str) -> str | None:
    try:
        process = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout.strip()


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
