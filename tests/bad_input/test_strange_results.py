"""Results that are no files, of other pictures, exchanged or identical: scored as far as they can be, and named."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks.evaluate import main

Pixels = NDArray[np.uint8]
Evaluate = Callable[..., tuple[int, str, str]]

LINE = ("--sr", "sr", "--hr", "hr", "--protocol", "rgb", "--metrics", "psnr", "--threads", "1")


@pytest.fixture(autouse=True)
def in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five pairs ``a`` to ``e`` of different pictures in ``sr`` and ``hr``."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate("abcde"):
        picture = photo(seed)
        write(f"hr/{name}.png", picture)
        write(f"sr/{name}.png", noisy(picture))


@pytest.fixture
def evaluate(capsys: pytest.CaptureFixture[str]) -> Evaluate:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = main([*LINE, *arguments])
        return code, *capsys.readouterr()

    return call


def photo(seed: int) -> Pixels:
    walk = np.random.default_rng(seed).normal(size=(48, 48, 3)).cumsum(0).cumsum(1)
    return np.clip(128 + 2 * walk, 0, 255).astype(np.uint8)


def noisy(picture: Pixels) -> Pixels:
    noise = np.random.default_rng(9).normal(scale=8, size=picture.shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def write(path: str, pixels: NDArray[np.integer]) -> None:
    Path(path).parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)


def exchange(first: str, second: str) -> None:
    Path(f"sr/{first}.png").rename("sr/other.png")
    Path(f"sr/{second}.png").rename(f"sr/{first}.png")
    Path("sr/other.png").rename(f"sr/{second}.png")


def test_two_names_exchanged(evaluate: Evaluate) -> None:
    exchange("b", "d")
    code, out, err = evaluate()
    assert (code, err) == (0, "")
    assert "sr: 2 of 5 results resemble another ground truth than their own, at 16x16 pixels: names may be exchanged" in out
    assert "(b and d exchanged)" in out and "plain colour" not in out


def test_numbers_that_are_off_by_one(evaluate: Evaluate) -> None:
    for name in "bcde":
        write(f"sr/{name}.png", noisy(photo("abcde".index(name) - 1)))
    (note,) = json.loads(evaluate("--json")[1])["notes"]
    assert note.startswith("sr: 4 of 5 results resemble another ground truth") and "(b as a, c as b, d as c, …)" in note


@pytest.mark.parametrize(
    "picture",
    [photo(77), np.random.default_rng(0).integers(0, 256, (48, 48, 3), np.uint8), 255 - photo(2)],
    ids=["other", "noise", "negative"],
)
def test_another_picture(picture: Pixels, evaluate: Evaluate) -> None:
    write("sr/c.png", picture)
    code, out, _ = evaluate()
    assert code == 0 and "sr: 1 of 5 results are no more like their ground truths than a plain colour is" in out and "(c)" in out


def test_alike_pairs_have_no_line(evaluate: Evaluate) -> None:
    assert json.loads(evaluate("--json")[1])["notes"] == []


def folder(path: Path) -> None:
    path.mkdir()


def full_folder(path: Path) -> None:
    path.mkdir()
    (path / "x.png").write_bytes(b"x")


def dead_link(path: Path) -> None:
    path.symlink_to("nowhere.png")


def loop(path: Path) -> None:
    path.symlink_to(path.name)


NO_FILES = [
    (folder, "a folder"),
    (full_folder, "a folder"),
    (dead_link, "a link that leads nowhere"),
    (loop, "a link that leads nowhere"),
]


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
@pytest.mark.parametrize(("side", "title"), [("sr", "result"), ("hr", "ground truth")])
@pytest.mark.parametrize(("make", "kind"), NO_FILES)
def test_what_is_no_file_does_not_stop_the_others(
    make: Callable[[Path], None], kind: str, side: str, title: str, more: tuple[str, ...], evaluate: Evaluate
) -> None:
    path = Path(side, "b.png")
    path.unlink()
    make(path)
    code, out, err = evaluate(*more)
    assert (code, err) == (1, f"error: sr, b: {title} is {kind} ({path}): remove or rename it\n")
    assert ("4 images of 4 photographs, 1 failed" in out) != bool(more) and "subfolders" not in out


def deep(path: str) -> None:
    Image.fromarray(photo(0)[..., 0].astype(np.uint16) * 257).save(path)


def transparent(path: str) -> None:
    Image.fromarray(np.dstack([photo(0), np.full((48, 48), 200, np.uint8)])).save(path)


def transparent_palette(path: str) -> None:
    Image.fromarray(photo(0)).quantize(16).save(path, transparency=0)


def small(path: str) -> None:
    Image.fromarray(photo(0)[:24, :24]).save(path)


def broken(path: str) -> None:
    Path(path).write_bytes(b"broken")


@pytest.mark.parametrize("side", ["sr", "hr"])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (deep, "has 16 bits a channel: convert it to 8 bits"),
        (transparent, "has transparent pixels: blend it with a background"),
        (transparent_palette, "has transparent pixels: blend it"),
        (small, "sizes must be equal, and they differ by more than"),
        (broken, "cannot be decoded"),
    ],
)
def test_a_dry_run_sees_what_headers_tell(make: Callable[[str], None], message: str, side: str, evaluate: Evaluate) -> None:
    make(f"{side}/d.png")
    code, _, err = evaluate("--dry-run")
    assert code == 1 and err.count("\n") == 1 and err.startswith("error: sr, d: ") and message in err
    assert evaluate()[::2] == (code, err), "as the scoring says it"


def test_a_dry_run_crops(evaluate: Evaluate) -> None:
    write("sr/d.png", photo(3)[:44, :44])
    assert evaluate("--dry-run", "--crop", "smaller")[::2] == (0, "")
    assert evaluate("--dry-run")[0] == 1


@pytest.mark.parametrize("identical", ["a", "ae", "bcde"])
def test_infinite_scores_do_not_hide_the_others(identical: str, evaluate: Evaluate) -> None:
    for name in identical:
        write(f"sr/{name}.png", photo("abcde".index(name)))
    code, out, _ = evaluate("--csv", "scores.csv")
    rows = [line.split() for line in out.splitlines()]
    assert code == 0 and ["mean", "∞"] in rows
    report = json.loads(evaluate("--json")[1])["methods"][0]
    others = [value for value in report["scores"]["psnr"].values() if value != "inf"]
    assert len(others) == 5 - len(identical) and report["summary"]["psnr"]["mean"] == "inf"
    assert report["summary"]["psnr"]["finite"]["images"] == len(others)
    assert report["summary"]["psnr"]["finite"]["mean"] == pytest.approx(np.mean(others))
    assert ["without", "∞", f"{np.mean(others):.3f}"] in rows and f"{len(others)} of 5 images" in out
    with Path("scores.csv").open(encoding="utf-8") as file:
        assert sum(np.isinf(float(row["value"])) for row in csv.DictReader(file)) == len(identical)


def test_infinite_scores_of_several_methods(evaluate: Evaluate) -> None:
    for name in "abcde":
        write(f"exact/{name}.png", photo("abcde".index(name)))
    write("sr/a.png", photo(0))
    out = evaluate("--sr", "exact")[1]
    lines = [line.strip() for line in out.splitlines()]
    assert lines.index("4 of 5 images") and sum(line.startswith("without ∞") for line in lines) == 1, "all of exact are infinite"
    methods = json.loads(evaluate("--sr", "exact", "--json")[1])["methods"]
    assert ["finite" in method["summary"]["psnr"] for method in methods] == [True, False]
