"""Runs on unpaired images of one's own: SR images without ground truth, and methods that the data do not suit."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import run
from benchmarks.api.entries import MetricEntry
from benchmarks.api.image import Image as Pixels
from benchmarks.api.method import Descriptor, TrainedStage
from benchmarks.catalog.methods import get_method
from benchmarks.catalog.metrics import get_metric
from benchmarks.core.errors import BenchmarkError
from benchmarks.core.lazy import resolve
from benchmarks.results.files import SCHEMA, read_result, to_result, write_result
from benchmarks.results.layout import result_files
from benchmarks.results.record import NO_REFERENCE, EvaluationResult
from benchmarks.scoring.pictures import enlarge_images
from reports.build import build
from reports.studies import load_evidence
from reports.tables import CSV_COLUMNS
from tests.conftest import Run
from tests.helpers.stand_ins import photograph, save

REASON = "edsr-paired: not run: it learns from pairs of LR and HR images, and the training images of 'folder' are unpaired"
SCORED = Path(__file__).parents[1] / "results" / "old_results" / f"schema-{SCHEMA}-evaluate.json"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Unpaired training images, and eight LR images for testing."""
    for number in range(8):
        save(photograph(number, 24), tmp_path / "own" / "test" / "LR" / f"t{number}.png")
    for number in range(3):
        save(photograph(10 + number, 32), tmp_path / "own" / "train" / "X" / f"x{number}.png")
        save(photograph(20 + number, 128), tmp_path / "own" / "train" / "Z" / f"z{number}.png")
    return tmp_path / "own"


def test_without_ground_truth_there_are_pictures_and_no_numbers(tmp_path: Path, own: Path, command: Run) -> None:
    arguments = ("--methods", "bicubic", "edsr-paired", "--profile", "smoke", "--data-dir", str(own))
    done = command(*arguments)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, REASON)
    assert "No ground truth, so nothing is compared with one" in done.stdout and "[1/1] evaluate bicubic on folder" in done.stderr
    runs = tmp_path / "runs"
    (result_file,) = result_files(runs)
    result = read_result(result_file)
    assert isinstance(result, EvaluationResult) and result.pictures == tuple(f"t{number}" for number in range(8))
    assert (result.scores, result.summary, result.missing) == ({}, {}, {})
    assert sorted(path.stem for path in (result_file.parent / "samples").iterdir()) == list(result.pictures), "all are stored"
    (table,) = runs.glob("table-smoke-folder-own-*.csv")
    row = dict(zip(CSV_COLUMNS, table.read_text(encoding="utf-8").splitlines()[1].split(","), strict=True))
    assert (row["method"], row["note"], row["metric"], row["mean"]) == ("bicubic", "no ground truth", "", "")
    page = (runs / "report" / "index.html").read_text(encoding="utf-8")
    assert "none: no ground truth" in page and "ΔPSNR" not in page and not re.search(r"\d dB", page)
    assert len(list((runs / "report" / "images").glob("*/*/LR.webp"))) == 6 and not list((runs / "report").rglob("HR.webp"))
    again = command(*arguments, "--json")
    assert json.loads(again.stdout)["left_out"] == [REASON] and "evaluate bicubic" not in again.stderr


def test_a_dry_run_names_what_is_left_out(own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--profile", "smoke", "--data-dir", str(own), "--output", str(tmp_path / "runs"), "--dry-run"]
    assert run.main(["--methods", "bicubic", "edsr-paired", *arguments]) == 0
    assert REASON in capsys.readouterr().out.splitlines()
    assert run.main(["--methods", "edsr-paired", *arguments]) == 2, "nothing is left to run"
    assert capsys.readouterr().err.splitlines() == [f"error: {REASON}"]


@pytest.mark.parametrize("option", ["--x-dir", "--z-dir", "--lr-suffix"])
def test_an_option_for_own_images_that_nothing_uses_is_an_error(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--methods", "bicubic", "--profile", "smoke", option, "some", "--dry-run"]) == 2
    assert (
        capsys.readouterr().err
        == f"error: {option} some: no data set uses it: add the name 'folder' to --datasets, or give --train-on folder\n"
    )


class Brightness:
    """A no-reference metric: the mean of the SR image."""

    def score_batch(self, sr: list[Pixels], hr: list[Pixels]) -> list[float]:
        return [float(image.mean()) for image in sr]


def test_no_reference_metrics_are_scored(tmp_path: Path, own: Path) -> None:
    entry = MetricEntry("brightness", "brightness", target=f"{__name__}:Brightness", no_reference=True)
    images = {path.stem: np.asarray(Image.open(path)) for path in sorted((own / "test" / "LR").iterdir())}
    bicubic = resolve(get_method("bicubic").target)
    evaluation = enlarge_images(bicubic, {}, images, 4, {NO_REFERENCE: [entry]}, tile=0, threads=1)
    scores = evaluation.scored.scores[NO_REFERENCE]["brightness"]
    assert scores == {name: pytest.approx(image.mean()) for name, image in evaluation.images.items()}
    assert list(scores) == list(images) and evaluation.images["t0"].shape == (96, 96, 3)


class Drawn:
    """A method whose only weight is drawn when it is made."""

    descriptor = Descriptor(4, receptive_field=1)

    def __init__(self) -> None:
        self.weight = torch.rand(1)

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> Drawn:
        return cls()

    def __call__(self, lr: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(lr * self.weight, scale_factor=4.0)


class OfScale2(Drawn):
    descriptor = Descriptor(2, receptive_field=1)


def test_methods_are_built_as_for_images_with_ground_truth() -> None:
    """Random weights are seeded, and the method's contract is checked."""
    images = {"a": np.full((8, 8, 3), 200, np.uint8)}
    first, second = (enlarge_images(Drawn, {}, images, 4, {}, tile=0, threads=1).images["a"] for _ in range(2))
    assert np.array_equal(first, second)
    with pytest.raises(BenchmarkError, match="descriptor"):
        enlarge_images(OfScale2, {}, images, 4, {}, tile=0, threads=1)


def test_pyiqa_says_which_metrics_need_no_ground_truth() -> None:
    assert {name: get_metric(name).no_reference for name in ("piqe", "niqe", "vif", "psnr", "lpips")} == {
        **{"piqe": True, "niqe": True},
        **{"vif": False, "psnr": False, "lpips": False},
    }


def test_scores_against_ground_truth_beside_pictures_are_a_contradiction() -> None:
    content = json.loads(SCORED.read_text(encoding="utf-8"))
    to_result(content)
    with pytest.raises(ValueError, match="scores under a protocol, which needs ground truth, beside pictures"):
        to_result({**content, "pictures": ["a"], "groups": {}})


def test_a_report_of_many_pictures_shows_some(tmp_path: Path) -> None:
    result = read_result(SCORED)
    assert isinstance(result, EvaluationResult)
    names = tuple(f"p{number:03}" for number in range(100))
    folder = tmp_path / "cells" / "evaluate-a"
    unscored = replace(result, scores={}, summary={}, shifts={}, missing={}, pictures=names)
    write_result(folder / "result.json", unscored)
    for name in names:
        save(photograph(1, 64), folder / "samples" / f"{name}.png")
    assert build(load_evidence(tmp_path), tmp_path / "report")[0].endswith(
        "no ground truth, so nothing to hold a paper's numbers against"
    )
    assert len(list((tmp_path / "report" / "images").glob("*/*"))) == 6
