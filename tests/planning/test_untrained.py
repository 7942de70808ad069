"""Numbers of parameters of a dry run: kept in the cache by cell id, so that the next dry run builds no network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.api.contract import check_stage
from benchmarks.catalog.methods import every_method, variants_of
from benchmarks.catalog.profiles import load_profile
from benchmarks.planning import untrained
from benchmarks.planning.cells import Cell
from benchmarks.planning.plan import make_plan
from benchmarks.planning.untrained import count_parameters
from tests.conftest import ROOT

RUN = "from benchmarks.run import main; main(['--all', '--profile', 'smoke', '--dry-run'])"
DRY = f"import sys; {RUN}; print('torch' in sys.modules)"


@pytest.fixture
def cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Cell]:
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path))
    return [cell for cell in make_plan(load_profile("smoke"), ["fsrcnn", "edsr"]) if cell.kind == "train"]


def test_the_stages_of_every_method_and_variant_fit() -> None:
    profile = load_profile("smoke")
    names = [entry.name for entry in every_method() if profile.has_settings_of(entry)]
    stages = [stage for _, stage, _ in untrained._fresh_stages(make_plan(profile, names))]
    assert len(stages) > len(variants_of("cincgan"))
    for stage in stages:
        check_stage(stage)


def test_kept_numbers_are_the_networks(cells: list[Cell], monkeypatch: pytest.MonkeyPatch) -> None:
    counted = count_parameters(cells)
    monkeypatch.setattr(untrained, "_fresh_stages", lambda cells: pytest.fail("no network is built again"))
    assert count_parameters(cells) == counted
    assert counted.keys() == {cell.id for cell in cells} and all(count > 1000 for count in counted.values())


@pytest.mark.parametrize("content", [b"", b"12a", b"\xff\x00", b"1e3"])
def test_damaged_numbers_are_counted_again(cells: list[Cell], content: bytes, tmp_path: Path) -> None:
    counted = count_parameters(cells)
    (tmp_path / "parameters" / cells[0].id).write_bytes(content)
    assert count_parameters(cells) == counted
    assert int((tmp_path / "parameters" / cells[0].id).read_text()) == counted[cells[0].id]


def test_a_cache_that_cannot_be_written_is_no_obstacle(cells: list[Cell], tmp_path: Path) -> None:
    (tmp_path / "parameters").write_text("a file where the folder should be")
    assert count_parameters(cells).keys() == {cell.id for cell in cells}


def test_other_widths_have_other_numbers(cells: list[Cell]) -> None:
    wider = make_plan(load_profile("smoke", ["stages.edsr.channels=48"]), ["edsr"])
    assert set(count_parameters(wider).values()).isdisjoint(count_parameters(cells).values())


@pytest.mark.train
def test_a_second_dry_run_imports_no_torch(tmp_path: Path) -> None:
    environment = {**os.environ, "CINCGAN_CACHE": str(tmp_path)}
    runs = [
        subprocess.run([sys.executable, "-c", DRY], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
        for _ in range(2)
    ]
    assert [run.stdout.splitlines()[-1] for run in runs] == ["True", "False"], runs[1].stderr
    assert runs[0].stdout.splitlines()[:-1] == runs[1].stdout.splitlines()[:-1]
