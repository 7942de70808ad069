"""A user's own model through ``benchmarks.benchmark``: its result, its row beside others, and what is refused."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import interpolate

from benchmarks import benchmark, load_dataset, results
from benchmarks.core.errors import BenchmarkError, TrainingCollapsed, UsageError
from benchmarks.execution.workspace import Workspace
from benchmarks.public import model as module
from benchmarks.results.files import read_result
from benchmarks.results.layout import result_files
from reports.build import build
from reports.studies import load_evidence, make_studies


def nearest(lr: Tensor) -> Tensor:
    return interpolate(lr, scale_factor=4)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small HR images of a user: enough photographs to tell methods apart."""
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(8):
        coarse = np.random.default_rng(seed).integers(0, 256, (9, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((64, 72), Image.Resampling.BICUBIC).save(folder / f"photo-{seed}.png")
    return folder


@pytest.fixture(scope="module")
def runs(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a function, and of a module with two seeds."""
    output = tmp_path_factory.mktemp("runs")
    benchmark(nearest, photos, ["rgb", "y-shave4"], output=output)
    for seed in (0, 1):
        convolution = nn.Sequential(nn.Upsample(scale_factor=4), nn.Conv2d(3, 3, 3, padding=1, bias=False))
        with torch.no_grad():
            nn.init.dirac_(convolution[1].weight)
            convolution[1].weight.mul_(0.9 - 0.1 * seed)
        benchmark(convolution, str(photos), ("rgb", "y-shave4"), "dimmed", output=output, seed=seed)
    return output


def test_the_result_file(runs: Path, photos: Path) -> None:
    (path,) = runs.glob("cells/evaluate-nearest-*/result.json")
    result = read_result(path)
    assert (result.cell.label, result.cell.seed, result.profile, result.is_own) == ("nearest", None, "demo", True)
    assert result.cell.code.startswith(f"python:{__name__}:nearest scores ")
    assert "not recorded" in result.exploratory and result.data.directory == str(photos)
    for pair in load_dataset(photos):
        sr = np.repeat(np.repeat(pair.lr, 4, 0), 4, 1)
        error = float(((sr.astype(float) - pair.hr) ** 2).mean())
        assert result.scores["rgb"]["psnr"][pair.name] == pytest.approx(10 * np.log10(255**2 / error))
    with Image.open(next((path.parent / "samples").glob("*.png"))) as sample:
        assert sample.size == (64, 72)


def test_a_row_beside_bicubic_with_interval_and_comparison(runs: Path, tmp_path: Path) -> None:
    evidence = load_evidence(runs)
    (study,) = make_studies(evidence)
    assert list(study.methods) == ["bicubic", "dimmed", "nearest"]
    assert [each.seed for each in study.methods["dimmed"]] == [0, 1]
    build(evidence, tmp_path)
    (table,) = (tmp_path / "tables").glob("*methods.md")
    rows = {
        cells[1].strip().partition(" ")[0]: cells for line in table.read_text().splitlines() if len(cells := line.split("|")) > 4
    }
    assert rows["bicubic"] and "…" in rows["nearest"][2] and rows["nearest"][4].strip().startswith("-")
    assert "your own models" in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "your own models" in (tmp_path / "tables.tex").with_name("tables").joinpath(f"{table.stem}.tex").read_text()
    assert ",own,nearest," in (tmp_path / "tables.csv").read_text(encoding="utf-8")


def test_the_frame_equals_the_result_files(runs: Path) -> None:
    frame = results(runs)
    scores = {
        (result.cell.label, result.cell.seed, protocol, metric, image): value
        for result in map(read_result, result_files(runs, "evaluate"))
        for protocol, metrics in result.scores.items()
        for metric, values in metrics.items()
        for image, value in values.items()
    }
    seeds = [None if seed is None else int(seed) for seed in frame.seed.astype(object).where(frame.seed.notna(), None)]
    keys = list(zip(frame.method, seeds, frame.protocol, frame.metric, frame.image, strict=True))
    assert dict(zip(keys, frame.value, strict=True)) == scores and len(set(keys)) == len(frame) == 4 * 2 * 2 * 8
    assert (frame.photograph == frame.image).all() and set(frame.split) == {"test"}
    with pytest.raises(UsageError, match="no results here"):
        results(runs / "cells")


def test_the_same_scores_replace_a_result_and_others_stand_beside_it(photos: Path, tmp_path: Path) -> None:
    first = benchmark(nearest, photos, "rgb", output=tmp_path)
    again = benchmark(nearest, photos, "rgb", output=tmp_path)
    other = benchmark(lambda lr: nearest(lr) * 0.9, photos, "rgb", "nearest", output=tmp_path)
    assert first.cell.id == again.cell.id != other.cell.id
    (study,) = make_studies(load_evidence(tmp_path))
    assert [each.id for each in study.methods["nearest"]] == [other.cell.id]
    assert len(study.methods["bicubic"]) == 1


def test_a_module_is_left_as_it_was(photos: Path, tmp_path: Path) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.frozen, self.modes = nn.BatchNorm2d(3).eval(), list[bool]()

        def forward(self, lr: Tensor) -> Tensor:
            self.modes.append(self.training or torch.is_grad_enabled())
            return nearest(lr) + 0 * np.random.default_rng(0).random()

    model, threads, drawn = Model(), torch.get_num_threads(), random.getstate()
    assert benchmark(model, photos, "rgb", output=tmp_path, beside=()).cell.label == "Model"
    assert (model.training, model.frozen.training, any(model.modes)) == (True, False, False)
    assert (torch.get_num_threads(), random.getstate()) == (threads, drawn)
    assert set(results(tmp_path).method) == {"Model"}


def test_set5_through_a_lambda(shared_data: Path, tmp_path: Path) -> None:
    """Published: bicubic interpolation has 28.42 dB on Set5."""
    benchmark(lambda lr: interpolate(lr, scale_factor=4), shared_data / "set5", "y-shave4", name="mine", output=tmp_path)
    means = results(tmp_path).groupby(["method", "metric"]).value.mean()
    assert means["bicubic", "psnr"] == pytest.approx(28.43, abs=0.01)
    assert 24 < means["mine", "psnr"] < 28


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (lambda lr: lr, BenchmarkError, "expected a float32 tensor"),
        (lambda lr: nearest(lr) * 255, BenchmarkError, "divide by 255"),
        (lambda lr: nearest(lr) * float("nan"), TrainingCollapsed, "not finite"),
        (
            lambda lr: 1 / 0,
            BenchmarkError,
            r"image photo-0: model 'mine': ZeroDivisionError: division by zero \(.*test_model.py:\d+\)",
        ),
        (lambda lr: sys.exit(0), BenchmarkError, r"image photo-0: model 'mine': SystemExit: 0 \(.*test_model.py:\d+\)"),
        (lambda lr: nearest(lr).numpy(), BenchmarkError, "expected a float32 tensor"),
    ],
)
def test_models_that_fail(model: Any, error: type[Exception], message: str, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        benchmark(model, photos, "rgb", "mine", output=tmp_path, beside=())
    assert not list(result_files(tmp_path))


@pytest.mark.parametrize(
    ("model", "remark"),
    [
        (lambda lr: nearest(lr).flip(1), "mine: 6 of 6 results fit better with red and blue exchanged"),
        (lambda lr: nearest(lr) * 0 + 0.5, "mine: 6 of 6 results have no contrast"),
    ],
)
def test_scores_without_meaning_are_warned_of(model: Any, remark: str, photos: Path, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=remark):
        benchmark(model, photos, "rgb", "mine", metrics="psnr", output=tmp_path, beside=())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "cincgan"}, "a method of the catalog has this name"),
        ({"name": "a/b"}, "give a name of letters"),
        ({"name": None}, r"name='<lambda>': give a name of letters"),
        ({"model": 3}, "cannot be called"),
        ({"protocol": "rbg"}, "did you mean 'rgb'"),
        ({"metrics": ""}, "metrics='': give names"),
        ({"dataset": "set6"}, "did you mean 'set5'"),
        ({"dataset": 5}, "give a name, or the folder"),
        ({"dataset": "x" * 5000}, "unknown data set"),
        ({"split": "x"}, "give 'test' or 'validation'"),
        ({"split": "validation"}, "has no validation images"),
        ({"profile": "dmeo"}, "did you mean 'demo'"),
        ({"changes": "tile"}, "write key=value"),
        ({"beside": ["edsr"]}, "run python -m benchmarks.run --methods edsr"),
        ({"seed": -1}, "give a whole number from 0"),
        ({"tile": -1}, "give 0 or more"),
    ],
    ids=str,
)
def test_wrong_use(changes: dict[str, Any], message: str, photos: Path, tmp_path: Path) -> None:
    options = {"model": lambda lr: lr, "dataset": photos, "protocol": "rgb", "name": "mine", "beside": (), **changes}
    with pytest.raises(UsageError, match=message):
        benchmark(**options, output=tmp_path)
    assert not list(result_files(tmp_path))


def test_a_data_set_that_is_not_prepared(tmp_path: Path, own_cache: None) -> None:
    with pytest.raises(UsageError, match=r"python -m benchmarks\.prepare set5"):
        benchmark(nearest, "set5", "y-shave4", output=tmp_path)


def test_a_folder_in_which_a_run_is_at_work(photos: Path, tmp_path: Path) -> None:
    with Workspace(tmp_path).locked(), pytest.raises(UsageError, match="another run is at work here"):
        benchmark(nearest, photos, "rgb", output=tmp_path)


def test_images_without_ground_truth(tmp_path: Path) -> None:
    (tmp_path / "lr").mkdir()
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "lr" / "a_LR.png")
    with pytest.raises(UsageError, match="have no ground truth"):
        benchmark(nearest, tmp_path / "lr", "rgb", output=tmp_path / "runs")
    with pytest.raises(UsageError, match="have no ground truth"):
        load_dataset(tmp_path / "lr")


def test_the_name_of_a_model_is_that_of_its_function_or_class() -> None:
    assert module._name(None, nearest) == "nearest"
    assert module._name(None, nn.Identity()) == "Identity"
