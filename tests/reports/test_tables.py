"""Tables of numbers from results, with their statistics, as grids, CSV and JSON; and the result files themselves."""

from __future__ import annotations

import csv
import io
import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from benchmarks.core.errors import UsageError
from benchmarks.results.files import SCHEMA, read_result, to_result, write_result
from benchmarks.results.record import COMPLETE, EvaluationResult
from reports.formats import to_latex, to_markdown, to_terminal
from reports.grids import table_grid
from reports.tables import CSV_COLUMNS, make_table, make_tables, to_csv, to_json


def result(method: str, seed: int | None, **scores: list[float]) -> EvaluationResult:
    rgb = {name: {f"image{index}": value for index, value in enumerate(values)} for name, values in scores.items()}
    plain: dict[str, Any] = {
        "schema": SCHEMA,
        "status": COMPLETE,
        "cell": {"id": f"{method}{seed}", "kind": "evaluate", "label": method, "seed": seed, "dataset": "photos", "needs": {}},
        "settings": {"protocols": {"rgb": 1}},
        "data": {"digest": "d", "scale": 4},
        "seconds": 1.5,
        "finished_at": "2026-01-01T00:00:00+00:00",
        "environment": {},
        "git": {},
        "scores": {"rgb": rgb},
    }
    evaluation = to_result(plain)
    assert isinstance(evaluation, EvaluationResult)
    return evaluation


TABLE = make_table(
    "photos",
    "demo",
    {
        "bicubic": [result("bicubic", None, psnr=[20.0, 22.0, 24.0])],
        "edsr": [result("edsr", 0, psnr=[19.0, 21.0, 23.5]), result("edsr", 1, psnr=[20.0, 21.0, 23.5])],
        "cincgan": [],
    },
    {"cincgan": "seed 0 diverged"},
)


def test_a_composite_score_stands_in_a_table_where_all_its_metrics_do() -> None:
    values = {"lpips": [0.2, 0.4], "dists": [0.1, 0.1], "clipiqa": [0.6, 0.8], "maniqa": [0.5, 0.5], "musiq": [60.0, 70.0]}
    complete, partial = result("edsr", 0, **values, niqe=[4.0, 6.0]), result("bicubic", None, **values)
    table = make_table("photos", "demo", {"bicubic": [partial], "edsr": [complete]}, {})
    score = (1 - 0.3) + (1 - 0.1) + 0.7 + 0.5 + 0.65 + 0.5
    assert [row.composites for row in table.rows] == [{}, {("rgb", "ntire2026-perceptual"): pytest.approx(score)}]
    grid = table_grid("t", table)
    place = grid.headers.index("NTIRE 2026 v1 ↑ rgb")
    assert [row[place].text for section in grid.sections for row in section.rows] == ["–", f"{score:.3f}"]
    assert "NTIRE 2026 v1: sum over means of lpips, dists" in grid.caption
    lines = [line for line in csv.DictReader(io.StringIO(to_csv([table]))) if line["metric"] == "ntire2026-perceptual"]
    assert [(line["method"], float(line["mean"]), line["low"]) for line in lines] == [("edsr", pytest.approx(score), "")]
    assert to_json(table)["rows"][1]["composites"] == [
        {"protocol": "rgb", "name": lines[0]["metric"], "score": pytest.approx(score)}
    ]
    assert "NTIRE 2026" not in table_grid("t", make_table("photos", "demo", {"bicubic": [partial]}, {})).caption


def test_a_cell_is_the_mean_over_images_of_the_mean_over_seeds() -> None:
    bicubic, edsr, cincgan = TABLE.rows
    assert bicubic.scores["rgb", "psnr"].mean == 22
    assert edsr.scores["rgb", "psnr"].mean == pytest.approx((19.5 + 21 + 23.5) / 3)
    assert edsr.gains["rgb"].mean == pytest.approx(-(0.5 + 1 + 0.5) / 3)
    assert edsr.gains["rgb"].low < edsr.gains["rgb"].mean < edsr.gains["rgb"].high
    assert edsr.seed_sd["rgb", "psnr"] == pytest.approx(np.std([63.5 / 3, 64.5 / 3], ddof=1)) and not bicubic.seed_sd
    assert not bicubic.gains
    assert (edsr.seeds, edsr.images, cincgan.scores) == ((0, 1), 3, {})


def test_a_metric_that_one_seed_lacks_is_left_out() -> None:
    partial, other = result("edsr", 1, psnr=[20.0, 21.0, 23.5], lpips=[0.5] * 3), result("edsr", 0, psnr=[1.0, 2.0, 3.0])
    for pair in ([partial, other], [other, partial]):
        assert make_table("photos", "demo", {"edsr": pair}, {}).columns == (("rgb", "psnr"),)


def test_markdown() -> None:
    padded = to_markdown(table_grid("table", TABLE)).splitlines()
    assert [line.split("|")[1].strip() for line in padded if line.startswith("| *")] == [
        "*clean pairs: saw Z and its bicubic LR images*",
        "*unpaired and direct: saw X and Z, cleans LR images first*",
    ]
    lines = [line for line in padded if not line.startswith("| *")]
    assert lines[0].startswith("**photos, profile demo: 3 test images of 3 photographs, seeds 0, 1; mean and 95 % t-interval")
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == [
        "method",
        "PSNR ↑ rgb",
        "ΔPSNR rgb",
        "SD over seeds rgb",
        "alike rgb",
    ]
    assert lines[4].split("|")[2].strip().startswith("**22.00** (")
    assert lines[5].split("|")[2].strip().startswith("<u>21.33</u> (")
    assert lines[6].split("|")[1].strip() == "cincgan (seed 0 diverged)"
    assert len({len(line) for line in padded[2:]}) == 1


def test_csv_has_full_precision_and_the_cells_behind_it() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv([TABLE]))))
    edsr = next(row for row in rows if row["method"] == "edsr" and row["metric"] == "psnr")
    assert float(edsr["mean"]) == TABLE.rows[1].scores["rgb", "psnr"].mean
    assert edsr["cells"] == "edsr0 edsr1"
    assert {row["metric"] for row in rows} == {"psnr", "psnr-gain", ""}
    (note,) = (row for row in rows if not row["metric"])
    assert (note["method"], note["note"], note["mean"], note["cells"]) == ("cincgan", "seed 0 diverged", "", "")


def test_csv_has_the_columns_of_all_tables_and_the_runs_where_they_are_known() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv([TABLE], {"edsr0": "run-a", "edsr1": "", "bicubicNone": "run-b"}))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert {
        "dataset",
        "profile",
        "group",
        "family",
        "method",
        "protocol",
        "metric",
        "mean",
        "low",
        "high",
        "images",
        "seeds",
        "cells",
    } < {*CSV_COLUMNS}
    gain = next(row for row in rows if row["metric"] == "psnr-gain")
    assert (gain["cells"], gain["mlflow_runs"]) == ("edsr0 edsr1 bicubicNone", "run-a run-b")
    assert (gain["trained_on"], gain["table"], gain["reference"]) == ("photos", "methods", "bicubic")
    assert (gain["group"], gain["family"]) == ("rival", "clean-pairs")


def test_all_formats_show_the_same_texts() -> None:
    grid = table_grid("table", TABLE)
    console = Console(width=100, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(to_terminal(grid))
    terminal = console.file.getvalue()  # type: ignore[attr-defined]
    for text in ("22.00", "21.33", "-0.67", "seed 0 diverged", "ΔPSNR"):
        assert text in terminal and text in to_markdown(grid)
    assert "\x1b[1m22.00\x1b[0m" in terminal and "\x1b[4m21.33\x1b[0m" in terminal
    assert r"\textbf{22.00}" in to_latex(grid) and r"\underline{21.33}" in to_latex(grid)


def test_methods_stand_beside_bicubic_and_variants_beside_their_method() -> None:
    names = ("cincgan/no-d1", "edsr-paired", "cincgan", "bicubic")
    results = {name: [result(name, 0, psnr=[20.0, 21.0])] for name in names}
    main, ablation = make_tables(
        "photos", "demo", results, {"cincgan/no-inner-cycle": "seed 0 diverged", "edsr": "seed 0 failed"}
    )
    assert (main.kind, main.reference, ablation.kind, ablation.reference) == ("methods", "bicubic", "ablation", "cincgan")
    assert [row.method for row in main.rows] == ["bicubic", "edsr", "cincgan", "edsr-paired"], "no fair rivals come last"
    assert [row.method for row in ablation.rows] == ["cincgan", "cincgan/no-inner-cycle", "cincgan/no-d1"]
    assert [row.note for row in ablation.rows] == ["", "seed 0 diverged", ""]
    (empty, alone) = make_tables("photos", "demo", {"cincgan/no-d1": results["cincgan/no-d1"]}, {})
    assert not empty.rows and [(row.method, row.note) for row in alone.rows] == [("cincgan", "not run"), ("cincgan/no-d1", "")]


def test_tables_show_some_protocols_and_plain_data_has_all() -> None:
    evaluation = result("bicubic", None, psnr=[20.0])
    both = replace(evaluation, scores={**evaluation.scores, "ntire2018": evaluation.scores["rgb"]})
    (table,) = make_tables("photos", "demo", {"bicubic": [both]}, {}, ["ntire2018"])
    assert table.columns == (("ntire2018", "psnr"),) and table.protocols == ("ntire2018",)
    assert {line["protocol"] for line in csv.DictReader(io.StringIO(to_csv([table])))} == {"rgb", "ntire2018"}
    assert [score["protocol"] for score in to_json(table)["rows"][0]["scores"]] == ["rgb", "ntire2018"]


def test_infinite_scores_print_as_infinity_and_stay_valid_json() -> None:
    table = make_table("photos", "demo", {"bicubic": [result("bicubic", None, psnr=[math.inf, 30.0])]}, {})
    assert "∞" in to_markdown(table_grid("table", table))
    assert json.loads(json.dumps(to_json(table), allow_nan=False))["rows"][0]["scores"][0]["mean"] == "inf"
    assert table.rows[0].note == "1 of 2 images equal to the ground truth (rgb), PSNR of the others 30.00 dB"


def test_result_files_keep_infinity(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_result(path, result("bicubic", None, psnr=[math.inf, 1.0]))
    assert "Infinity" not in path.read_text()
    stored = read_result(path)
    assert isinstance(stored, EvaluationResult)
    assert stored.scores["rgb"]["psnr"] == {"image0": math.inf, "image1": 1.0}
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 1}', "\x00", '"text"'])
def test_corrupt_results_are_one_clear_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"corrupt result file .*recompute the cell with --force") as caught:
        read_result(path)
    assert "\n" not in str(caught.value)
    assert path.read_text() == text


def test_rows_of_no_frozen_profile_are_exploratory_in_every_format() -> None:
    bicubic, edsr = result("bicubic", None, psnr=[20.0, 21.0]), result("edsr", 0, psnr=[22.0, 23.0])
    changed = replace(edsr, exploratory="changed by --set stages.edsr.training.steps=7")
    table = make_table("photos", "demo", {"bicubic": [bicubic], "edsr": [changed]}, {})
    markdown = to_markdown(table_grid("table", table))
    assert "exploratory: changed by --set stages.edsr.training.steps=7" in markdown and "no results" not in markdown
    rows = list(csv.DictReader(io.StringIO(to_csv([table]))))
    assert {row["method"]: row["exploratory"] for row in rows} == {"bicubic": "", "edsr": changed.exploratory}
    assert [row["exploratory"] for row in to_json(table)["rows"]] == ["", changed.exploratory]
    both = [replace(each, exploratory="profile demo is not frozen") for each in (bicubic, edsr)]
    table = make_table("photos", "demo", {"bicubic": both[:1], "edsr": both[1:]}, {})
    assert "Exploratory, no results: profile demo is not frozen. photos, profile demo" in to_markdown(table_grid("table", table))


def test_validation_images_have_tables_of_their_own() -> None:
    test = result("bicubic", None, psnr=[20.0, 21.0])
    validation = replace(test, settings=replace(test.settings, split="validation"))
    with pytest.raises(ValueError, match="test and validation images in one table"):
        make_table("photos", "demo", {"bicubic": [validation], "edsr": [test]}, {})
    table = make_table("photos", "demo", {"bicubic": [validation]}, {})
    markdown = to_markdown(table_grid("table", table))
    assert "Validation images, for choices of settings: no results. photos, profile demo: 2 validation images" in markdown
    assert {row["split"] for row in csv.DictReader(io.StringIO(to_csv([table])))} == {"validation"}


def test_images_without_contrast_are_named_below_the_table() -> None:
    whole = replace(result("bicubic", None, psnr=[20.0, 21.0]), without_contrast=("image1",))
    settings = replace(whole.settings, protocols={"ntire2018": 1})
    flat = replace(whole, settings=settings, scores={"ntire2018": whole.scores["rgb"]})
    assert make_table("photos", "demo", {"bicubic": [whole]}, {}).without_contrast == (), "no protocol scores the window alone"
    table = make_table("photos", "demo", {"bicubic": [flat]}, {})
    assert "Without contrast in the central window, where a score measures noise: image1." in to_markdown(table_grid("t", table))
    assert to_json(table)["without_contrast"] == ("image1",)


def shown(**psnr: list[EvaluationResult]) -> list[str]:
    """Caption, headers, rule and rows of a table as Markdown, without the headings of families."""
    lines = to_markdown(table_grid("table", make_table("photos", "demo", psnr, {}))).splitlines()
    return [line for line in lines if not line.startswith("| *")]


def scattered(method: str, seed: int | None, mean: float, count: int = 24) -> EvaluationResult:
    noise = np.random.default_rng((len(method), seed or 0)).normal(0, 0.1, count)
    return result(method, seed, psnr=(mean + noise).tolist())


def test_methods_that_cannot_be_told_apart_share_a_letter() -> None:
    trained = {name: [scattered(name, seed, mean) for seed in (0, 1, 2)] for name, mean in (("edsr", 22.0), ("cincgan", 23.0))}
    lines = shown(bicubic=[scattered("bicubic", None, 22.0)], **trained)
    assert [line.split("|")[-2].strip() for line in lines[4:]] == ["b", "b", "a"]
    assert "rgb resolves differences from 0.0" in lines[0] and "24 test images of 24 photographs" in lines[0]
    assert lines[4].split("|")[-3].strip() == "–" and "0.0" in lines[5].split("|")[-3]


def test_a_table_of_one_training_says_so_in_its_rows_and_caption() -> None:
    one = {name: [scattered(name, 0, mean)] for name, mean in (("edsr", 22.0), ("cincgan", 23.0))}
    lines = shown(bicubic=[scattered("bicubic", None, 10.0)], **one)
    assert [line.split("|")[-3].strip() for line in lines[4:]] == ["–", "one training", "one training"]
    assert [line.split("|")[-2].strip() for line in lines[4:]] == ["b", "a", "a"]
    assert "One training of each trained method: no verdict between two trained methods" in lines[0]


def test_weights_of_others_are_one_training() -> None:
    """A user's own model and released weights have no seed here, and were trained all the same; ZSSR is trained on each image."""
    trained = {"edsr": [scattered("edsr", seed, 22.0) for seed in (0, 1, 2)]}
    others = {name: [scattered(name, None, 23.0)] for name in ("realsr", "mine", "zssr")}
    lines = shown(bicubic=[scattered("bicubic", None, 10.0)], **trained, **others)
    columns = [[cell.strip() for cell in line.split("|")] for line in lines[4:]]
    assert {row[1]: row[-2] for row in columns} == {"bicubic": "c", "edsr": "b", "realsr": "ab", "mine": "ab", "zssr": "a"}
    assert {row[1]: row[-3] for row in columns if row[1] in others} == {**dict.fromkeys(others, "one training"), "zssr": "–"}
    assert "One training of realsr, mine: no verdict between them and trained methods" in lines[0]


def test_crops_count_as_the_photographs_that_the_result_or_the_card_names() -> None:
    values = {f"image{index}": 20.0 + index for index in range(8)}
    plain = result("bicubic", None, psnr=list(values.values()))
    grouped = replace(plain, groups={image: f"photo{index // 4}" for index, image in enumerate(values)})
    assert make_table("photos", "demo", {"bicubic": [grouped]}, {}).photographs == 2
    assert make_table("photos", "demo", {"bicubic": [plain]}, {}).photographs == 8, "of a data set without a card"
    names = ("coffee-8-12", "coffee-8-204", "rocket-21-32", "made-up-1-2", "made-up-1-3")
    old = replace(plain, cell=replace(plain.cell, dataset="demo-photos"), scores={"rgb": {"psnr": dict.fromkeys(names, 20.0)}})
    table = make_table("demo-photos", "demo", {"bicubic": [old]}, {})
    assert table.photographs == 4, "coffee, rocket, and two images that only look like crops"
    assert "Of 4 photographs nothing can be told apart: at least 6 are needed." in to_markdown(table_grid("table", table))


def test_csv_counts_photographs_and_has_spreads_degrees_and_letters() -> None:
    table = make_table("photos", "demo", {"edsr": [scattered("edsr", seed, 22.0) for seed in (0, 1, 2)]}, {})
    (row,) = csv.DictReader(io.StringIO(to_csv([table])))
    assert (row["images"], row["photographs"], row["seeds"], row["alike"]) == ("24", "24", "0 1 2", "a")
    assert float(row["seed_sd"]) == table.rows[0].seed_sd["rgb", "psnr"] and 2 < float(row["degrees"]) < 26
    plain = to_json(table)
    assert plain["photographs"] == 24 and plain["rows"][0]["alike"] == {"rgb": "a"}


def test_a_table_of_many_methods_is_made_in_a_moment() -> None:
    results = {
        name: [scattered(name, seed, 22.0 + place / 10) for seed in (0, 1, 2)]
        for place, name in enumerate(("fsrcnn", "edsr", "srgan", "pseudo-supervision", "cincgan", "edsr-paired", "srgan-paired"))
    }
    start = time.process_time()
    make_table("photos", "demo", results, {})
    assert time.process_time() - start < 2
