"""``python -m benchmarks.upscale`` as users call it, with methods that need no training."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from benchmarks import upscale
from benchmarks.scoring.evaluation import super_resolve
from tests.conftest import ROOT, file_size_limit
from tests.data.test_user_images import PIXELS, SRGB
from tests.helpers.doors import snapshot

ORIENTATION = 274  # the EXIF tag


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's files of many kinds, in the working directory."""
    monkeypatch.chdir(tmp_path)
    exif = PillowImage.Exif()
    exif[ORIENTATION] = 6
    image = PillowImage.fromarray(PIXELS)
    folder = tmp_path / "photos"
    folder.mkdir()
    image.save(folder / "turned.jpg", exif=exif, icc_profile=SRGB)
    image.quantize(16).save(folder / "palette.png")
    PillowImage.fromarray(PIXELS[..., 0].astype(np.uint16) * 257).save(folder / "sixteen.tif")
    image.convert("RGBA").save(folder / "opaque.webp", lossless=True)
    alpha = np.dstack([PIXELS, np.full(PIXELS.shape[:2], 99, np.uint8)])
    PillowImage.fromarray(alpha).save(folder / "alpha.png")
    (folder / "broken.jpg").write_bytes((folder / "turned.jpg").read_bytes()[:900])
    (folder / "notes.txt").write_text("no image", encoding="utf-8")
    return folder


def read(path: Path) -> Any:
    with PillowImage.open(path) as file:
        assert (file.format, file.mode) == ("PNG", "RGB")
        return np.asarray(file)


def test_files_of_many_kinds(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from baselines.bicubic.method import Bicubic

    before = snapshot(photos)
    assert upscale.main(["photos", "--method", "bicubic", "--output", "large", "--json"]) == 1
    printed = capsys.readouterr()
    summary = json.loads(printed.out)
    assert snapshot(photos) == before
    written = {Path(entry["input"]).name: entry for entry in summary["images"]}
    assert {name: entry["icc"] for name, entry in written.items()} == {
        "opaque.webp": False,
        "palette.png": False,
        "turned.jpg": True,
    }
    assert written["turned.jpg"]["width"] == 4 * PIXELS.shape[0]
    with PillowImage.open("large/turned.png") as file:
        assert file.info["icc_profile"] == SRGB and not file.getexif()
    with PillowImage.open(photos / "turned.jpg") as file:
        upright = np.rot90(np.asarray(file), -1)
    assert np.array_equal(read(Path("large/turned.png")), super_resolve(Bicubic(4), upright))
    assert np.array_equal(read(Path("large/opaque.png")), super_resolve(Bicubic(4), PIXELS))
    errors = [line for line in printed.err.splitlines() if line.startswith("error: ")]
    assert errors == printed.err.splitlines()[-3:]
    assert len(summary["failures"]) == 3
    for name, reason in (("sixteen.tif", "16 bits a channel"), ("alpha.png", "transparent pixels"), ("broken.jpg", "decoded")):
        assert any(name in line and reason in line for line in errors), name
    assert "notes.txt" in printed.err
    assert sorted(path.name for path in Path("large").iterdir()) == ["opaque.png", "palette.png", "turned.png"]


def test_results_are_replaced_only_if_asked(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["photos/palette.png", "photos/turned.jpg", "--method", "bicubic", "--output", "large"]
    assert upscale.main(line) == 0
    assert capsys.readouterr().out == "2 written to large\n"
    Path("large/palette.png").write_bytes(b"kept")
    Path("large/turned.png").unlink()
    before = snapshot(Path("large"))
    assert upscale.main(line) == 2
    assert "1 of 2 results exist in large (palette.png)" in capsys.readouterr().err
    assert upscale.main([*line, "--skip-existing", "--dry-run"]) == 0
    assert capsys.readouterr().out == "photos/turned.jpg -> large/turned.png\n"
    assert snapshot(Path("large")) == before
    assert upscale.main([*line, "--skip-existing"]) == 0
    assert capsys.readouterr().out == "1 written to large, 1 kept\n"
    assert Path("large/palette.png").read_bytes() == b"kept"
    assert upscale.main([*line, "--force"]) == 0
    assert read(Path("large/palette.png")).shape == (48, 64, 3)


def test_a_dry_run_writes_nothing(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(photos.parent)
    assert upscale.main(["photos", "--method", "bicubic", "--output", "large", "--format", "tiff", "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [entry["output"] for entry in plan["images"]][:2] == ["large/alpha.tif", "large/broken.tif"]
    assert (plan["method"], plan["scale"], snapshot(photos.parent)) == ("bicubic", 4, before)


def test_a_full_disk_stops_with_the_earlier_images_kept(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    side = np.random.default_rng(1).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    PillowImage.fromarray(side).save("noise.png")
    with file_size_limit(100_000):
        code = upscale.main(["photos/palette.png", "noise.png", "photos/turned.jpg", "--method", "bicubic", "--output", "large"])
    assert code == 2
    lines = capsys.readouterr().err.splitlines()
    assert "large/noise.png: cannot be written" in lines[-2] and "photos/turned.jpg: not enlarged" in lines[-1]
    assert [path.name for path in Path("large").iterdir()] == ["palette.png"]


def test_a_folder_of_fifty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for number in range(50):
        PillowImage.fromarray(np.roll(PIXELS, number, 0)).save(f"photos/{number:02}.png")
    assert upscale.main(["photos", "--method", "bicubic", "--output", "large"]) == 0
    assert capsys.readouterr().out == "50 written to large\n"
    assert len(list(Path("large").iterdir())) == 50


@pytest.mark.long  # minutes: 192 million pixels are computed and compressed
def test_twelve_megapixels_in_three_gigabytes(tmp_path: Path) -> None:
    exif = PillowImage.Exif()
    exif[ORIENTATION] = 6
    coarse = PillowImage.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8))
    coarse.resize((4000, 3000), PillowImage.Resampling.BICUBIC).save(tmp_path / "large.jpg", exif=exif)
    line = [sys.executable, "-m", "benchmarks.upscale", str(tmp_path / "large.jpg"), "--method", "bicubic"]
    subprocess.run([*line, "--output", str(tmp_path / "out")], cwd=ROOT, check=True, timeout=1800)
    with PillowImage.open(tmp_path / "out" / "large.png") as file:
        assert file.size == (12000, 16000)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 3 * 2**20  # KiB


def test_a_tile_that_is_too_small_is_told_once(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--method", "bicubic", "--tile", "1", "--output", "large"]
    assert upscale.main(["photos/turned.jpg", "photos/palette.png", *options]) == 2
    assert capsys.readouterr().err.count("--tile 1: too small for bicubic") == 1


def test_options_are_checked_before_results_that_exist(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The weights' names are checked before torch is imported."""
    Path("large").mkdir()
    Path("large/palette.png").write_bytes(b"")
    line = ["photos/palette.png", "--output", "large", "--pretrained"]
    for words, message in (
        (("dem",), "unknown pretrained weights 'dem': did you mean 'demo'?"),
        (("demo", "--method", "bicubic"), "the weights 'demo' have no 'bicubic': known: cincgan, edsr"),
    ):
        assert upscale.main([*line, *words]) == 2
        assert message in capsys.readouterr().err


def test_the_time_left_is_told_from_the_second_image_on() -> None:
    assert upscale._time_left(60, 2, 20) == ", the rest may take 0:09:00"
    assert upscale._time_left(60, 1, 20) == upscale._time_left(2, 2, 4) == upscale._time_left(60, 20, 20) == ""
