"""Folders of the project, in a checkout and where a wheel is installed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from benchmarks.core.errors import PROJECT

ROOT = Path(__file__).resolve().parents[2]  # holds benchmarks/, cincgan/, baselines/ and reports/
PACKAGED = ROOT / "benchmarks" / "packaged"  # what a wheel has beside its modules; setup.py fills it
IS_INSTALLED = PACKAGED.is_dir()  # as a wheel, with strangers' packages in ROOT
CARDS = (PACKAGED if IS_INSTALLED else ROOT) / "datasets"  # cards of data sets; cards of weights are in the subfolder weights


@cache
def is_own(package: str) -> bool:
    """True if a top-level package is part of the project: any folder of a checkout, the project's own packages in a wheel."""
    return (ROOT / package).is_dir() and (not IS_INSTALLED or package in PROJECT)
