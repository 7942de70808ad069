"""Statistics and tables from plain results, and the result files themselves."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.core.errors import UsageError
from benchmarks.results.files import SCHEMA, read_result, write_result
from benchmarks.results.record import COMPLETE
from benchmarks.scoring.statistics import bootstrap_mean
from reports.tables import make_table, to_csv, to_json, to_markdown


def result(method: str, seed: int | None, psnr: list[float]) -> dict[str, Any]:
    values = {f"image{index}": value for index, value in enumerate(psnr)}
    return {
        "schema": SCHEMA,
        "status": COMPLETE,
        "cell": {"id": f"{method}{seed}", "kind": "evaluate", "label": method, "seed": seed, "dataset": "photos", "needs": {}},
        "settings": {"protocols": {"rgb": 1}},
        "data": {"digest": "d", "scale": 4},
        "seconds": 1.5,
        "finished_at": "2026-01-01T00:00:00+00:00",
        "environment": {},
        "git": {},
        "scores": {"rgb": {"psnr": values}},
    }


TABLE = make_table(
    "photos",
    "demo",
    {
        "bicubic": [result("bicubic", None, [20.0, 22.0, 24.0])],
        "edsr": [result("edsr", 0, [19.0, 21.0, 23.5]), result("edsr", 1, [20.0, 21.0, 23.5])],
        "cincgan": [],
    },
    {"cincgan": "seed 0 diverged"},
)


def test_a_cell_is_the_mean_over_images_of_the_mean_over_seeds() -> None:
    bicubic, edsr, cincgan = TABLE.rows
    assert bicubic.scores["rgb", "psnr"].mean == 22
    assert edsr.scores["rgb", "psnr"].mean == pytest.approx((19.5 + 21 + 23.5) / 3)
    assert edsr.gains["rgb"].mean == pytest.approx(-(0.5 + 1 + 0.5) / 3)
    assert -1 <= edsr.gains["rgb"].low < edsr.gains["rgb"].high <= -0.5
    assert not bicubic.gains
    assert (edsr.seeds, edsr.images, cincgan.scores) == ((0, 1), 3, {})


def test_a_metric_that_one_seed_lacks_is_left_out() -> None:
    partial = result("edsr", 1, [20.0, 21.0, 23.5])
    partial["scores"]["rgb"]["lpips"] = {f"image{index}": 0.5 for index in range(3)}
    for pair in ([partial, result("edsr", 0, [1.0, 2.0, 3.0])], [result("edsr", 0, [1.0, 2.0, 3.0]), partial]):
        assert make_table("photos", "demo", {"edsr": pair}, {}).columns == (("rgb", "psnr"),)


def test_markdown() -> None:
    lines = to_markdown(TABLE).splitlines()
    assert lines[0].startswith("**photos, profile demo: 3 test images, seeds 0, 1; mean and 95 %")
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == ["method", "PSNR ↑ rgb", "ΔPSNR rgb"]
    assert lines[4].split("|")[2].strip().startswith("22.00 (")
    assert lines[6].split("|")[1].strip() == "cincgan (seed 0 diverged)"
    assert len({len(line) for line in lines[2:]}) == 1


def test_csv_has_full_precision_and_the_cells_behind_it() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv([TABLE]))))
    edsr = next(row for row in rows if row["method"] == "edsr" and row["metric"] == "psnr")
    assert float(edsr["mean"]) == TABLE.rows[1].scores["rgb", "psnr"].mean
    assert edsr["cells"] == "edsr0 edsr1"
    assert {row["metric"] for row in rows} == {"psnr", "psnr-gain"}


def test_infinite_scores_print_as_infinity_and_stay_valid_json() -> None:
    table = make_table("photos", "demo", {"bicubic": [result("bicubic", None, [math.inf, 30.0])]}, {})
    assert "∞" in to_markdown(table)
    assert json.loads(json.dumps(to_json(table), allow_nan=False))["rows"][0]["scores"][0]["mean"] == "inf"


@given(st.lists(st.floats(0, 50), min_size=1, max_size=30))
def test_the_interval_holds_the_mean_and_lies_within_the_values(values: list[float]) -> None:
    estimate = bootstrap_mean(values)
    assert min(values) - 1e-9 <= estimate.low <= estimate.mean + 1e-9
    assert estimate.mean - 1e-9 <= estimate.high <= max(values) + 1e-9
    assert estimate == bootstrap_mean(values)


def test_the_interval_covers_as_often_as_it_says() -> None:
    generator = np.random.default_rng(1)
    inside = [(e := bootstrap_mean(list(generator.normal(size=40)))).low <= 0 <= e.high for _ in range(200)]
    assert 0.88 <= np.mean(inside) <= 0.98


def test_result_files_keep_infinity(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_result(path, result("bicubic", None, [math.inf, 1.0]))
    assert "Infinity" not in path.read_text()
    assert read_result(path)["scores"]["rgb"]["psnr"] == {"image0": math.inf, "image1": 1.0}
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 1}', "\x00", '"text"'])
def test_corrupt_results_are_one_clear_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"corrupt result file .*recompute the cell with --force") as caught:
        read_result(path)
    assert "\n" not in str(caught.value)
    assert path.read_text() == text
