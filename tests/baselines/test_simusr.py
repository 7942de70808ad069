"""SimUSR: the pairs that it makes of X alone, and the network that its method enlarges with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from baselines.bm3d_edsr.method import BM3DEDSR, BM3DEDSRCorrelated
from baselines.edsr.method import EDSR
from baselines.simusr import stage as module
from baselines.simusr.method import SimUSR
from baselines.simusr.settings import SimUSRSettings
from baselines.simusr.stage import denoised, reduced_pairs
from benchmarks.api.image import Image
from benchmarks.api.method import TrainedStage
from benchmarks.catalog.methods import get_method, variants_of
from benchmarks.catalog.profiles import load_profile
from benchmarks.degradations.bicubic import Bicubic
from tests.helpers.stages import trained

SETTINGS: SimUSRSettings = load_profile("smoke").stages["simusr"]


def image(height: int, width: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_pairs_are_images_and_their_own_downscales() -> None:
    lr, hr = reduced_pairs([image(53, 40), image(64, 66)], 4)
    assert [pixels.shape for pixels in hr] == [(52, 40, 3), (64, 64, 3)]
    assert [pixels.shape for pixels in lr] == [(13, 10, 3), (16, 16, 3)]
    assert np.array_equal(hr[0], image(53, 40)[:52])
    assert np.array_equal(lr[1], Bicubic().degrade(image(64, 66)[:, :64], 4, ""))


@pytest.mark.parametrize("denoiser", ["bm3d", "bm3d-correlated", "none"])
def test_x_is_denoised_by_the_estimate_of_the_method(denoiser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The estimate is that of the method's row; a flat image, without noise, needs no BM3D."""
    levels: list[float] = []

    def blacken(pixels: np.ndarray, level: float) -> np.ndarray:
        levels.append(level)
        return 0 * pixels

    monkeypatch.setattr(module, "denoise", blacken)
    settings = replace(SETTINGS, denoiser=denoiser)
    noisy, flat = image(32, 32), np.full((32, 32, 3), 90, np.uint8)
    expected = {"bm3d": BM3DEDSR.estimate, "bm3d-correlated": BM3DEDSRCorrelated.estimate}.get(denoiser)
    assert np.array_equal(denoised(noisy, settings), 0 * noisy if expected else noisy)
    assert np.array_equal(denoised(flat, settings), flat)
    assert levels == ([expected(np.float32(noisy / np.float32(255)))] if expected else [])


def test_the_method_denoises_as_its_stage_did() -> None:
    sr = trained("edsr").weights
    kinds = {"bm3d": BM3DEDSR, "bm3d-correlated": BM3DEDSRCorrelated, "none": EDSR}
    for denoiser, kind in kinds.items():
        stage = TrainedStage(replace(SETTINGS, denoiser=denoiser), sr, 4)
        assert type(SimUSR.from_stages({"edsr": trained("edsr"), "simusr": stage}, 4)) is kind
    method = SimUSR.from_stages({"edsr": trained("edsr"), "simusr": TrainedStage(replace(SETTINGS, denoiser="none"), sr, 4)}, 4)
    lr = torch.rand(1, 3, 20, 24)
    assert torch.equal(method(lr), EDSR.from_stages({"edsr": trained("edsr")}, 4)(lr))


def test_the_stage_sees_x_alone_in_the_schedule_of_edsr_paired() -> None:
    assert get_method("simusr").trains[0].reads == ("x",)
    assert list(variants_of("simusr")) == ["simusr/no-denoising", "simusr/no-sr-pretraining"]
    for name in ("smoke", "demo", "paper"):
        stages = load_profile(name).stages
        paired = stages["edsr-paired"].training
        assert stages["simusr"].training == replace(paired, patch_size=paired.patch_size if name == "paper" else 10)
