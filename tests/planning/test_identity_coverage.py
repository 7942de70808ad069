"""Identities cover the code: every module whose code runs while a cell is computed is hashed, or decides nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.catalog.methods import FOLDERS
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.code_digest import DECIDING_ROOMS
from benchmarks.core.lazy import module_of
from benchmarks.planning.plan import make_plan
from tests.conftest import ROOT
from tests.helpers.traced_run import CHANGES

WITHOUT_WEIGHTS = ["bicubic", "fsrcnn", "edsr", "edsr-paired", "bm3d-edsr", "pseudo-supervision", "cincgan"]
WITH_WEIGHTS = ["srgan", "srgan-paired", "realesrgan"]
PLAIN_METRICS = ["metrics=['psnr', 'ssim']"]
# Rooms and files beside the deciding ones that may run while a cell is computed: they carry, name, check and store.
CARRYING = ("api", "catalog", "core", "data", "execution", "planning", "results", "statistics")


@pytest.mark.train
@pytest.mark.parametrize(
    ("methods", "changes"),
    [
        pytest.param(WITHOUT_WEIGHTS, PLAIN_METRICS, id="without published weights"),
        pytest.param(WITH_WEIGHTS, [], id="with published weights", marks=[pytest.mark.network, pytest.mark.long]),
    ],
)
def test_all_code_that_decides_is_hashed(methods: list[str], changes: list[str], tmp_path: Path) -> None:
    """Traced in a process of its own, with an empty cache of images: all of them are decoded and degraded."""
    environment = {**os.environ, "CINCGAN_CACHE": os.environ.get("CINCGAN_CACHE", "") if not changes else str(tmp_path / "cache")}
    if not environment["CINCGAN_CACHE"]:
        del environment["CINCGAN_CACHE"]
    line = [sys.executable, "-m", "tests.helpers.traced_run", str(tmp_path / "runs"), *methods, "--", *changes]
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    ran: dict[str, list[str]] = json.loads(done.stdout)

    cells = {cell.id: cell for cell in make_plan(load_profile("smoke", [*CHANGES, *changes]), methods)}
    assert ran.keys() == cells.keys()
    for cell_id, modules in ran.items():
        cell = cells[cell_id]
        covered = cell.sources.keys()
        assert module_of(cell.code.partition(" ")[0]) in covered
        for module in modules:
            if module.startswith(tuple(f"{room}." for room in DECIDING_ROOMS)) or module.startswith(FOLDERS):
                assert module in covered or module.endswith((".__init__", ".settings")), f"{cell}: {module} ran and is not hashed"
            else:
                room = module.split(".")
                assert room[0] == "tests" or (room[0] == "benchmarks" and room[1] in CARRYING), f"{cell}: {module} ran"
    decoded = {module for modules in ran.values() for module in modules} & {
        "benchmarks.data.pixels.decode",
        "benchmarks.degradations.track2_like",
        "benchmarks.degradations.bicubic",
        "benchmarks.training.loop",
        "benchmarks.scoring.metrics",
    }
    assert len(decoded) == 5 or not changes, "the trace has seen the code that decides"
