"""``python -m benchmarks.evaluate`` as a user runs it: scores, pairs of files by name, and images that are refused."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from benchmarks.core.errors import UsageError
from benchmarks.data.matching import match
from benchmarks.data.pixels.decode import decode
from benchmarks.degradations.imresize import imresize
from benchmarks.degradations.rounding import to_uint8
from tests.conftest import ROOT

Pixels = NDArray[np.uint8]
Evaluate = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def evaluate(tmp_path: Path) -> Evaluate:
    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "benchmarks.evaluate", *map(str, arguments)]
        env = {**os.environ, **environment}
        return subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)

    return run


def write(folder: Path, name: str, pixels: NDArray[np.integer]) -> Path:
    folder.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(folder / name)
    return folder / name


def photo(seed: int, side: int = 64) -> Pixels:
    walk = np.random.default_rng(seed).normal(size=(side, side, 3)).cumsum(0).cumsum(1)
    return np.clip(128 + 2 * walk, 0, 255).astype(np.uint8)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """``hr``, and the results ``close``, ``alike`` and ``far`` of 12 images, in ``tmp_path``."""
    for index in range(12):
        hr = photo(index)
        generator = np.random.default_rng(100 + index)
        write(tmp_path / "hr", f"img{index:02}.png", hr)
        for name, sigma in (("close", 3), ("alike", 3), ("far", 9)):
            noisy = np.clip(np.rint(hr + generator.normal(0, sigma, hr.shape)), 0, 255).astype(np.uint8)
            write(tmp_path / name, f"img{index:02}.png", noisy)
    return tmp_path


def test_one_folder(evaluate: Evaluate, folders: Path) -> None:
    table = folders / "scores.csv"
    line = ("--sr", folders / "close", "--hr", folders / "hr", "--protocol", "rgb")
    done = evaluate(*line, "--csv", table)
    assert (done.returncode, done.stderr) == (0, "")
    assert "protocol rgb v1: RGB, whole image" in done.stdout
    assert "12 images of 12 photographs; mean and its 95 % t-interval" in done.stdout
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    assert len(rows) == 24
    assert {(row["method"], row["protocol"], row["version"], row["dy"]) for row in rows} == {("close", "rgb", "1", "")}
    for row in rows[:12]:
        sr, hr = (np.asarray(Image.open(folders / name / f"{row['image']}.png")) for name in ("close", "hr"))
        assert float(row["value"]) == pytest.approx(peak_signal_noise_ratio(hr, sr), abs=1e-9)
        assert f"{float(row['value']):.3f}" in done.stdout
    report = json.loads(evaluate(*line, "--json", "--threads", "1").stdout)
    assert report["protocol"] == {"name": "rgb", "version": 1}
    (method,) = report["methods"]
    assert method["scores"]["psnr"] == {row["image"]: float(row["value"]) for row in rows[:12]}
    assert method["summary"]["psnr"]["mean"] == pytest.approx(np.mean([float(row["value"]) for row in rows[:12]]))


def test_several_folders_are_told_apart_only_where_they_differ(evaluate: Evaluate, folders: Path) -> None:
    several = [part for name in ("close", "alike", "far") for part in ("--sr", folders / name)]
    done = evaluate(*several, "--hr", folders / "hr", "--protocol", "rgb-shave4")
    assert done.returncode == 0, done.stderr
    verdicts = {line.split("  ")[1].strip(): line for line in done.stdout.splitlines() if " - " in line and "PSNR" in line}
    assert "not distinguishable" in verdicts["close - alike"]
    assert verdicts["close - far"].rstrip().endswith("close is better")
    assert verdicts["alike - far"].rstrip().endswith("alike is better")
    report = json.loads(evaluate(*several, "--hr", folders / "hr", "--protocol", "rgb", "--json").stdout)
    by_pair = {(pair["metric"], pair["first"], pair["second"]): pair for pair in report["comparisons"]}
    assert len(by_pair) == 6
    psnr = {method["name"]: method["scores"]["psnr"] for method in report["methods"]}
    differences = [psnr["close"][image] - psnr["far"][image] for image in psnr["close"]]
    assert by_pair["psnr", "close", "far"]["difference"]["mean"] == pytest.approx(np.mean(differences))


def test_crops_of_few_photographs_cannot_be_told_apart(evaluate: Evaluate, folders: Path) -> None:
    (folders / "crops.csv").write_text("".join(f"img{index:02},photo{index // 4}\n" for index in range(12)))
    both = [part for name in ("close", "far") for part in ("--sr", folders / name)]
    done = evaluate(*both, "--hr", folders / "hr", "--protocol", "rgb", "--photographs", folders / "crops.csv")
    assert "12 images of 3 photographs" in done.stdout
    assert "cannot be told: 3 photographs, at least 6 are needed" in done.stdout and "is better" not in done.stdout


def test_identical_images_are_infinite_and_json_stays_json(evaluate: Evaluate, folders: Path) -> None:
    shutil.copytree(folders / "hr", folders / "copy")
    line = ("--sr", folders / "copy", "--sr", folders / "far", "--hr", folders / "hr", "--protocol", "rgb")
    assert "∞" in evaluate(*line).stdout
    report = json.loads(evaluate(*line, "--json").stdout)
    assert report["methods"][0]["summary"]["psnr"]["mean"] == "inf"


def test_aligned_scores_say_their_shifts(evaluate: Evaluate, tmp_path: Path) -> None:
    hr = photo(3, 180)
    write(tmp_path / "hr", "a.png", hr)
    write(tmp_path / "sr", "a.png", np.roll(hr, (5, -7), (0, 1)))
    done = evaluate("--sr", tmp_path / "sr", "--hr", tmp_path / "hr", "--protocol", "aligned-rgb", "--csv", tmp_path / "s.csv")
    assert "+5, -7" in done.stdout
    (row, _) = csv.DictReader((tmp_path / "s.csv").open(encoding="utf-8"))
    assert (row["value"], row["dy"], row["dx"]) == ("inf", "5", "-7")


def test_dry_run_and_list_score_nothing(evaluate: Evaluate, folders: Path) -> None:
    (folders / "close" / "img00.png").write_bytes(b"broken")
    done = evaluate("--sr", folders / "close", "--hr", folders / "hr", "--protocol", "rgb", "--dry-run")
    assert done.returncode == 1 and done.stderr.startswith("error: close, img00: result cannot be decoded")
    assert done.stdout.startswith("close: 12 images under rgb v1: psnr, ssim\n")
    assert f"{folders / 'close' / 'img00.png'}  {folders / 'hr' / 'img00.png'}" in done.stdout
    assert "ntire2018-norescale v1" in evaluate("--list").stdout


def test_mistakes_are_one_line_and_exit_code_2(evaluate: Evaluate, folders: Path) -> None:
    sr, hr = ("--sr", folders / "close"), ("--hr", folders / "hr")
    rgb = ("--protocol", "rgb")
    write(folders / "small", "img00.png", photo(0, 60))
    (folders / "broken").mkdir()
    (folders / "broken" / "img00.png").write_bytes(b"no image")
    write(folders / "one", "img00.png", photo(0))
    one = ("--hr", folders / "one")
    for arguments, message in (
        ((*sr, *hr), "--protocol is missing"),
        ((*hr, *rgb), "--sr is missing"),
        ((*sr, *hr, "--protocol", "rbg"), "unknown protocol 'rbg': did you mean 'rgb'"),
        ((*sr, *hr, *rgb, "--metrics", "psrn"), "unknown metric 'psrn': did you mean 'psnr'"),
        ((*sr, *hr, *rgb, "--metrics", ","), "--metrics is empty"),
        ((*sr, *hr, *rgb, "--threads", "0"), "--threads 0: give 1 or more"),
        ((*sr, *hr, *rgb, "--threads", "two"), "invalid int value: 'two'"),
        ((*sr, *hr, "--protocol", "ntire2018", "--metrics", "lpips"), "for lpips use rgb or aligned-rgb"),
        (
            (*sr, *hr, "--protocol", "ntire2018"),
            "protocol ntire2018 needs images of 160x160 or more: got 64x64: use larger images or another",
        ),
        ((*sr, *sr, *hr, *rgb), "the same folder is given twice"),
        ((*sr, "--hr", folders / "nowhere", *rgb), "nowhere: no such folder"),
        ((*sr, *one, *rgb), "11 of"),
        (("--sr", folders / "small", *one, *rgb), "img00: the result is 60x60, the ground truth 64x64"),
        (("--sr", folders / "broken", *one, *rgb), "cannot be decoded"),
        ((*sr, *hr, *rgb, "--csv", folders / "nowhere" / "x.csv"), "create the folder, or name another file"),
        ((*sr, *hr, *rgb, "--csv", ""), "is empty: name a file or folder"),
        ((*sr, *hr, *rgb, "--csv", folders / "hr"), "create the folder, or name another file"),
        (("--sr", "x" * 300, *hr, *rgb), "is no path (File name too long)"),
        ((*sr, *hr, *rgb, "--what"), "unrecognized arguments: --what"),
    ):
        done = evaluate(*arguments)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
        assert done.stderr.startswith("error: ") and message in done.stderr, done.stderr


def test_without_weights_the_other_metrics_are_there(evaluate: Evaluate, folders: Path, tmp_path: Path) -> None:
    nowhere = {"CINCGAN_CACHE": str(tmp_path / "cache"), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
    line = ("--sr", folders / "close", "--hr", folders / "hr", "--protocol", "rgb", "--metrics", "psnr,lpips")
    done = evaluate(*line, **nowhere)
    assert done.returncode == 2
    assert "LPIPS: weights missing" in done.stdout
    assert "PSNR" in done.stdout
    assert "weights 'lpips-alex'" in done.stderr.splitlines()[-1]
    nothing = evaluate(*line[:-1], "lpips", **nowhere)
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "weights 'lpips-alex'" in nothing.stderr.splitlines()[-1]


def test_weights_that_pyiqa_cannot_download_are_missing(evaluate: Evaluate, folders: Path, tmp_path: Path) -> None:
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "TORCH_HOME": str(tmp_path)}
    nowhere |= {name.lower(): address for name, address in nowhere.items() if "PROXY" in name}
    line = ("--sr", folders / "close", "--hr", folders / "hr", "--protocol", "rgb", "--metrics", "psnr,brisque", "--json")
    done = evaluate(*line, **nowhere, HF_HUB_OFFLINE="1", XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 2
    report = json.loads(done.stdout)
    assert list(report["methods"][0]["scores"]) == ["psnr"]
    assert "metric 'brisque': pyiqa cannot load it" in report["missing"]["brisque"]


@pytest.mark.parametrize(
    ("name", "psnr", "ssim"), [("set5", 28.432, 0.8113), ("set14", 26.093, 0.7049), ("bsd100", 25.963, 0.6682)]
)
def test_published_bicubic_scores(
    evaluate: Evaluate, shared_data: Path, tmp_path: Path, name: str, psnr: float, ssim: float
) -> None:
    """Values measured with BasicSR; published: 28.42 / 0.8104, 26.00 / 0.7027, 25.96 / 0.6675."""
    folder = shared_data / name
    if not folder.is_dir():
        pytest.skip(f"no images at {folder}")
    for path in folder.glob("*_LR.png"):
        lr = decode(path, path.name, "")
        write(tmp_path / "sr", path.name, to_uint8(imresize(lr.astype(np.float64), 4)))
    line = ("--sr", tmp_path / "sr", "--sr-suffix", "_LR", "--hr", folder, "--hr-suffix", "_HR", "--protocol", "y-shave4")
    summary = json.loads(evaluate(*line, "--json").stdout)["methods"][0]["summary"]
    assert summary["psnr"]["mean"] == pytest.approx(psnr, abs=0.005)
    assert summary["ssim"]["mean"] == pytest.approx(ssim, abs=0.0005)


def test_names_and_suffixes(tmp_path: Path) -> None:
    for name in ("b_HR.png", "a_HR.bmp", "a_LR.png"):
        write(tmp_path / "hr", name, photo(0, 8))
    for name in ("a_x4.png", "b_x4.webp", ".c_x4.png"):
        write(tmp_path / "sr", name, photo(0, 8))
    (tmp_path / "sr" / "notes_x4.txt").write_text("")
    pairs = match(tmp_path / "sr", tmp_path / "hr", "_x4", "_HR")
    assert list(pairs) == ["a", "b"]
    assert pairs["b"] == (tmp_path / "sr" / "b_x4.webp", tmp_path / "hr" / "b_HR.png")
    write(tmp_path / "sr", "a_x4.bmp", photo(0, 8))
    with pytest.raises(UsageError, match=r"a_x4.bmp and a_x4.png have the same name"):
        match(tmp_path / "sr", tmp_path / "hr", "_x4", "_HR")
    with pytest.raises(UsageError, match="no images whose names end in '_x8'"):
        match(tmp_path / "sr", tmp_path / "hr", "_x8", "_HR")


def read(path: Path) -> Pixels:
    return decode(path, "image", "mend it")


def test_grey_palette_and_opaque_images_are_read(tmp_path: Path) -> None:
    colour, grey = photo(0, 16), photo(0, 16)[..., 0]
    opaque = np.dstack([colour, np.full((16, 16), 255, np.uint8)])
    np.testing.assert_array_equal(read(write(tmp_path, "grey.png", grey)), np.dstack([grey] * 3))
    np.testing.assert_array_equal(read(write(tmp_path, "opaque.png", opaque)), colour)
    palette = Image.fromarray(colour).quantize(16)
    palette.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read(tmp_path / "palette.png"), np.asarray(palette.convert("RGB")))


def test_images_that_would_lose_something_are_refused(tmp_path: Path) -> None:
    import cv2

    colour = photo(0, 16)
    deep = colour.astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "rgb16.png"), deep)
    cv2.imwrite(str(tmp_path / "rgba16.png"), np.dstack([deep, np.full((16, 16), 65535, np.uint16)]))
    cv2.imwrite(str(tmp_path / "grey16.png"), deep[..., 0])
    for name in ("rgb16", "rgba16", "grey16"):
        with pytest.raises(UsageError, match="16 bits a channel: convert it to 8 bits"):
            read(tmp_path / f"{name}.png")
    glass = np.dstack([colour, np.full((16, 16), 254, np.uint8)])
    with pytest.raises(UsageError, match="transparent pixels"):
        read(write(tmp_path, "glass.png", glass))
    palette = Image.fromarray(colour).quantize(16)
    palette.save(tmp_path / "palette.png", transparency=0)
    with pytest.raises(UsageError, match="transparent pixels"):
        read(tmp_path / "palette.png")
    Image.fromarray(colour).convert("CMYK").save(tmp_path / "cmyk.jpg")
    with pytest.raises(UsageError, match="mode CMYK"):
        read(tmp_path / "cmyk.jpg")
    (tmp_path / "cut.png").write_bytes((tmp_path / "glass.png").read_bytes()[:200])
    with pytest.raises(UsageError, match="cannot be decoded"):
        read(tmp_path / "cut.png")


@pytest.mark.parametrize("width", [38, 53, 71, 72, 105, 138])
def test_eight_bits_are_never_taken_for_more(tmp_path: Path, width: int) -> None:
    pixels = photo(0, width)
    np.testing.assert_array_equal(read(write(tmp_path, "a.bmp", pixels)), pixels)
    Image.fromarray(pixels).save(tmp_path / "a.tif", compression="tiff_lzw")
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), pixels)


def test_names_are_printed_as_they_are(evaluate: Evaluate, tmp_path: Path) -> None:
    write(tmp_path / "hr", "photo[a].png", photo(0))
    write(tmp_path / "[v1]", "photo[a].png", photo(1))
    done = evaluate("--sr", tmp_path / "[v1]", "--hr", tmp_path / "hr", "--protocol", "rgb")
    assert "photo[a]" in done.stdout
