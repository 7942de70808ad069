"""Exchanged names of pairs are told before the first step and in a dry run; so are training files that are no images."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import run
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.planning.exchanged_names import lines_on_names
from benchmarks.planning.plan import make_plan
from benchmarks.planning.suitability import check_suitability
from tests.helpers.stand_ins import photograph, save

BARE = ("metrics=['psnr']", "protocols=['rgb']", "shown=['rgb']")
pytestmark = pytest.mark.usefixtures("own_cache")


def write_pairs(folder: Path, turn: int) -> None:
    """Five pairs of scale 4, whose LR images have the names of the HR images that are ``turn`` places further on."""
    photographs = [photograph(number, 64) for number in range(5)]
    for place, hr in enumerate(photographs):
        lr = photographs[(place + turn) % 5].reshape(16, 4, 16, 4, 3).mean(axis=(1, 3)).round().astype("uint8")
        save(hr, folder / "test" / "HR" / f"a{place}.png")
        save(lr, folder / "test" / "LR" / f"a{place}.png")


@pytest.mark.parametrize("turn", [0, 1])
def test_exchanged_names_are_told(turn: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pairs(tmp_path / "mine", turn)
    cells = make_plan(load_profile("smoke", BARE), ["bicubic"], ["folder"], data_dir=tmp_path / "mine")
    lines = list(lines_on_names(cells))
    assert bool(lines) == bool(turn)
    assert all(line.startswith("test: ") and "LR images" in line for line in lines)
    options = ["--methods", "bicubic", "--profile", "smoke", "--dry-run", "--output", str(tmp_path / "out")]
    options += [word for change in BARE for word in ("--set", change)]
    assert run.main([*options, "--data-dir", str(tmp_path / "mine")]) == 0
    assert all(line in capsys.readouterr().err for line in lines)


@pytest.mark.parametrize("name", ["a", "z"])
def test_a_training_file_that_is_no_image_is_named_whichever_half_it_is_in(name: str, tmp_path: Path) -> None:
    for place in range(3):
        save(photograph(place, 128), tmp_path / "train" / f"p{place}.png")
    save(photograph(9, 160), tmp_path / "test" / "t.png")
    (tmp_path / "train" / f"{name}.jpg").write_text("x")
    with pytest.raises(UsageError, match=rf"image {name}\.jpg cannot be decoded"):
        check_suitability(make_plan(load_profile("smoke", BARE), ["edsr"], ["folder"], data_dir=tmp_path))
