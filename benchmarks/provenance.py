"""Where a number comes from: machine, versions, commit."""

from __future__ import annotations

import platform
import socket
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.registry import ROOT

DISTRIBUTIONS = (
    *("torch", "torchvision", "numpy", "scipy", "basicsr", "pyiqa", "scikit-image", "scikit-learn", "pillow"),
    *("bm3d", "bm4d", "pywavelets"),
)


@lru_cache(maxsize=1)
def environment() -> dict[str, Any]:
    """Machine and versions, without importing any of the packages."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "host": socket.gethostname(),
        "versions": {name: found for name in DISTRIBUTIONS if (found := _version(name))},
    }


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """How two environments differ in what can move a number: Python, processor, the old one's packages; each as it is and was."""
    pairs = {name: (old.get(name), new.get(name)) for name in ("python", "processor")}
    versions = new.get("versions") or {}
    pairs |= {name: (version, versions.get(name)) for name, version in (old.get("versions") or {}).items()}
    return [f"{name} {now} (was: {then})" for name, (then, now) in pairs.items() if then != now]


@lru_cache(maxsize=1)
def git() -> dict[str, Any]:
    """Commit and whether the work tree differs from it; both None outside a checkout."""
    commit = _git("rev-parse", "HEAD")
    return {"commit": commit, "dirty": bool(_git("status", "--porcelain", "--untracked-files=no")) if commit else None}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


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
