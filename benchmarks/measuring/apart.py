"""Measurements in processes of their own, so that the peak of memory is that of the measurement."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, TypeVar

from benchmarks.core.errors import BenchmarkError

Figures = TypeVar("Figures")


def apart(what: str, measure: Callable[..., Figures], *arguments: Any) -> Figures:
    """Call a function in a new process.

    Args:
        what: name of the measurement, for errors.
        measure: function of a module.
        arguments: of the function.

    Raises:
        BenchmarkError: the process was killed. Errors of the function are raised as they are.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        try:
            return pool.submit(measure, *arguments).result()
        except BrokenProcessPool as error:
            mend = "the system kills a process that takes too much memory: measure smaller sizes"
            raise BenchmarkError(f"{what}: its process has ended without a result: {mend}") from error
