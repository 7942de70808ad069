"""Banners over tables that mix devices, processors, precisions or versions of packages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.catalog.profiles import load_profile
from benchmarks.planning.plan import make_plan
from benchmarks.results.record import Environment, EvaluationResult, Numerics
from reports.chapters import make_chapters
from reports.grids import table_grid
from reports.marks import mixture
from reports.paper import load_papers
from reports.sharing.leaderboard import make_leaderboards
from reports.tables import make_table
from tests.helpers.cell_results import cell_result
from tests.reports.test_build import evidence, result

VERSIONS = {"torch": "2.14.1", "numpy": "2.0", "mlflow": "3"}
HERE = Environment("3.11", "Linux", "x86_64 avx2 avx512_bf16", "host", VERSIONS)
TRAINED = Numerics("bfloat16", "cpu", False, HERE.processor, VERSIONS)


def evaluation(label: str, environment: Environment = HERE, **trained: Any) -> EvaluationResult:
    cells = make_plan(load_profile("smoke"), [label])
    result = cell_result(cells[-1])
    assert isinstance(result, EvaluationResult)
    scores = {"rgb": {"psnr": {"a": 20.0, "b": 21.0}}}
    stages = {} if label == "bicubic" else {"edsr": replace(TRAINED, **trained)}
    return replace(result, environment=environment, device="cpu", trained_with=stages, scores=scores)


def test_equal_environments_have_no_banner() -> None:
    other_host = replace(HERE, host="other", python="3.12", versions={**VERSIONS, "mlflow": "4"})
    assert mixture([evaluation("bicubic"), evaluation("edsr"), evaluation("edsr", other_host)]) == ""
    assert mixture([]) == ""


@pytest.mark.parametrize(
    ("results", "named"),
    [
        ([evaluation("edsr"), evaluation("edsr", precision="float32")], "precision of edsr (bfloat16 / float32)"),
        ([evaluation("edsr"), evaluation("edsr", device="cuda")], "device (cpu / cuda)"),
        ([evaluation("edsr"), evaluation("edsr", tf32=True)], "precision of edsr (bfloat16 / bfloat16, TF32)"),
        ([evaluation("edsr", processor="x86_64 avx2")], "processor (x86_64 avx2 / x86_64 avx2 avx512_bf16)"),
        ([evaluation("edsr", versions={"torch": "2.13"})], "torch (2.13 / 2.14.1)"),
        ([evaluation("bicubic", replace(HERE, versions={"numpy": "1.26"})), evaluation("edsr")], "numpy (1.26 / 2.0)"),
    ],
)
def test_what_differs_is_named(results: list[EvaluationResult], named: str) -> None:
    assert mixture(results) == f"Mixed environments, which move numbers: {named}."


def test_a_table_that_mixes_says_so_in_its_caption() -> None:
    mixed = {"bicubic": [evaluation("bicubic")], "edsr": [evaluation("edsr", versions={"torch": "2.13"})]}
    same = {"bicubic": [evaluation("bicubic")], "edsr": [evaluation("edsr")]}
    captions = [table_grid("name", make_table("demo-photos", "smoke", results, {})).caption for results in (mixed, same)]
    assert "Mixed environments, which move numbers: torch (2.13 / 2.14.1)." in captions[0]
    assert "Mixed" not in captions[1]


def test_seeds_by_different_code_are_named() -> None:
    """They count as trainings of one method, which their ids alone would hide."""
    seeds = [result("edsr", 21.5, seed) for seed in (0, 1)]
    trainings = []
    for seed, code in zip(seeds, ("stage:EDSR 0123", "stage:EDSR 4567"), strict=True):
        seed["cell"]["needs"] = {"edsr": f"training {code}"}
        cell = {**seed["cell"], "id": f"training {code}", "kind": "train", "code": code, "needs": {}}
        plain = {**seed, "cell": cell, "settings": {"stage": {}}}
        trainings.append({key: value for key, value in plain.items() if key != "scores"})
    cells = evidence(result("bicubic", 22.0), *seeds, *trainings)
    sentence = "Trainings of one method by different code (edsr: edsr 0123 / 4567)."
    (chapter,) = make_chapters(cells, [load_papers()["cincgan"]])
    assert sentence in chapter.grids["methods"].caption
    assert all(sentence in grid.caption for part in chapter.papers for grid in part.grids.values())
    (board,) = make_leaderboards([chapter.study], [])
    assert {line.method for line in board.lines if "trainings by different code" in line.marks} == {"edsr"}
    (same,) = make_chapters([cell for cell in cells if cell.seed != 1], [])
    assert "different code" not in same.grids["methods"].caption
