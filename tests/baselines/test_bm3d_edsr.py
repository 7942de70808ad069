"""BM3D, then EDSR: noise levels, denoising, and a cache on disk that survives damage."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch.nn.functional import interpolate

from baselines.bm3d_edsr.method import BM3DEDSR, BM3DEDSRCorrelated
from baselines.classical import bm3d
from baselines.classical.bm3d import SMALLEST_SIDE, cached_image
from baselines.classical.noise import Pixels, noise_level, subsampled_noise_level
from baselines.edsr.method import EDSR
from benchmarks.catalog.methods import get_method
from benchmarks.core.errors import UsageError
from benchmarks.core.lazy import resolve


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no network."""
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("went to the network"))
    return tmp_path / "cache"


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Calls of BM3D, an entry each."""
    calls: list[Any] = []
    real = bm3d._run
    monkeypatch.setattr(bm3d, "_run", lambda *arguments: calls.append(arguments) or real(*arguments))  # type: ignore[func-returns-value]
    return calls


def denoise(image: Pixels) -> Pixels:
    """BM3D with the usual estimate."""
    return bm3d.denoise(image, noise_level(image))


def scene(height: int = 40, width: int = 48) -> Pixels:
    """Image of slopes, edges and stripes in colour."""
    y, x = np.mgrid[:height, :width]
    stripes = 0.15 * (np.sin(x * 1.1) > 0) * (y > height / 2)
    disc = 0.35 * ((y - height / 3) ** 2 + (x - width / 3) ** 2 < (height / 4) ** 2)
    channels = [0.2 + 0.3 * x / width + stripes, 0.3 + disc, 0.25 + 0.2 * y / height + disc / 2]
    return np.stack(channels, axis=-1).astype(np.float32)


def noisy(clean: Pixels, sigma: float | NDArray[np.floating], seed: int = 0) -> Pixels:
    """Image with Gaussian noise of standard deviation ``sigma`` / 255, clipped and rounded to 8 bits."""
    noise = np.random.default_rng(seed).normal(size=clean.shape) * sigma / 255
    return (np.round(np.clip(clean + noise, 0, 1) * 255) / 255).astype(np.float32)


def psnr(image: Pixels, truth: Pixels) -> float:
    return float(-10 * np.log10(np.mean((image - truth) ** 2)))


@pytest.mark.parametrize("sigma", [6, 13, 25])
def test_less_noise_than_any_gaussian_filter_leaves(sigma: float) -> None:
    clean = scene()
    image = noisy(clean, sigma)
    best = max(psnr(gaussian_filter(image, (width, width, 0)), clean) for width in np.linspace(0.2, 2, 19))
    assert psnr(denoise(image), clean) > best + 2 > psnr(image, clean) + 2


@pytest.mark.parametrize("sigma", [3, 6, 13, 25])
def test_the_noise_is_found_within_a_tenth(sigma: float) -> None:
    levels = [noise_level(noisy(scene(), sigma, seed)) * 255 for seed in range(5)]
    assert np.mean(levels) == pytest.approx(sigma, rel=0.1)


def test_signal_dependent_noise_is_found_as_its_mean() -> None:
    """48x48, 12 of 255 in black to 14 in white."""
    clean = scene(48, 48)
    sigma = np.sqrt(12**2 + 8**2 * clean)
    levels = [noise_level(noisy(clean, sigma, seed)) * 255 for seed in range(5)]
    assert levels == pytest.approx([sigma.mean()] * 5, rel=0.15)
    assert np.mean(levels) == pytest.approx(sigma.mean(), rel=0.05)


def test_of_noise_that_is_not_white_too_little_is_found() -> None:
    """The known limit of this estimate, which decides the row on the demo's degraded images: see the notes."""
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(48, 48, 3)), (0.65, 0.65, 0), mode="wrap")
    image = (scene(48, 48) + 14 / 255 * noise / noise.std()).astype(np.float32)
    assert 0.35 < noise_level(image) / (14 / 255) < 0.55


def test_a_black_channel_has_no_say() -> None:
    image = noisy(scene(), 13)
    red = image * np.array([1, 0, 0], dtype=np.float32)
    assert noise_level(red) == pytest.approx(noise_level(np.repeat(image[..., :1], 3, axis=2)))
    assert not denoise(red)[..., 1:].max() > 0.02


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_an_image_without_noise_is_left_alone(value: float, runs: list[Any]) -> None:
    flat = np.full((20, 20, 3), value, dtype=np.float32)
    assert np.array_equal(denoise(flat), flat)
    assert not runs


def test_grey_images_are_denoised_and_stay_grey() -> None:
    clean = np.repeat(scene()[..., 1:2], 3, axis=2)
    grey = np.repeat(noisy(clean, 13)[..., :1], 3, axis=2)
    denoised = denoise(grey)
    assert psnr(denoised, clean) > psnr(grey, clean) + 3
    np.testing.assert_allclose(denoised, np.repeat(denoised[..., :1], 3, axis=2), atol=1e-6)


@pytest.mark.parametrize("shape", [(SMALLEST_SIDE, SMALLEST_SIDE), (17, 41), (50, 16)])
def test_any_size_from_the_smallest_on(shape: tuple[int, int]) -> None:
    denoised = denoise(noisy(scene(*shape), 13))
    assert denoised.shape == (*shape, 3) and denoised.dtype == np.float32
    assert 0 <= denoised.min() < denoised.max() <= 1


def test_too_small_an_image_is_refused_before_the_library_crashes(runs: list[Any]) -> None:
    with pytest.raises(UsageError, match="an LR image is 20x8, BM3D needs at least 16x16: leave"):
        denoise(noisy(scene(8, 20), 13))
    assert not runs


def test_the_second_time_nothing_runs_and_the_bits_are_the_same(runs: list[Any], cache: Path) -> None:
    image = noisy(scene(), 13)
    first, second = denoise(image), denoise(image.copy())
    assert len(runs) == 1
    assert first.tobytes() == second.tobytes() and first.dtype == second.dtype == np.float32
    assert list(cache.rglob("*.*")) == [cached_image(image, noise_level(image))]


def test_bm3d_gives_the_same_bits_every_time(runs: list[Any]) -> None:
    image = noisy(scene(), 13)
    bits = set()
    for _ in range(3):
        bits.add(denoise(image).tobytes())
        cached_image(image, noise_level(image)).unlink()
    assert (len(runs), len(bits)) == (3, 1)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "text", "other"])
def test_a_damaged_cached_image_is_computed_again(damage: str, runs: list[Any]) -> None:
    image = noisy(scene(), 13)
    first = denoise(image)
    path = cached_image(image, noise_level(image))
    intact = path.read_bytes()
    middle = len(intact) // 2
    content = {
        "truncated": intact[:middle],
        "flipped": intact[:middle] + bytes([intact[middle] ^ 1]) + intact[middle + 1 :],
        "empty": b"",
        "text": b"no image\n",
    }
    path.write_bytes(content.get(damage, b""))
    if damage == "other":
        with path.open("wb") as file:
            np.savez(file, image=first.astype(np.float64))
    assert denoise(image).tobytes() == first.tobytes()
    assert len(runs) == 2
    assert path.read_bytes() == intact


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: list[Any]) -> None:
    image = noisy(scene(), 13)
    first = denoise(image)
    (tmp_path / "file").touch()
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path / "file"))
    assert denoise(image).tobytes() == denoise(image).tobytes() == first.tobytes()
    assert len(runs) == 3


@pytest.mark.parametrize("bits", [0x01, 0x08, 0x80, 0xFF])
def test_whichever_byte_of_a_cached_image_is_damaged_it_is_read_right_or_not_at_all(tmp_path: Path, bits: int) -> None:
    image = np.random.default_rng(0).random((5, 4, 3), dtype=np.float32)
    np.savez(tmp_path / "whole.npz", image=image)
    content = (tmp_path / "whole.npz").read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= bits
        (tmp_path / "damaged.npz").write_bytes(damaged)
        read = bm3d._read(tmp_path / "damaged.npz", image.shape)
        assert read is None or np.array_equal(read, image), place


def test_all_that_decides_the_result_names_the_cached_image(monkeypatch: pytest.MonkeyPatch) -> None:
    image = noisy(scene(), 13)
    other = image.copy()
    other[0, 0, 0] += 1 / 255
    rows = image.reshape(20, 96, 3)
    names = [cached_image(image, 0.05), cached_image(other, 0.05), cached_image(rows, 0.05), cached_image(image, 0.051)]
    monkeypatch.setitem(bm3d.BM3D_OPTIONS, "nf", 32)
    names.append(cached_image(image, 0.05))
    monkeypatch.setattr(bm3d, "version", lambda _: "5.0")
    names.append(cached_image(image, 0.05))
    assert len(set(names)) == len(names)


def test_a_machine_that_bm3d_has_no_binary_for_gets_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bm3d", None)
    with pytest.raises(UsageError, match=r"the package bm3d does not run here .*: leave the methods bm3d-\* out with --methods"):
        denoise(noisy(scene(), 13))


class Enlarge:
    """Stand-in for EDSR: nearest-neighbour enlargement."""

    def __call__(self, lr: torch.Tensor) -> torch.Tensor:
        return interpolate(lr, scale_factor=4)


def test_the_method_enlarges_what_bm3d_left() -> None:
    images = [noisy(scene(), 13, seed) for seed in range(2)]
    lr = torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2))
    before = lr.clone()
    sr = BM3DEDSR(Enlarge())(lr)  # type: ignore[arg-type]
    assert (sr.shape, sr.dtype) == ((2, 3, 160, 192), torch.float32)
    for image, enlarged in zip(images, sr, strict=True):
        np.testing.assert_array_equal(enlarged.permute(1, 2, 0).numpy()[::4, ::4], denoise(image))
    assert torch.equal(lr, before)


def test_the_variant_for_correlated_noise_differs_by_its_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(48, 48, 3)), (0.65, 0.65, 0), mode="wrap")
    image = (scene(48, 48) + 14 / 255 * noise / noise.std()).astype(np.float32)
    assert subsampled_noise_level(image) == pytest.approx(14 / 255, rel=0.25)
    lr = torch.from_numpy(image.transpose(2, 0, 1))[None]
    sr = BM3DEDSRCorrelated(Enlarge())(lr)  # type: ignore[arg-type]
    expected = bm3d.denoise(image, subsampled_noise_level(image))
    np.testing.assert_array_equal(sr[0].permute(1, 2, 0).numpy()[::4, ::4], expected)
    assert psnr(expected, scene(48, 48)) > psnr(denoise(image), scene(48, 48)) + 1


def test_it_uses_the_stage_edsr_and_trains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = get_method("bm3d-edsr")
    assert (entry.stages, entry.trains, entry.group) == (("edsr",), (), "classical")
    monkeypatch.setattr(EDSR, "from_stages", lambda stages, scale: (stages, scale))
    assert resolve(entry.target).from_stages({"edsr": "trained"}, 4).sr == ({"edsr": "trained"}, 4)
