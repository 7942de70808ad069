"""``python -m benchmarks.speed``: every measurement runs, and both implementations are held to the same numbers."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.catalog.methods import get_stage
from benchmarks.catalog.profiles import Profile
from benchmarks.core.errors import BenchmarkError, UsageError
from benchmarks.measuring import basicsr_oracles, training_steps
from benchmarks.measuring.loading import compare_loading
from benchmarks.measuring.training_steps import Convolution, convolution_flop
from benchmarks.planning.step_times import StepFigure
from benchmarks.speed import main
from tests.conftest import ROOT
from tests.helpers.basicsr import needs_basicsr


def speed(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "benchmarks.speed", *arguments]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.train
def test_without_repetitions_memory_and_arithmetic_are_measured() -> None:
    done = speed("training", "--profile", "smoke", "--stages", "edsr", "--precision", "float32", "--repeat", "0", "--json")
    assert done.returncode == 0, done.stderr
    (figure,) = json.loads(done.stdout)
    assert figure["seconds"] is figure["reference_seconds"] is None
    assert figure["megabytes"] > 100 and figure["flop"] > 1e6


@needs_basicsr
@pytest.mark.network
def test_evaluation() -> None:
    done = speed("evaluation", "--repeat", "1", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    names = ["PSNR + SSIM", "bicubic x1/4", "PSNR", "SSIM", "SSIM", "LPIPS-alex"]
    assert [figure["what"].split(",")[0] for figure in figures] == names
    for figure in figures:
        assert figure["ratio"] == pytest.approx(figure["other_seconds"] / figure["seconds"])
    psnr, ssim = figures[2:4]
    assert psnr["megabytes"] < 300 and ssim["megabytes"] < 300


def test_tiling() -> None:
    done = speed("tiling", "--method", "cincgan", "--profile", "smoke", "--size", "90x70", "--tile", "64", "--json")
    assert done.returncode == 0, done.stderr
    (figure,) = json.loads(done.stdout)
    assert figure["what"] == "cincgan of profile smoke, 90x70, tiles of 64"
    assert figure["seconds"] > 0 and figure["megabytes"] > 50


@needs_basicsr
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


@pytest.mark.train
def test_training() -> None:
    smaller = "stages.cincgan-inner.training.batch_size=2"
    done = speed("training", "--profile", "smoke", "--stages", "cincgan-inner", "--repeat", "1", "--set", smaller, "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures[0]["precision"] == "float32"
    for figure in figures:
        assert (figure["stage"], figure["batch_size"], figure["patch_size"]) == ("cincgan-inner", 2, 24)
        assert figure["ratio"] == pytest.approx(figure["reference_seconds"] / figure["seconds"])
        assert figure["images_per_second"] == pytest.approx(2 / figure["seconds"])
        assert 0 < figure["fraction"] == pytest.approx(figure["flop"] / figure["seconds"] / figure["ceiling"])
        assert 1.2 < figure["reference_flop"] / figure["flop"] < 2, (
            "our step computes G1 as often as the reference step, or the reference step reuses activations"
        )
        assert 300 < figure["megabytes"] < 3000


@pytest.mark.train
def test_a_stage_without_a_reference_step_has_no_ratio(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The measurement runs in this process, since only the tests have a stage without a reference step."""
    monkeypatch.setattr(training_steps, "get_stage", lambda name: replace(get_stage(name), reference_step=""))
    monkeypatch.setattr(training_steps, "measure_training", measured_here)
    options = ("training", "--profile", "smoke", "--stages", "fsrcnn", "--precision", "float32", "--repeat", "1")
    assert main([*options, "--json"]) == 0
    (figure,) = json.loads(capsys.readouterr().out)
    assert figure["seconds"] > 0 and figure["flop"] > 0 and figure["ceiling"] > 0 and figure["missing"] == ""
    assert figure["ratio"] is figure["reference_seconds"] is figure["reference_flop"] is None
    assert main([*options, "--markdown"]) == 0
    heads, _, cells = (line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines())
    row = {head.strip(): cell.strip() for head, cell in zip(heads, cells, strict=True)}
    assert not {"reference, s", "times faster", "reference, GFLOP"} & row.keys(), "columns that nothing fills"
    assert all(row[head] for head in ("s a step", "images/s", "GFLOP", "ceiling, GFLOP/s", "% of ceiling", "peak MB"))
    assert main(list(options)) == 0
    assert "fsrcnn" in capsys.readouterr().out


def measured_here(profile: Profile, stage: str, precision: str, repeat: int) -> StepFigure:
    threads = torch.get_num_threads()
    try:
        return training_steps._measure(profile.name, profile.changes, stage, precision, repeat)
    finally:
        torch.set_num_threads(threads)


def test_arithmetic_is_counted_as_torch_does() -> None:
    call = Convolution((2, 3, 17, 20), (8, 3, 4, 4), (2, 2), (1, 1), torch.float32)
    with FlopCounterMode(display=False) as counter:
        torch.conv2d(torch.zeros(call.shape), torch.zeros(call.weight), None, call.stride, call.padding)
    assert convolution_flop(call) == counter.get_total_flops()


@needs_basicsr
def test_both_implementations_are_held_to_the_same_pixels(small_images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = basicsr_oracles.paired_image_dataset

    def off_by_one(*folders: Path, **options: Any) -> Any:
        item = original(*folders, **options)[0]
        item["gt"][0, 0, 0] += 1 / 255
        return [item]

    monkeypatch.setattr(basicsr_oracles, "paired_image_dataset", off_by_one)
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


def test_mistakes(small_images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ("loading", "--hr", str(small_images))
    figures = ("training", "--figures", str(ROOT / "docs" / "performance" / "paper-steps.json"))
    for arguments, message in (
        ((*small, "--patch-size", "0"), "--patch-size 0: give 1 or more"),
        ((*small, "--batch-size", "-1"), "--batch-size -1: give 1 or more"),
        ((*small, "--patch-size", "13"), "--patch-size 13: x1/4 of an image of 60x48 is smaller: lower it"),
        (("loading", "--hr", "/nowhere"), "no such folder"),
        (("tiling", "--size", "90"), "--size 90: give width and height"),
        (("training", "--stages", "edrs"), "unknown training stage 'edrs'"),
        (("training", "--set", "tile"), "--set tile: write key=value"),
        (("training", "--figures", str(small_images / "odd.png")), "no figures of python -m benchmarks.speed training --json"),
        ((*figures, "--stages", "edsr"), "--stages has no effect with --figures, which measures nothing"),
        ((*figures, "--repeat", "1"), "--repeat has no effect with --figures"),
        ((*figures, "--json", "--markdown"), "not allowed with argument --json"),
        (("training", "--repeat", "-1"), "--repeat -1: give 0 or more"),
        (("evaluation", "--repeat", "0"), "--repeat 0: give 1 or more"),
        (("evaluation", "--hr", "/nowhere"), "no such folder"),
        (("everything",), "invalid choice: 'everything'"),
        ((), "the following arguments are required: PART"),
    ):
        assert main(arguments) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert message in err


OWN = {
    "evaluation": {"--hr", "--hr-suffix", "--repeat", "--json"},
    "tiling": {"--method", "--profile", "--size", "--tile", "--json"},
    "loading": {"--hr", "--hr-suffix", "--patch-size", "--batch-size", "--repeat", "--json"},
    "all": {"--repeat", "--output", "--json"},
    "page": {"--check"},
    "training": {"--profile", "--stages", "--set", "--precision", "--repeat", "--figures", "--json", "--markdown"},
}


@pytest.mark.parametrize("part", OWN)
def test_a_part_has_only_the_options_that_it_uses(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    for option in sorted(set().union(*OWN.values()) - OWN[part]):
        assert main([part, option, "1"]) == 2
        command = f"python -m benchmarks.speed {part} --help"
        assert capsys.readouterr().err == (
            f"error: unrecognized arguments: {option} 1 ({command} shows the options of this part)\n"
        )
    with pytest.raises(SystemExit) as stop:
        main([part, "--help"])
    assert stop.value.code == 0
    help_text = capsys.readouterr().out
    assert all(f"  {option} " in help_text for option in OWN[part])
    examples = [line.split() for line in help_text.partition("examples:\n")[2].splitlines() if "python -m" in line]
    assert len(examples) >= 2
    assert all(words[:4] == ["python", "-m", "benchmarks.speed", part] for words in examples)
    assert {word for words in examples for word in words if word.startswith("--")} <= OWN[part]


def test_without_basicsr_what_compares_with_it_says_so(small_images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basicsr_oracles, "find_spec", lambda name: None)
    images = [np.array(PillowImage.open(path).convert("RGB")) for path in sorted(small_images.iterdir())]
    with pytest.raises(UsageError, match="BasicSR, which is not installed: pip install basicsr"):
        compare_loading(images, patch_size=8, batch_size=2, repeat=1)
