"""The figure of kernels that PDM-SR has learned: widths and noise of known degradations, and the command."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from benchmarks.catalog.profiles import load_profile
from benchmarks.degradations.track2_like import Track2Like
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.plan import make_plan
from benchmarks.results.layout import WEIGHTS
from benchmarks.results.record import DataRecord, TrainingResult
from benchmarks.results.trained import pack_weights
from reports.figures.kernels import Draws, learned, true
from reports.kernels import main
from tests.helpers.cell_results import cell_result
from tests.helpers.stages import trained

PROFILE = load_profile("smoke")


def gaussian(rows: float, columns: float, shift: float) -> np.ndarray:
    places = np.arange(-20.0, 21.0)
    kernel = np.exp(-((places[:, None] - shift) ** 2) / (2 * rows**2) - places**2 / (2 * columns**2))
    return kernel / kernel.sum()


def test_widths_are_standard_deviations_wherever_the_centre_lies() -> None:
    draws = Draws(np.stack([gaussian(3, 2, 0), gaussian(1.5, 4, 2.3)]), np.zeros((4, 4, 3)))
    np.testing.assert_allclose(draws.widths, [[2, 3], [1.5, 4]], rtol=1e-3)


def test_noise_is_told_by_its_strength_and_correlation() -> None:
    white = np.random.default_rng(0).normal(scale=12, size=(128, 128, 3))
    smooth = gaussian_filter(white, 1.0, axes=(0, 1), mode="wrap")
    kernels = gaussian(2, 2, 0)[None]
    assert Draws(kernels, white).lines["noise, grey levels"] == "12.0"
    assert abs(float(Draws(kernels, white).lines["correlation of noise between neighbouring pixels"])) < 0.02
    assert Draws(kernels, smooth).lines["correlation of noise between neighbouring pixels"] == "0.78", "exp(-1/4)"


def test_the_truth_is_that_of_the_degradation() -> None:
    degradation = PROFILE.degradation
    assert isinstance(degradation, Track2Like)
    still = replace(degradation, blur_sigma_min=2.0, blur_sigma_max=2.0, motion_max=0.0, noise_signal=0.0)
    draws = true(still, 4)
    np.testing.assert_allclose(draws.widths, 2.0, rtol=0.01)
    assert draws.noise.std() == pytest.approx(14, rel=0.01) and abs(draws.noise.mean()) < 1


def test_an_untrained_degradation_is_its_start() -> None:
    draws = learned(trained("pdm-degradation"))
    np.testing.assert_allclose(draws.widths, 2.0, rtol=0.02)
    assert draws.noise.std() == pytest.approx(255 * 0.05, rel=0.02), "white noise of input_noise"


def run(folder: Path, degradation: str = "track2-like") -> Path:
    """Results folder with a training of the degradation module that has its initial weights."""
    stage, workspace = trained("pdm-degradation"), Workspace(folder)
    content = pack_weights(stage.weights)
    for cell in make_plan(PROFILE, ["pdm"]):
        result = cell_result(cell)
        if isinstance(result, TrainingResult):
            data = DataRecord("digest", 4, "demo-photos", degradation, PROFILE.degradation.parameters)
            result = replace(result, data=data, weights_digest=hashlib.sha256(content).hexdigest())
        workspace.write(cell, result)
        (workspace.folder(cell) / WEIGHTS).write_bytes(content)
    return workspace.root


def test_the_command_draws_and_prints_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figure = tmp_path / "kernels.png"
    assert main(["--results", str(run(tmp_path / "runs")), "--figure", str(figure)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| | learned | track2-like |" and len(lines) == 6
    assert lines[2].startswith("| minor axis of kernels, HR pixels | 2.00 ± 0.00 | 2.")
    assert figure.read_bytes()[:4] == b"\x89PNG"


def test_what_cannot_be_drawn_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figure = ["--figure", str(tmp_path / "kernels.png")]
    assert main(["--results", str(run(tmp_path / "runs")), "--seed", "7", *figure]) == 2
    assert "no finished pdm with seed 7 here: run python -m benchmarks.run --methods pdm" in capsys.readouterr().err
    assert main(["--results", str(run(tmp_path / "others", "bsrgan")), *figure]) == 2
    assert "its LR images are made by bsrgan: kernels are known of track2-like alone" in capsys.readouterr().err
    assert not (tmp_path / "kernels.png").exists()
