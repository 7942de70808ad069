"""Folders whose scores would mean little or be fewer than a user thinks: refused, or named in a line below the table."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.evaluate import main
from benchmarks.scoring import pairs as scoring
from tests.helpers.doors import Refused, refused  # noqa: F401 - a fixture

Pixels = NDArray[np.uint8]
Evaluate = Callable[..., tuple[int, str, str]]

RGB = ("--protocol", "rgb", "--metrics", "psnr")


@pytest.fixture(autouse=True)
def in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def evaluate(capsys: pytest.CaptureFixture[str]) -> Evaluate:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["--threads", "1", *arguments])
        return code, *capsys.readouterr()

    return call


def photo(seed: int, height: int = 48, width: int = 48) -> Pixels:
    walk = np.random.default_rng(seed).normal(size=(height, width, 3)).cumsum(0).cumsum(1)
    return np.clip(128 + 2 * walk, 0, 255).astype(np.uint8)


def write(path: str, pixels: Pixels, **options: Any) -> None:
    Path(path).parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def pairs(count: int = 3, sr: str = "sr") -> None:
    """``hr`` and slightly different results in ``sr``."""
    for index in range(count):
        image = photo(index)
        write(f"hr/{index}.png", image)
        write(f"{sr}/{index}.png", np.where(image < 250, image + 3, image).astype(np.uint8))


def same_path() -> tuple[str, str]:
    return "hr", "./hr"


def linked_folder() -> tuple[str, str]:
    Path("link").symlink_to("hr")
    return "link", "hr"


def linked_files() -> tuple[str, str]:
    Path("links").mkdir()
    for path in Path("hr").iterdir():
        Path("links", path.name).symlink_to(path.resolve())
    return "links", "hr"


def hard_links() -> tuple[str, str]:
    Path("links").mkdir()
    for path in Path("hr").iterdir():
        Path("links", path.name).hardlink_to(path)
    return "links", "hr"


def one_of_them() -> tuple[str, str]:
    Path("sr/1.png").unlink()
    Path("sr/1.png").symlink_to(Path("hr/1.png").resolve())
    return "sr", "hr"


@pytest.mark.parametrize("make", [same_path, linked_folder, linked_files, hard_links, one_of_them])
def test_ground_truths_are_not_scored_against_themselves(make: Callable[[], tuple[str, str]], refused: Refused) -> None:  # noqa: F811
    pairs()
    sr, hr = make()
    count = "1 of 3" if make is one_of_them else "3 of 3"
    line = refused("evaluate", "--sr", sr, "--hr", hr, *RGB)
    assert f"--sr {Path(sr)}: {count} results are the same files as their ground truths" in line
    assert "--sr-suffix" in line


def test_a_folder_of_both_needs_suffixes(evaluate: Evaluate) -> None:
    write("both/baby_SR.png", photo(0))
    write("both/baby_HR.png", photo(1))
    line = ("--sr", "both", "--hr", "both", *RGB)
    assert evaluate(*line)[0] == 2
    code, out, err = evaluate(*line, "--sr-suffix", "_SR", "--hr-suffix", "_HR")
    assert (code, err) == (0, "") and "1 image of" in out and "left out" not in out


def test_copies_of_ground_truths_are_named(evaluate: Evaluate) -> None:
    pairs(5)
    shutil.copy("hr/2.png", "sr/2.png")
    with Image.open("hr/4.png") as image:
        image.save("sr/4.png", compress_level=0)
    code, out, err = evaluate("--sr", "sr", "--hr", "hr", *RGB)
    assert (code, err) == (0, "")
    assert "sr: 2 of 5 results have the very pixels of their ground truths (2, 4)" in out


def flat(image: Pixels) -> Pixels:
    return np.full_like(image, 90)


def nearly_black(image: Pixels) -> Pixels:
    return (image / 255).astype(np.uint8)


def grey(image: Pixels) -> Pixels:
    return np.repeat(image[..., :1], 3, axis=-1)


def bgr(image: Pixels) -> Pixels:
    return image[..., ::-1]


@pytest.mark.parametrize(
    ("change", "side", "line"),
    [
        (flat, "sr", "results have no contrast (at most 2 of 255 levels)"),
        (nearly_black, "sr", "results have no contrast"),
        (flat, "hr", "ground truths have no contrast"),
        (grey, "sr", "results are grey, and their ground truths in colour"),
        (grey, "hr", "ground truths are grey, and their results in colour"),
        (bgr, "sr", "results fit better with red and blue exchanged"),
    ],
)
def test_images_that_make_scores_meaningless_are_named(
    change: Callable[[Pixels], Pixels], side: str, line: str, evaluate: Evaluate
) -> None:
    pairs()
    for name in ("0", "2"):
        write(f"{side}/{name}.png", change(photo(int(name))))
    code, out, err = evaluate("--sr", "sr", "--hr", "hr", *RGB)
    assert (code, err) == (0, "")
    assert f"sr: 2 of 3 {line}" in out and "(0, 2)" in out


def test_plain_pairs_get_no_line(evaluate: Evaluate) -> None:
    pairs()
    report = json.loads(evaluate("--sr", "sr", "--hr", "hr", *RGB, "--json")[1])
    assert (report["notes"], report["failures"], report["crop"]) == ([], {}, None)


def test_equal_results_of_two_methods_are_named(evaluate: Evaluate) -> None:
    pairs()
    pairs(sr="other")
    write("other/1.png", photo(9))
    out = evaluate("--sr", "sr", "--sr", "other", "--hr", "hr", *RGB)[1]
    assert "sr and other: 2 of 3 results are the same images (0, 2)" in out


@pytest.mark.parametrize("second", ["sr/", "./sr", "link"])
def test_a_folder_given_twice_under_two_names(second: str, refused: Refused) -> None:  # noqa: F811
    pairs()
    Path("link").symlink_to("sr")
    refused("evaluate", "--sr", "sr", "--sr", second, "--hr", "hr", *RGB, message="the same folder is given twice")


def test_what_is_left_out_is_counted_and_named(evaluate: Evaluate) -> None:
    pairs()
    for folder in ("sr", "hr"):
        write(f"{folder}/a.ppm", photo(0))
        write(f"{folder}/b.tga", photo(0))
    Path("hr/scene.exr").touch()
    Path("hr/.hidden.ppm").touch()
    Path("hr/more").mkdir()
    line = ("--sr", "sr", "--hr", "hr", *RGB)
    for out in (
        evaluate(*line)[1],
        evaluate(*line, "--dry-run")[1],
        "\n".join(json.loads(evaluate(*line, "--json")[1])["notes"]),
    ):
        assert "sr: 2 of 5 files are left out: images are read of .bmp, .jpeg" in out and "(a.ppm, b.tga)" in out
        assert "hr: 3 of 6 files are left out" in out and "(a.ppm, b.tga, scene.exr)" in out
        assert "hr: subfolders are not searched: 1 (more)" in out


def test_names_without_the_suffix_are_counted_and_named(evaluate: Evaluate) -> None:
    for name in ("a_HR", "a_LR", "b_HR", "b_hr2"):
        write(f"hr/{name}.png", photo(0))
    for name in ("a", "b"):
        write(f"sr/{name}.png", photo(1))
    out = evaluate("--sr", "sr", "--hr", "hr", "--hr-suffix", "_HR", *RGB)[1]
    assert "hr: 2 of 4 images are left out: their names do not end in '_HR' (a_LR.png, b_hr2.png)" in out


def test_a_folder_of_subfolders_says_so(refused: Refused) -> None:  # noqa: F811
    pairs()
    Path("all").mkdir()
    Path("hr").rename("all/hr")
    refused("evaluate", "--sr", "sr", "--hr", "all", *RGB, message="subfolders are not searched: 1 (hr)")


def test_images_without_partner_are_counted_on_both_sides(refused: Refused) -> None:  # noqa: F811
    pairs(4)
    Path("sr/0.png").rename("sr/zero.png")
    Path("sr/1.png").unlink()
    line = refused("evaluate", "--sr", "sr", "--hr", "hr", *RGB)
    assert "no counterpart in hr for 1 of 3 images of sr (zero), and no counterpart in sr for 2 of 4 images of hr (0, 1)" in line


def test_photographs_are_scored_upright(evaluate: Evaluate) -> None:
    exif = Image.Exif()
    for name, orientation, size in (("wide", 6, (48, 32)), ("square", 3, (48, 48)), ("mirrored", 2, (40, 48))):
        exif[0x112] = orientation
        write(f"hr/{name}.jpg", photo(orientation, *size), quality=95, exif=exif)
        with Image.open(f"hr/{name}.jpg") as image:
            Path("sr").mkdir(exist_ok=True)
            ImageOps.exif_transpose(image).save(f"sr/{name}.png")
    write("hr/plain.png", photo(0))
    write("sr/plain.png", photo(1))
    code, out, err = evaluate("--sr", "sr", "--hr", "hr", *RGB, "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    scores = report["methods"][0]["scores"]["psnr"]
    assert [scores[name] for name in ("wide", "square", "mirrored")] == ["inf"] * 3
    line = "sr: 3 of 4 pairs have an image that was turned upright by its EXIF orientation (mirrored, square, wide)"
    assert line in report["notes"]


@pytest.fixture
def sizes() -> None:
    pairs()
    write("hr/odd.png", photo(7, 51, 50))
    write("sr/odd.png", photo(8, 48, 48))


@pytest.mark.usefixtures("sizes")
@pytest.mark.parametrize(("rule", "words"), [("smaller", "to the smaller height and width"), ("4", "to multiples of 4")])
def test_cropping_by_a_named_rule(rule: str, words: str, evaluate: Evaluate) -> None:
    line = ("--sr", "sr", "--hr", "hr", *RGB)
    code, out, err = evaluate(*line)
    assert code == 1 and "odd: the result is 48x48, the ground truth 50x51: sizes must be equal: --crop smaller cuts" in err
    code, out, err = evaluate(*line, "--crop", rule)
    assert (code, err) == (0, "")
    assert f"images are cropped {words}, at the lower right" in out
    assert "sr: 1 of 4 pairs were cropped (odd)" in out
    report = json.loads(evaluate(*line, "--crop", rule, "--json")[1])
    assert str(report["crop"]) == rule
    error = np.mean((photo(8, 48, 48) / 255 - photo(7, 51, 50)[:48, :48] / 255) ** 2)
    assert report["methods"][0]["scores"]["psnr"]["odd"] == pytest.approx(-10 * np.log10(error), abs=1e-9)


@pytest.mark.usefixtures("sizes")
def test_cropping_makes_no_pair_of_images_of_two_scales(evaluate: Evaluate) -> None:
    write("sr/odd.png", photo(8, 24, 24))
    for rule in (("--crop", "smaller"), ("--crop", "4"), ()):
        code, _, err = evaluate("--sr", "sr", "--hr", "hr", *RGB, *rule)
        assert code == 1 and "they differ by more than the 16 pixels that --crop would cut" in err
    code, _, err = evaluate("--sr", "sr", "--hr", "hr", *RGB, "--crop", "50")
    assert code == 2 and "--crop 50 leaves nothing of it" in err


def test_broken_files_do_not_stop_the_others(evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "CHUNK", 2)
    pairs(6)
    pairs(6, sr="other")
    Path("sr/1.png").write_bytes(b"broken")
    write("sr/4.png", photo(4, 8, 8))
    write("other/5.png", np.zeros((48, 48, 4), np.uint8))
    code, out, err = evaluate("--sr", "sr", "--sr", "other", "--hr", "hr", *RGB, "--csv", "scores.csv", "--json")
    assert code == 1
    lines = err.splitlines()
    assert len(lines) == 3 and all(line.startswith("error: ") for line in lines)
    assert "sr, 1: result cannot be decoded (sr/1.png" in err and "sr, 4: the result is 8x8" in err
    assert "other, 5: result (other/5.png) has transparent pixels" in err
    report = json.loads(out)
    ours, theirs = (method["scores"]["psnr"] for method in report["methods"])
    assert (list(ours), list(theirs)) == (["0", "2", "3", "5"], ["0", "1", "2", "3", "4"])
    assert set(report["failures"]) == {"sr", "other"} and len(Path("scores.csv").read_text(encoding="utf-8").splitlines()) == 10
    assert [method["summary"]["psnr"]["mean"] for method in report["methods"]] == [
        pytest.approx(np.mean([column[image] for image in ("0", "2", "3")])) for column in (ours, theirs)
    ]
    code, out, _ = evaluate("--sr", "sr", "--hr", "hr", *RGB)
    assert code == 1 and "4 images of 4 photographs, 2 failed" in out


def test_a_method_without_any_score_is_left_out_of_the_table(evaluate: Evaluate) -> None:
    pairs(2)
    for index in range(2):
        write(f"small/{index}.png", photo(0, 8, 8))
    code, out, err = evaluate("--sr", "small", "--sr", "sr", "--hr", "hr", *RGB)
    assert code == 1 and "2 images of 2 photographs, 2 failed" in out and err.count("small, ") == 2
    code, out, err = evaluate("--sr", "small", "--hr", "hr", *RGB)
    assert (code, out) == (2, "") and "0: the result is 8x8" in err and "and 1 other image failed" in err


def test_ssim_alone_needs_the_window(evaluate: Evaluate) -> None:
    for name, side in (("tiny", 8), ("usual", 48)):
        write(f"hr/{name}.png", photo(0, side, side))
        write(f"sr/{name}.png", photo(1, side, side))
    line = ("--sr", "sr", "--hr", "hr", "--protocol", "rgb")
    assert evaluate(*line, "--metrics", "psnr")[0] == 0
    for metrics in (("psnr,ssim",), ("psnr", "ssim"), ("psnr, ssim",), ("psnr ,", "ssim")):
        code, out, err = evaluate(*line, "--metrics", *metrics)
        assert code == 1 and "SSIM" in out
        assert "sr, tiny: protocol rgb needs images of 11x11 or more (PSNR alone 1x1): got 8x8" in err


def test_results_that_were_cut_at_all_sides_are_told(evaluate: Evaluate) -> None:
    for index in range(2):
        image = photo(index)
        write(f"hr/{index}.png", image)
        write(f"sr/{index}.png", image[4:-4, 4:-4])
        write(f"corner/{index}.png", image[:-8, :-8])
    words = "2 of 2 results fit better with the larger image cut at all sides alike: scores are of shifted pairs"
    assert words in evaluate("--sr", "sr", "--hr", "hr", "--crop", "smaller", *RGB)[1].replace("\n", " ")
    assert "at all sides" not in evaluate("--sr", "corner", "--hr", "hr", "--crop", "smaller", *RGB)[1].replace("\n", " ")


def test_names_that_differ_in_case_alone(evaluate: Evaluate) -> None:
    write("hr/Baby.png", photo(0))
    write("sr/baby.png", photo(0))
    code, _, errors = evaluate("--sr", "sr", "--hr", "hr", *RGB)
    assert code == 2 and errors.endswith("1 of 1 names differ in upper and lower case alone (baby): rename them\n")
