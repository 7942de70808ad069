"""Folders of X and Z that are exchanged, or that no method of the run is trained on, are told before the first step."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import run
from tests.helpers.stand_ins import photograph, save

pytestmark = pytest.mark.usefixtures("own_cache")

EXCHANGED = "X is larger than Z, by the median number of pixels: are --x-dir and --z-dir exchanged?"
BARE = ("--profile", "smoke", "--dry-run", "--set", "metrics=['psnr']", "--set", "protocols=['rgb']", "--set", "shown=['rgb']")


def fill(folder: Path, side: int, seed: int) -> None:
    for number in range(2):
        save(photograph(10 * seed + number, side), folder / f"{number}.png")


@pytest.fixture
def line(tmp_path: Path) -> list[str]:
    """A dry run on images of 128 pixels as X and of 64 pixels as Z."""
    for seed, (name, side) in enumerate({"own": 64, "large": 128, "small": 64}.items()):
        fill(tmp_path / name, side, seed)
    folders = ["--data-dir", "own", "--x-dir", "large", "--z-dir", "small", "--output", "runs"]
    return [*BARE, *(str(tmp_path / word) if not word.startswith("--") else word for word in folders), "--methods"]


@pytest.mark.parametrize("method", ["cincgan", "edsr", "bicubic"])
def test_exchanged_and_unused_folders_are_told(
    method: str, line: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run.main([*line, method])
    told = capsys.readouterr().err.splitlines()
    x, z = (
        f"--{split.lower()}-dir {tmp_path / name}: not used: no method of this run trains on {split}"
        for split, name in (("X", "large"), ("Z", "small"))
    )
    assert told[: len(told) - (code == 2)] == [EXCHANGED, *{"cincgan": [], "edsr": [x], "bicubic": [x, z]}[method]]
    assert code == (2 if method != "bicubic" else 0), "patches do not fit into Z"


def test_folders_as_they_should_be_are_not_told_of(line: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    upright = [{"large": "small", "small": "large"}.get(Path(word).name, "") for word in line]
    words = [str(tmp_path / other) if other else word for word, other in zip(line, upright, strict=True)]
    assert run.main([*words, "cincgan"]) == 0
    assert capsys.readouterr().err == ""


def test_folders_that_are_not_used_are_checked(line: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "large" / "0.png").write_bytes(b"no image")
    assert run.main([*line, "bicubic"]) == 2
    assert "image 0.png" in capsys.readouterr().err
