"""Executors: where cells are computed."""

from __future__ import annotations

from benchmarks.api.entries import Entry
from benchmarks.core.registry import Registry

EXECUTORS = Registry(
    "executor",
    (
        Entry("serial", "benchmarks.execution.executors.serial:Serial"),
        Entry("ray", "benchmarks.execution.executors.on_ray:OnRay"),
        Entry("slurm", "benchmarks.execution.executors.on_slurm:OnSlurm"),
    ),
)
