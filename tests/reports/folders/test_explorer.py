"""``evaluate --explain`` and ``--find`` in folders: which protocol gives a number, and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.catalog.protocols import get_protocol
from benchmarks.data.pixels.decode import decode
from benchmarks.degradations.imresize import imresize
from benchmarks.degradations.rounding import to_uint8
from benchmarks.evaluate import main

Evaluate = Callable[..., tuple[int, str, str]]


@pytest.fixture
def evaluate(capsys: pytest.CaptureFixture[str]) -> Evaluate:
    def call(*arguments: str | Path) -> tuple[int, str, str]:
        code = main(["--threads", "1", *map(str, arguments)])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, ...]:
    """Options that name two pairs of images, which are too small for the search over shifts."""
    for folder in ("sr", "hr"):
        (tmp_path / folder).mkdir()
    for name in ("a", "b"):
        generator = np.random.default_rng(ord(name))
        hr = np.clip(128 + 2 * generator.normal(size=(64, 60, 3)).cumsum(0).cumsum(1), 0, 255).astype(np.uint8)
        sr = np.clip(hr + generator.normal(0, 6, hr.shape), 0, 255).astype(np.uint8)
        Image.fromarray(hr).save(tmp_path / "hr" / f"{name}.png")
        Image.fromarray(sr).save(tmp_path / "sr" / f"{name}.png")
    return ("--sr", str(tmp_path / "sr"), "--hr", str(tmp_path / "hr"))


def mean(folders: tuple[str, ...], protocol: str, metric: str) -> float:
    scores = []
    for name in ("a.png", "b.png"):
        sr, hr = (np.asarray(Image.open(Path(folder) / name)) for folder in (folders[1], folders[3]))
        scores.append(getattr(get_protocol(protocol).score(sr, hr), metric))
    return float(np.mean(scores))


@pytest.mark.parametrize("metric", ["psnr", "ssim"])
def test_the_protocol_of_a_number(evaluate: Evaluate, folders: tuple[str, ...], metric: str) -> None:
    target = f"{mean(folders, 'y-shave4', metric):.4f}"
    code, out, err = evaluate(*folders, "--find", target)
    assert (code, err) == (0, "")
    assert f"{metric.upper()} {float(target)}" in out
    assert "y-shave4" in out.partition("that give other numbers")[0]
    assert "ntire2018: left out: " in out
    found = json.loads(evaluate(*folders, "--find", target, "--json")[1])["sr"]
    fitting = [entry["name"] for entry in found["protocols"] if entry["fits"]]
    assert fitting[0] == "y-shave4"
    assert found["protocols"][0]["value"] == pytest.approx(mean(folders, "y-shave4", metric))
    assert found["images"] == 2
    assert bool(found["variants"]) is (metric == "psnr")


def test_a_number_that_nothing_gives(evaluate: Evaluate, folders: tuple[str, ...]) -> None:
    code, out, _ = evaluate(*folders, "--find", "70.5")
    assert code == 0
    assert "none within 0.05 dB; nearest y" in out
    assert "nor any other definition; nearest" in out


def test_published_numbers_of_bicubic_set5(evaluate: Evaluate, shared_data: Path, tmp_path: Path) -> None:
    for folder in ("sr", "hr"):
        (tmp_path / folder).mkdir()
    for path in sorted((shared_data / "set5").glob("*_LR.png")):
        sr = to_uint8(imresize(decode(path, "LR", "").astype(float), 4))
        Image.fromarray(sr).save(tmp_path / "sr" / f"{path.name[:7]}.png")
        Image.fromarray(decode(Path(str(path).replace("_LR", "_HR")), "HR", "")).save(tmp_path / "hr" / f"{path.name[:7]}.png")
    line = ("--sr", tmp_path / "sr", "--hr", tmp_path / "hr", "--find")
    assert "y-shave4" in evaluate(*line, "28.42")[1].splitlines()[2]
    assert "  rgb: " in "\n".join(evaluate(*line, "26.69")[1].splitlines()[2:4])


def test_a_pair_is_explained(evaluate: Evaluate, folders: tuple[str, ...]) -> None:
    code, out, err = evaluate(*folders, "--explain", "b")
    assert (code, err) == (0, "")
    assert out.startswith("b: ")
    assert "y-shave4 v1: MATLAB luma" in out
    assert "52x56 pixels are compared" in out
    assert "ntire2018: protocol ntire2018 needs images of 160x160" in out
    one = json.loads(evaluate(*folders, "--explain", "--protocol", "rgb", "--json")[1])
    assert one["image"] == "a"
    assert list(one["protocols"]) == ["rgb"]
    assert {"colour": "RGB", "border": 0, "psnr": one["protocols"]["rgb"]["psnr"]} in [
        {**entry, "psnr": pytest.approx(entry["psnr"])} for entry in one["variants"]
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--explain", "c"), "unknown image 'c': known: a, b"),
        (("--explain", "--find", "28"), "give one of them"),
        (("--find", "inf"), "give a finite number"),
        (("--find", "28", "--protocol", "rgb"), "leave out --protocol"),
        (("--find", "28", "--csv", "x.csv"), "leave out --csv"),
        (("--find", "28", "--report", "page"), "leave out --report"),
        (("--explain", "--dry-run"), "leave out --dry-run"),
        (("--explain", "--protocol", "ntire2018"), "a: protocol ntire2018 needs"),
    ],
)
def test_wrong_use_is_one_line(evaluate: Evaluate, folders: tuple[str, ...], arguments: tuple[str, ...], said: str) -> None:
    code, out, err = evaluate(*folders, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_folders_are_needed_and_broken_images_are_named(evaluate: Evaluate, folders: tuple[str, ...]) -> None:
    assert "--find needs --sr DIR and --hr DIR" in evaluate("--find", "28")[2]
    Path(folders[1], "b.png").write_bytes(b"no image")
    code, _, err = evaluate(*folders, "--find", "28")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("error: b: result cannot be decoded")
