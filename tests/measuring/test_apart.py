"""Measurements in processes of their own."""

from __future__ import annotations

import os

import pytest

from benchmarks.core.errors import BenchmarkError
from benchmarks.measuring.apart import apart


def test_a_process_that_is_killed_is_one_line() -> None:
    with pytest.raises(BenchmarkError, match="edsr: its process has ended without a result: the system kills a process that"):
        apart("edsr", os._exit, 9)
