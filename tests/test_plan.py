"""Cell identities: exactly what depends on a change gets a new one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import plan
from benchmarks.errors import UsageError
from benchmarks.plan import Cell, code_digest, find_cell, make_plan
from benchmarks.profile import load_profile
from benchmarks.protocols import PROTOCOLS

ALL = {"train edsr", "train cincgan-inner", "train cincgan-joint", "evaluate bicubic", "evaluate edsr", "evaluate cincgan"}


def ids(cells: list[Cell]) -> dict[str, str]:
    return {f"{cell.kind} {cell.label}": cell.id for cell in cells}


def changed(*changes: str, seed: int = 0) -> set[str]:
    before = ids(make_plan(load_profile("demo")))
    after = ids(make_plan(load_profile("demo", changes), seeds=[seed]))
    assert set(before) == set(after) == ALL
    return {name for name in ALL if before[name] != after[name]}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("stages.edsr.training.steps=7", ALL - {"evaluate bicubic", "train cincgan-inner"}),
        ("stages.cincgan-inner.losses.tv=0.6", {"train cincgan-inner", "train cincgan-joint", "evaluate cincgan"}),
        ("stages.cincgan-joint.hr_losses.tv=3", {"train cincgan-joint", "evaluate cincgan"}),
        ("track2_like.noise_gaussian=3", ALL - {"train edsr"}),
        ("degradation=bicubic", ALL - {"train edsr"}),
        ("protocols=['rgb']", {"evaluate bicubic", "evaluate edsr", "evaluate cincgan"}),
        ("lpips=none", {"evaluate bicubic", "evaluate edsr", "evaluate cincgan"}),
        ("threads=1", ALL),
        ("description=other", set()),
        ("estimates.edsr.seconds=1", set()),
    ],
)
def test_a_changed_setting_changes_what_depends_on_it_and_nothing_else(change: str, expected: set[str]) -> None:
    assert changed(change) == expected


def test_a_seed_changes_training_and_what_is_trained() -> None:
    assert changed(seed=1) == ALL - {"evaluate bicubic"}


def test_a_protocol_version_changes_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ids(make_plan(load_profile("demo")))
    monkeypatch.setitem(PROTOCOLS, "rgb", replace(PROTOCOLS["rgb"], version=99))
    after = ids(make_plan(load_profile("demo")))
    assert {name for name in ALL if before[name] != after[name]} == {name for name in ALL if name.startswith("evaluate")}


def test_code_counts_through_its_imports_and_comments_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "cincgan"
    package.mkdir()
    (package / "a.py").write_text("from cincgan import b\n")
    (package / "b.py").write_text("import torch\nX = 1\n")
    monkeypatch.setattr(plan, "ROOT", tmp_path)
    code_digest.cache_clear()

    def digest() -> str:
        code_digest.cache_clear()
        return code_digest("cincgan.a")

    first = digest()
    (package / "b.py").write_text('"""Text."""\nimport torch  # a remark\nX = 1\n')
    assert digest() == first
    (package / "b.py").write_text("import torch\nX = 2\n")
    assert digest() != first
    code_digest.cache_clear()


def test_the_training_code_does_not_depend_on_the_scoring_code() -> None:
    reached: set[str] = set()

    def walk(module: str) -> None:
        if module in reached or module in plan.PLUMBING:
            return
        reached.add(module)
        import ast

        for name in plan._project_imports(ast.parse(plan._source(module).read_bytes())):
            walk(name)

    for module in ("cincgan.joint", "benchmarks.training"):
        walk(module)
    assert "cincgan.losses" in reached
    assert "baselines.edsr" in reached
    assert not reached & {"benchmarks.protocols", "benchmarks.metrics", "benchmarks.run", "benchmarks.plan", "benchmarks.profile"}


def test_needed_cells_come_first_and_are_shared() -> None:
    cells = make_plan(load_profile("demo"), seeds=[0, 1])
    position = {cell.id: index for index, cell in enumerate(cells)}
    assert len(position) == len(cells) == 11  # bicubic once, five cells a seed
    for cell in cells:
        assert all(position[needed.id] < position[cell.id] for needed in cell.needs.values())
    assert cells[0].label == "bicubic"


def test_cells_are_found_by_a_unique_prefix() -> None:
    cells = make_plan(load_profile("demo"))
    assert find_cell(cells, cells[3].id[:8]) is cells[3]
    with pytest.raises(UsageError, match="no cell"):
        find_cell(cells, "xyz")
    with pytest.raises(UsageError, match="6 cells"):
        find_cell(cells, "")
