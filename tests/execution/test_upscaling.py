"""Enlargement of a user's images: the pixels of evaluations, bands, and weights of a run or of files."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from baselines.bicubic.method import Bicubic
from benchmarks import pack, upscale
from benchmarks.api.image import Image
from benchmarks.api.method import Descriptor
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import BenchmarkError, UsageError
from benchmarks.execution import upscaling
from benchmarks.execution.compute import run_cell
from benchmarks.execution.upscaling import enlarge_by_bands, find_enlarger
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.plan import make_plan
from benchmarks.results import pretrained
from benchmarks.scoring.evaluation import super_resolve
from tests.helpers.cell_results import cell_result
from tests.helpers.report_results import demo_pairs

SHORT = ("metrics=['psnr']", "protocols=['rgb']", "shown=['rgb']", "stages.edsr.training.steps=2")


def silent(done: int, of: int) -> None:
    """A report of progress that nobody reads."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of an evaluation of whole images and of one in tiles."""
    workspace = Workspace(tmp_path_factory.mktemp("runs"))
    for method, tile in (("edsr", 0), ("bicubic", 20)):
        for cell in make_plan(load_profile("smoke", [*SHORT, f"tile={tile}"]), [method]):
            run_cell(cell, workspace)
    return workspace.root


@pytest.mark.train
@pytest.mark.parametrize("method", ["edsr", "bicubic"])
def test_the_pixels_are_those_of_the_evaluation(method: str, runs: Path) -> None:
    enlarger = find_enlarger(method, runs, [], seed=0, tile=None, threads=None)
    (samples,) = runs.glob(f"cells/evaluate-{method}-*/samples")
    paths = sorted(samples.glob("*.png"))
    assert paths
    with enlarger.built() as enlarge:
        for path in paths:
            sr = enlarge(demo_pairs()[path.stem].lr, silent)
            with PillowImage.open(path) as evaluated:
                assert np.array_equal(sr, np.asarray(evaluated)), path.stem


@pytest.mark.train
def test_weights_of_a_file_are_those_of_the_run(runs: Path, tmp_path: Path) -> None:
    (folder,) = runs.glob("cells/train-edsr-*")
    by_run = find_enlarger("edsr", runs, [], seed=0, tile=None, threads=None)
    for path in (folder, folder / "weights.safetensors"):
        by_file = find_enlarger("edsr", tmp_path, [path], seed=0, tile=None, threads=1)
        weights = [one.stages["edsr"].weights["sr"] for one in (by_run, by_file)]
        assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())
    for path, method, message in (
        (tmp_path, "edsr", "no result.json"),
        (folder / "result.json", "edsr", "give weights.safetensors"),
        (folder, "fsrcnn", "weights of edsr: method 'fsrcnn' is built from fsrcnn"),
        (folder, "cincgan", "needs weights of cincgan-inner, cincgan-joint too"),
        (folder, "bicubic", "has no training"),
    ):
        with pytest.raises(UsageError, match=message):
            find_enlarger(method, tmp_path, [path], seed=0, tile=None, threads=1)


@pytest.mark.train
def test_a_method_that_is_not_trained_yet(runs: Path) -> None:
    for method, seed, command in (
        ("cincgan", 0, f"--methods cincgan --profile smoke --output {runs}"),
        ("edsr", 3, f"--methods edsr --seeds 3 --profile smoke --output {runs}"),
    ):
        with pytest.raises(UsageError, match=f"run python -m benchmarks.run {command}"):
            find_enlarger(method, runs, [], seed=seed, tile=None, threads=None)


def test_a_training_without_evaluation_is_named_with_the_command(tmp_path: Path) -> None:
    edsr, _ = make_plan(load_profile("smoke"), ["edsr"])
    workspace = Workspace(tmp_path)
    workspace.write(edsr, replace(cell_result(edsr), profile="smoke", changes=("tile=8",)))
    command = f"python -m benchmarks.run --methods edsr --profile smoke --set tile=8 --output {tmp_path}"
    with pytest.raises(UsageError, match="but the evaluation of edsr is missing") as caught:
        find_enlarger("edsr", tmp_path, [], seed=0, tile=None, threads=None)
    assert str(caught.value).endswith(
        f"edsr with seed 0 is trained (cell {edsr.id}), but the evaluation of edsr is missing: run {command}"
    )


@pytest.mark.train
def test_weights_of_smoke_and_corrupt_results_beside_them_are_a_line(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(runs, tmp_path / "runs")
    (corrupt,) = (tmp_path / "runs").glob("cells/evaluate-bicubic-*/result.json")
    corrupt.write_text("{")
    enlarger = find_enlarger("edsr", tmp_path / "runs", [], seed=0, tile=None, threads=None)
    error = capsys.readouterr().err
    assert error.startswith(f"{corrupt}: corrupt result file (") and error.count("\n") == 1
    assert enlarger.origin.endswith("; profile smoke trains for a few steps: the images mean nothing")
    (folder,) = (tmp_path / "runs").glob("cells/train-edsr-*")
    assert "the images mean nothing" in find_enlarger("edsr", tmp_path, [folder], seed=0, tile=None, threads=1).origin


class Dithering:
    """Enlargement that darkens pixels by their place in blocks of 4, as a network that needs multiples of 4 may."""

    descriptor = Descriptor(4, receptive_field=3, multiple=4)

    def __call__(self, lr: torch.Tensor) -> torch.Tensor:
        rows, columns = torch.arange(lr.shape[2]) % 4, torch.arange(lr.shape[3]) % 4
        blurred = torch.nn.functional.avg_pool2d(lr, 3, 1, 1, count_include_pad=False)
        return (blurred * (1 - (rows[:, None] + columns) / 8)).repeat_interleave(4, 2).repeat_interleave(4, 3)


@pytest.mark.parametrize("method", [Bicubic(4), Dithering()], ids=["bicubic", "multiple"])
@pytest.mark.parametrize("size", [(131, 70), (64, 200), (20, 20)])
def test_bands_give_the_whole_image(method: Bicubic | Dithering, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    lr: Image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    whole = super_resolve(method, lr)  # type: ignore[arg-type]
    monkeypatch.setattr(upscaling, "AT_ONCE", 0)
    reports: list[tuple[int, int]] = []
    banded = enlarge_by_bands(method, lr, 32, lambda done, of: reports.append((done, of)))  # type: ignore[arg-type]
    assert np.abs(banded.astype(int) - whole).max() <= 1  # float32 rounds at other places
    assert reports == [(done, len(reports)) for done in range(1, len(reports) + 1)]
    assert (len(reports) > 1) == (size[0] > 32)


def test_a_tile_that_is_too_small_for_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upscaling, "AT_ONCE", 0)
    with pytest.raises(UsageError, match="a tile of 8 LR pixels is too small for this method: it needs 12 or more"):
        enlarge_by_bands(Dithering(), np.zeros((16, 16, 3), np.uint8), 8, silent)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_a_lack_of_memory(error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(self: Bicubic, lr: torch.Tensor) -> torch.Tensor:
        raise error

    monkeypatch.setattr(Bicubic, "__call__", fail)
    enlarger = find_enlarger("bicubic", tmp_path, [], seed=0, tile=None, threads=1)
    with enlarger.built() as enlarge, pytest.raises(BenchmarkError, match="not enough memory: give --tile 224"):
        enlarge(np.zeros((8, 8, 3), np.uint8), silent)


@pytest.mark.train
def test_packed_weights_are_those_of_the_run_in_float16(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    arguments = ["--results", str(runs), "--name", "own", "--methods", "edsr", "--networks"]
    assert pack.main([*arguments, "edsr/sr"]) == 0
    stages, card = pretrained.load_packed("own", "edsr")
    trained = find_enlarger("edsr", runs, [], seed=0, tile=None, threads=None).stages["edsr"]
    assert (card.profile, card.seed, stages["edsr"].settings) == ("smoke", 0, trained.settings)
    for name, weight in trained.weights["sr"].items():
        assert torch.equal(stages["edsr"].weights["sr"][name], weight.half().float()), name
    assert pack.main([*arguments, "edsr/srr"]) == 2
    monkeypatch.setattr(pretrained, "LARGEST", 1000)
    assert pack.main([*arguments, "edsr/sr"]) == 2


def test_without_a_run_the_packages_weights_enlarge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    PillowImage.fromarray(np.zeros((8, 9, 3), np.uint8)).save("dark.png")
    assert upscale.main(["dark.png", "--output", "large"]) == 0
    said = capsys.readouterr().err
    assert "runs: no finished cincgan with seed 0 here: run python -m benchmarks.run" in said
    assert "small weights of the package, 'demo': trained on demo-photos, profile demo, seed 0" in said
    with PillowImage.open("large/dark.png") as image:
        assert image.size == (36, 32)
