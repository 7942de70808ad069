"""Result files: records, names of files and folders, machine and versions, and trained stages read back."""

from __future__ import annotations

from benchmarks.core.callable_module import make_callable

make_callable(__name__, "benchmarks.results.frame:results")  # benchmarks.results(folder)
