"""``python -m benchmarks.speed``: it runs, checks what it times, and holds the two ways to the same numbers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.core.errors import BenchmarkError
from benchmarks.measuring.loading import compare_loading
from benchmarks.measuring.training_steps import Convolution, convolution_flop
from benchmarks.training.networks import basicsr as basicsr_adapter
from tests.conftest import ROOT


def speed(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "benchmarks.speed", *arguments]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.train
def test_without_repetitions_memory_and_arithmetic_are_measured() -> None:
    done = speed("training", "--profile", "smoke", "--stages", "edsr", "--precision", "float32", "--repeat", "0", "--json")
    assert done.returncode == 0, done.stderr
    (figure,) = json.loads(done.stdout)
    assert figure["seconds"] is figure["textbook_seconds"] is None
    assert figure["megabytes"] > 100 and figure["flop"] > 1e6


@pytest.mark.train
@pytest.mark.network
def test_evaluation() -> None:
    done = speed("evaluation", "--repeat", "1", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert [figure["what"].split(",")[0] for figure in figures] == ["PSNR + SSIM", "PSNR", "SSIM", "bicubic x1/4", "LPIPS-alex"]
    for figure in figures:
        assert figure["ratio"] == pytest.approx(figure["other_seconds"] / figure["seconds"])
    psnr, ssim = figures[1:3]
    assert psnr["megabytes"] < 300 and ssim["megabytes"] < 300


@pytest.mark.train
def test_tiling() -> None:
    done = speed("tiling", "--method", "cincgan", "--profile", "smoke", "--size", "90x70", "--tile", "64", "--json")
    assert done.returncode == 0, done.stderr
    (figure,) = json.loads(done.stdout)
    assert figure["what"] == "cincgan of profile smoke, 90x70, tiles of 64"
    assert figure["seconds"] > 0 and figure["megabytes"] > 50


@pytest.mark.train
def test_loading(small_images: Path) -> None:
    done = speed("loading", "--hr", str(small_images), "--patch-size", "8", "--batch-size", "4", "--repeat", "1", "--json")
    assert done.returncode == 0, done.stderr
    rate, first, later = json.loads(done.stdout)
    assert rate["what"] == "patches of 8 and 32 pixels, batch 4, 3 images"
    assert [figure["unit"] for figure in (rate, first, later)] == ["pairs/s", "s", "s"]
    for figure in (rate, first, later):
        assert figure["against"].startswith("basicsr, ")
        assert figure["seconds"] > 0
        assert figure["ratio"] == pytest.approx(figure["other_seconds"] / figure["seconds"])
    assert rate["ratio"] > 2, "as fast as decoding whole files: nothing is gained"
    assert later["seconds"] < first["seconds"]


@pytest.mark.train
def test_training() -> None:
    smaller = "stages.cincgan-inner.training.batch_size=2"
    done = speed("training", "--profile", "smoke", "--stages", "cincgan-inner", "--repeat", "1", "--set", smaller, "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures[0]["precision"] == "float32"
    for figure in figures:
        assert (figure["stage"], figure["batch_size"], figure["patch_size"]) == ("cincgan-inner", 2, 24)
        assert figure["ratio"] == pytest.approx(figure["textbook_seconds"] / figure["seconds"])
        assert figure["images_per_second"] == pytest.approx(2 / figure["seconds"])
        assert 0 < figure["fraction"] == pytest.approx(figure["flop"] / figure["seconds"] / figure["ceiling"])
        assert 1.2 < figure["textbook_flop"] / figure["flop"] < 2, (
            "G1 is computed as often as in a textbook, or the textbook saves"
        )
        assert 300 < figure["megabytes"] < 3000


def test_arithmetic_is_counted_as_torch_does() -> None:
    call = Convolution((2, 3, 17, 20), (8, 3, 4, 4), (2, 2), (1, 1), torch.float32)
    with FlopCounterMode(display=False) as counter:
        torch.conv2d(torch.zeros(call.shape), torch.zeros(call.weight), None, call.stride, call.padding)
    assert convolution_flop(call) == counter.get_total_flops()


def test_the_performance_page_shows_its_figures() -> None:
    done = speed("training", "--figures", "docs/performance.json", "--markdown")
    assert done.returncode == 0, done.stderr
    assert done.stdout in (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    done = speed("training", "--figures", "docs/performance.json", "--json")
    assert json.loads(done.stdout) == json.loads((ROOT / "docs" / "performance.json").read_text(encoding="utf-8"))


def test_both_ways_are_held_to_the_same_pixels(small_images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = basicsr_adapter.paired_image_dataset

    def off_by_one(*folders: Path, **options: Any) -> Any:
        item = original(*folders, **options)[0]
        item["gt"][0, 0, 0] += 1 / 255
        return [item]

    monkeypatch.setattr(basicsr_adapter, "paired_image_dataset", off_by_one)
    images = [np.array(PillowImage.open(path).convert("RGB")) for path in sorted(small_images.iterdir())]
    with pytest.raises(BenchmarkError, match=r"hr/0000\d.png: basicsr decodes other pixels"):
        compare_loading(images, patch_size=8, batch_size=2, repeat=1)


@pytest.fixture
def small_images(tmp_path: Path) -> Path:
    """Three images: one grey, one whose sides are no multiples of 4."""
    generator = np.random.default_rng(0)
    for name, size in (("grey", (48, 60)), ("odd", (63, 50, 3)), ("plain", (40, 40, 3))):
        PillowImage.fromarray(generator.integers(0, 256, size, dtype=np.uint8)).save(tmp_path / f"{name}.png")
    return tmp_path


def test_mistakes(small_images: Path) -> None:
    small = ("loading", "--hr", str(small_images))
    for arguments, message in (
        ((*small, "--patch-size", "0"), "--patch-size 0: give 1 or more"),
        ((*small, "--batch-size", "-1"), "--batch-size -1: give 1 or more"),
        ((*small, "--patch-size", "13"), "--patch-size 13: x1/4 of an image of 60x48 is smaller: lower it"),
        (("loading", "--hr", "/nowhere"), "no such folder"),
        (("tiling", "--size", "90"), "--size 90: give width and height"),
        (("training", "--stages", "edrs"), "unknown training stage 'edrs'"),
        (("training", "--set", "tile"), "--set tile: write key=value"),
        (("training", "--figures", str(small_images / "odd.png")), "no figures of python -m benchmarks.speed training --json"),
        (("evaluation", "--repeat", "0"), "--repeat 0: give 1 or more"),
        (("evaluation", "--hr", "/nowhere"), "no such folder"),
        (("everything",), "invalid choice"),
    ):
        done = speed(*arguments)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert message in done.stderr
