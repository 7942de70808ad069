"""A user's photographs: turned upright wherever they are read, and files that are left out are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.data.cards import load_dataset_card
from benchmarks.data.dataset import Dataset
from benchmarks.degradations.bicubic import Bicubic
from tests.helpers.stand_ins import photograph, save

TURNS = {3: 2, 6: -1, 8: 1}  # EXIF orientations, and the quarter turns to the left that undo them


pytestmark = pytest.mark.usefixtures("own_cache")


def data(directory: Path) -> Dataset:
    return Dataset(load_dataset_card("folder").located_in(directory), Bicubic())


def turned(pixels: np.ndarray, path: Path, orientation: int) -> np.ndarray:
    """Save an image with an orientation, and return it upright."""
    exif = Image.Exif()
    exif[0x112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, exif=exif)
    return np.rot90(pixels, TURNS[orientation])


def test_training_and_test_images_are_turned_upright(tmp_path: Path) -> None:
    own = tmp_path / "own"
    photos = [photograph(seed, 56)[:48, :40] for seed in range(4)]
    x = turned(photos[0], own / "train" / "a.png", 6)
    z = turned(photos[1], own / "train" / "b.png", 8)
    hr = turned(photos[2], own / "test" / "c.png", 3)
    images = data(own).images
    assert np.array_equal(images.x()[0], Bicubic().degrade(np.ascontiguousarray(x), 4, "a"))
    assert np.array_equal(images.z()[0], z) and z.shape == (40, 48, 3)
    (pair,) = images.pairs("test")
    assert np.array_equal(pair.hr, hr)


def test_pairs_fit_upright(tmp_path: Path) -> None:
    lr, hr = photograph(0, 56)[:12, :10], photograph(1, 56)[:48, :40]
    upright = turned(hr, tmp_path / "own" / "a_HR.png", 6)
    save(np.rot90(lr, -1), tmp_path / "own" / "a_LR.png")
    (pair,) = data(tmp_path / "own").images.pairs("test")
    assert np.array_equal(pair.hr, upright) and pair.lr.shape == (10, 12, 3)


def test_what_is_left_out_is_named_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own"
    for seed, name in enumerate(("train/a.png", "train/b.png", "test/HR/c.png")):
        save(photograph(seed, 48), own / name)
    save(photograph(9, 48)[::4, ::4], own / "test" / "LR" / "c.png")
    Image.fromarray(photograph(3, 48)).save(own / "train" / "c.ppm")
    (own / "train" / "scan.tga").touch()
    (own / "test" / "LR" / "d.jp2").touch()
    (own / "train" / "more").mkdir()
    for split in ("x", "z", "test", "x"):
        data(own).card.sources(split)  # type: ignore[arg-type]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(f"{own / 'train'}: 2 of 4 files are left out") and lines[0].endswith("(c.ppm, scan.tga)")
    assert lines[1] == f"{own / 'train'}: subfolders are not searched: 1 (more)"
    assert lines[2].startswith(f"{own / 'test' / 'LR'}: 1 of 2 files are left out") and lines[2].endswith("(d.jp2)")
