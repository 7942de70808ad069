"""Banners over tables that mix devices, processors, precisions or versions of packages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.catalog.profiles import load_profile
from benchmarks.planning.plan import make_plan
from benchmarks.results.record import Environment, EvaluationResult, Numerics
from reports.grids import table_grid
from reports.marks import mixture
from reports.tables import make_table
from tests.helpers.cell_results import cell_result

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
