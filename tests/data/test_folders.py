"""A user's own images: splits, pairs, degradation, refusals."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest

from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.data.cards import load_dataset_card
from benchmarks.data.dataset import Dataset
from benchmarks.data.kinds import user_folder
from benchmarks.data.kinds.user_folder import UserFolder
from benchmarks.data.pixels import images as pixel_images
from benchmarks.data.pixels.decode import decode
from benchmarks.degradations.bicubic import Bicubic
from benchmarks.degradations.operator import Degradation
from benchmarks.degradations.track2_like import Track2Like
from benchmarks.planning.plan import make_plan
from tests.conftest import Run
from tests.helpers.stand_ins import photograph, save

PROFILE = load_profile("smoke")
TRACK2_LIKE, BICUBIC = PROFILE.degradation, Bicubic()
SCORES = ("--set", "metrics=['psnr', 'ssim']", "--set", "protocols=['y-shave4']", "--set", "shown=['y-shave4']")


pytestmark = pytest.mark.usefixtures("own_cache")


def data(directory: Path, degradation: Degradation = TRACK2_LIKE) -> Dataset:
    card = load_dataset_card("folder")
    assert isinstance(card, UserFolder) and isinstance(TRACK2_LIKE, Track2Like)
    return Dataset(card.located_in(directory), degradation)


def fill(folder: Path, names: str, side: int = 48) -> list[np.ndarray]:
    images = [photograph(zlib.crc32(name.encode()), side) for name in names.split()]
    for name, image in zip(names.split(), images, strict=True):
        save(image, folder / name)
    return images


def test_images_in_the_folder_are_for_testing_and_cropped_to_the_scale(tmp_path: Path) -> None:
    save(photograph(1, 56)[:51, :46], tmp_path / "own" / "b.png")
    fill(tmp_path / "own", "a.png")
    (tmp_path / "own" / "notes.txt").write_text("no image")
    first, second = data(tmp_path / "own", BICUBIC).images.pairs("test")
    assert (first.name, second.name) == ("a", "b")
    assert (second.hr.shape, second.lr.shape) == ((48, 44, 3), (12, 11, 3))
    assert np.array_equal(second.hr, photograph(1, 56)[:48, :44])
    assert np.array_equal(second.lr, BICUBIC.degrade(second.hr, 4, "b"))
    assert not data(tmp_path / "own").card.trains


def test_x_and_z_are_different_images(tmp_path: Path) -> None:
    a, b, c, d, e = fill(tmp_path / "own" / "train", "1.png 2.png 3.png 4.png 5.png")
    fill(tmp_path / "own" / "test", "t.png")
    dataset = data(tmp_path / "own")
    assert dataset.card.trains
    assert np.array_equal(dataset.images.x(), [TRACK2_LIKE.degrade(a, 4, "1"), TRACK2_LIKE.degrade(b, 4, "2")])
    assert np.array_equal(dataset.images.z(), [c, d, e])
    assert np.array_equal(dataset.images.y(), [BICUBIC.degrade(image, 4, "any") for image in (c, d, e)])
    assert [pair.name for pair in dataset.images.pairs("pairs")] == ["1", "2", "3", "4", "5"]
    assert [pair.name for pair in dataset.images.pairs("test")] == ["t"]


@pytest.mark.parametrize("layout", ["suffixes", "subfolders"])
def test_pairs_are_read_not_made(tmp_path: Path, layout: str) -> None:
    named = {"suffixes": "{}_{}.png", "subfolders": "{1}/{0}.png"}[layout]
    where = tmp_path / "own" / "test"
    hr = [photograph(seed, 64) for seed in (1, 2)]
    lr = [photograph(seed, 16) for seed in (3, 4)]
    for name, images in zip(("a", "b"), zip(hr, lr, strict=True), strict=True):
        for kind, image in zip(("HR", "LR"), images, strict=True):
            save(image, where / named.format(name, kind))
    dataset = data(tmp_path / "own")
    assert [(pair.name, pair.hr.tobytes(), pair.lr.tobytes()) for pair in dataset.images.pairs("test")] == [
        ("a", hr[0].tobytes(), lr[0].tobytes()),
        ("b", hr[1].tobytes(), lr[1].tobytes()),
    ]
    assert dataset.describe(["test"])["degradation"] == "the data set's own LR images"
    assert dataset.digest("test") == data(tmp_path / "own", BICUBIC).digest("test")


def test_digests_follow_content_and_degradation(tmp_path: Path) -> None:
    fill(tmp_path / "own" / "train", "1.png 2.png 3.png 4.png")
    fill(tmp_path / "own" / "test", "t.png")
    dataset, clean = data(tmp_path / "own"), data(tmp_path / "own", BICUBIC)
    before = {split: dataset.digest(split) for split in ("x", "z", "test", "pairs")}
    assert {split: clean.digest(split) == before[split] for split in before} == {
        "x": False,
        "z": True,
        "test": False,
        "pairs": False,
    }
    save(photograph(77, 48), tmp_path / "own" / "train" / "4.png")
    user_folder._sources.cache_clear()
    after = {split: data(tmp_path / "own").digest(split) for split in before}
    assert [split for split in before if after[split] == before[split]] == ["x", "test"]
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "own").rename(tmp_path / "elsewhere" / "own")
    assert {split: data(tmp_path / "elsewhere" / "own").digest(split) for split in before} == after, (
        "where it lies does not count"
    )


def test_images_are_decoded_and_degraded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "own" / "train", "1.png 2.png 3.png 4.png")
    dataset = data(tmp_path / "own")
    first = [dataset.images.x(), dataset.images.y(), dataset.images.z()]
    monkeypatch.setattr(pixel_images, "decode", lambda *_: pytest.fail("decoded again"))
    monkeypatch.setattr(Track2Like, "degrade", lambda *_: pytest.fail("degraded again"))
    monkeypatch.setattr(Bicubic, "degrade", lambda *_: pytest.fail("downscaled again"))
    second = [dataset.images.x(), dataset.images.y(), dataset.images.z()]
    assert all(
        np.array_equal(a, b) for before, after in zip(first, second, strict=True) for a, b in zip(before, after, strict=True)
    )
    assert not any(image.flags.writeable for images in second for image in images)


def test_folders_that_are_refused(tmp_path: Path) -> None:
    fill(tmp_path / "one" / "train", "1.png")
    fill(tmp_path / "one" / "test", "t.png")
    fill(tmp_path / "lacking", "a_HR.png b_HR.png a_LR.png")
    save(photograph(1, 64), tmp_path / "sizes" / "a_HR.png")
    save(photograph(1, 24), tmp_path / "sizes" / "a_LR.png")
    (tmp_path / "empty").mkdir()
    fill(tmp_path / "untested" / "train", "1.png 2.png")
    for name, split, message in (
        ("nowhere", "test", "no such folder: give the folder that holds your images"),
        ("empty", "test", "no images here"),
        ("one", "x", "found 1 training image: X and Z must not share images, so at least 2 are needed"),
        ("lacking", "test", r"no counterpart in .* for 1 of .* \(b\): the names of a pair agree but for _HR and _LR"),
        ("untested", "test", "there is train but no test"),
        ("sizes", "test", "a: LR 24x24 and HR 64x64 pixels: the HR image must be 4 times larger"),
    ):
        with pytest.raises(UsageError, match=message):
            data(tmp_path / name).images.pairs("test") if split == "test" else data(tmp_path / name).images.x()


def test_names_count_where_they_decide_what_is_drawn(tmp_path: Path) -> None:
    fill(tmp_path / "own", "a.png b.png")
    before, lr = data(tmp_path / "own").digest("test"), data(tmp_path / "own").images.pairs("test")[1].lr
    (tmp_path / "own" / "b.png").rename(tmp_path / "own" / "c.png")
    user_folder._sources.cache_clear()
    assert data(tmp_path / "own").digest("test") != before
    assert not np.array_equal(data(tmp_path / "own").images.pairs("test")[1].lr, lr)


def test_every_image_keeps_its_name(tmp_path: Path) -> None:
    fill(tmp_path / "own", "a.png a_HR.png")
    assert [pair.name for pair in data(tmp_path / "own").images.pairs("test")] == ["a", "a_HR"]


def test_an_image_in_two_splits_is_refused(tmp_path: Path) -> None:
    for names in ("1.png 2.png 3.png", "t.png"):
        fill(tmp_path / "leak" / ("test" if names == "t.png" else "train"), names)
        fill(tmp_path / "same" / ("test" if names == "t.png" else "train"), names)
    shutil.copy(tmp_path / "leak" / "test" / "t.png", tmp_path / "leak" / "train" / "4.png")
    shutil.copy(tmp_path / "same" / "train" / "1.png", tmp_path / "same" / "train" / "4.png")
    with pytest.raises(UsageError, match=r"training and test share an image: .*4\.png and .*t\.png are the same"):
        data(tmp_path / "leak").images.pairs("test")
    with pytest.raises(UsageError, match=r"X and Z share an image: .*1\.png and .*4\.png are the same"):
        data(tmp_path / "same").images.x()


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "device", "long", "bytes"])
def test_entries_named_like_an_image_that_are_none_are_refused(tmp_path: Path, kind: str) -> None:
    fill(tmp_path / "own", "a.png")
    odd = tmp_path / "own" / "b.png"
    if kind == "link":
        odd.symlink_to(tmp_path / "nowhere")
    elif kind == "folder":
        odd.mkdir()
    elif kind == "pipe":
        os.mkfifo(odd)
    elif kind == "device":
        odd.symlink_to("/dev/zero")
    elif kind == "long":
        save(photograph(1, 16), tmp_path / "own" / f"{'b' * 210}.png")
    else:
        (tmp_path / "own" / "a.png").rename(os.fsdecode(os.fsencode(tmp_path / "own") + b"/\xff.png"))
    words = {"long": "214 bytes, more than 200: shorten it", "bytes": "no valid UTF-8: rename it"}
    with pytest.raises(UsageError, match=words.get(kind, "with the name of an image: remove or rename it")):
        data(tmp_path / "own").images.pairs("test")


def test_an_image_beside_pairs_is_not_left_out_in_silence(tmp_path: Path) -> None:
    fill(tmp_path / "own", "a_HR.png stray.png")
    save(photograph(1, 12), tmp_path / "own" / "a_LR.png")
    with pytest.raises(UsageError, match=r"stray\.png ends neither in _HR nor in _LR"):
        data(tmp_path / "own").images.pairs("test")


def test_hidden_files_and_texts_make_no_pairs(tmp_path: Path) -> None:
    fill(tmp_path / "own", "a.png")
    for name in ("._a_LR.png", "notes_LR.txt"):
        (tmp_path / "own" / name).write_text("no image")
    assert [pair.name for pair in data(tmp_path / "own").images.pairs("test")] == ["a"]


@pytest.mark.parametrize("layout", ["contig", "separate"])
def test_sixteen_bits_are_refused_however_a_tiff_stores_them(tmp_path: Path, layout: str) -> None:
    tifffile = pytest.importorskip("tifffile")
    pixels = photograph(1, 16).astype(np.uint16) * 257
    image = pixels if layout == "contig" else pixels.transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb", planarconfig=layout)
    with pytest.raises(UsageError, match=r"photo .* has 16 bits a channel"):
        decode(tmp_path / "a.tif", "photo", "convert it")


def test_several_frames_are_refused(tmp_path: Path) -> None:
    from PIL import Image

    first, second = (Image.fromarray(photograph(seed, 16)) for seed in (1, 2))
    first.save(tmp_path / "a.png", save_all=True, append_images=[second])
    with pytest.raises(UsageError, match=r"photo .* has 2 frames: save one of them as a file of its own"):
        decode(tmp_path / "a.png", "photo", "convert it")


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "own", "a.png b.png")
    content = (tmp_path / "own" / "b.png").read_bytes()
    (tmp_path / "own" / "b.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(UsageError, match=r"image b\.png cannot be decoded .*truncated"):
        data(tmp_path / "own").images.pairs("test")
    assert not list((tmp_path / "cache" / "pixels").glob("*.pixels")), "half a stack is none"


@pytest.mark.parametrize("suffix", [".gif", ".ppm", ".ico", ".pcx", ".tga"])
def test_only_the_formats_on_the_list_are_parsed(tmp_path: Path, suffix: str) -> None:
    from PIL import Image

    Image.fromarray(photograph(1, 16)).save(tmp_path / f"a{suffix}")
    (tmp_path / f"a{suffix}").rename(tmp_path / "a.png")
    with pytest.raises(UsageError, match=r"photo cannot be decoded .*none of PNG, BMP, TIFF, JPEG, WEBP"):
        decode(tmp_path / "a.png", "photo", "convert it")


def test_an_image_with_too_many_pixels_is_refused_by_its_header(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("1", (10_000, 8_100)).save(tmp_path / "a.png")
    with pytest.raises(UsageError, match=r"photo .* has 10000x8100 pixels, more than 80,000,000: crop it"):
        decode(tmp_path / "a.png", "photo", "convert it")


def test_methods_are_trained_where_there_are_training_images(tmp_path: Path) -> None:
    fill(tmp_path / "flat", "a.png b.png")
    fill(tmp_path / "split" / "train", "1.png 2.png")
    fill(tmp_path / "split" / "test", "t.png")

    def trained_on(**how: object) -> set[str]:
        cells = make_plan(PROFILE, ["bicubic", "edsr"], **how)  # type: ignore[arg-type]
        return {f"{cell.dataset} {cell.data_digest[:8]}" for cell in cells if cell.kind == "train"}

    demo, own = trained_on(), trained_on(datasets=["folder"], data_dir=tmp_path / "split")
    assert len(demo | own) == 2
    assert trained_on(datasets=["folder"], data_dir=tmp_path / "flat") == demo
    assert trained_on(datasets=["folder"], data_dir=tmp_path / "split", train_on="demo-photos") == demo
    assert trained_on(train_on="folder", data_dir=tmp_path / "split") == own
    assert len(trained_on(train_on="folder", data_dir=tmp_path / "flat")) == 1
    with pytest.raises(UsageError, match="be tested on their training images: move the images into subfolders train and test"):
        trained_on(datasets=["folder"], train_on="folder", data_dir=tmp_path / "flat")
    with pytest.raises(UsageError, match="data set 'set5' has no training images: name another with --train-on"):
        trained_on(train_on="set5")
    with pytest.raises(UsageError, match="give the folder that holds your images: --data-dir DIR"):
        trained_on(datasets=["folder"])


def test_a_method_without_training_needs_no_training_images(tmp_path: Path, command: Run) -> None:
    fill(tmp_path / "own" / "train", "1.png")
    fill(tmp_path / "own" / "test", "t.png")
    done = command("--methods", "bicubic", "--profile", "smoke", "--data-dir", str(tmp_path / "own"), *SCORES)
    assert done.returncode == 0, done.stderr


def test_a_test_image_that_does_not_suit_is_found_before_the_training(tmp_path: Path, command: Run) -> None:
    from PIL import Image

    fill(tmp_path / "own" / "train", "1.png 2.png", 136)
    (tmp_path / "own" / "test").mkdir()
    Image.fromarray(photograph(1, 64)).convert("CMYK").save(tmp_path / "own" / "test" / "t.jpg")
    done = command("--methods", "edsr", "--profile", "smoke", "--data-dir", str(tmp_path / "own"), *SCORES)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "image t.jpg" in done.stderr and "has colours in mode CMYK" in done.stderr


def test_a_folder_that_nothing_uses_is_an_error(tmp_path: Path, command: Run) -> None:
    line = ("--methods", "bicubic", "--profile", "smoke", "--datasets", "demo-photos")
    for arguments, message in (
        (
            ("--data-dir", str(tmp_path / "photos")),
            "no data set uses it: add the name 'folder' to --datasets, or give --train-on folder",
        ),
        (("--data-dir", ""), "argument --data-dir: is empty: name a file or folder"),
    ):
        done = command(*line, *arguments)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert message in done.stderr


@pytest.mark.train
def test_training_and_testing_on_a_folder_from_the_command_line(tmp_path: Path, command: Run) -> None:
    fill(tmp_path / "own" / "train", " ".join(f"{number}.png" for number in range(6)), 136)
    fill(tmp_path / "own" / "test", "s.png t.png", 64)
    line = ("--methods", "bicubic", "cincgan", "--profile", "smoke", "--data-dir", str(tmp_path / "own"), *SCORES)
    line = (*line, "--set", "stages.*.training.steps=4")
    done = command(*line, CINCGAN_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    assert "folder (own), profile smoke: 2 test images" in " ".join(done.stdout.split())
    elsewhere = command(*line, "--train-on", "demo-photos", CINCGAN_CACHE=str(tmp_path / "cache"))
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert "folder (own), trained on demo-photos, profile smoke" in " ".join(elsewhere.stdout.split())
    assert "bicubic on folder: done" not in elsewhere.stderr, "what needs no training is not computed again"
    results = [json.loads(path.read_text()) for path in (tmp_path / "runs").glob("cells/evaluate-cincgan-*/result.json")]
    assert sorted(result["data"].get("trained_on", "") for result in results) == ["", "demo-photos"]
    assert results[0]["data"]["directory"] == str(tmp_path / "own")


@pytest.mark.train
@pytest.mark.parametrize(("name", "psnr", "ssim"), [("set5", 28.432, 0.8113), ("set14", 26.093, 0.7049)])
def test_published_sets_through_the_command_line(shared_data: Path, command: Run, name: str, psnr: float, ssim: float) -> None:
    """Golden values: bicubic x4 by BasicSR's functions on the same pairs."""
    done = command("--methods", "bicubic", "--data-dir", str(shared_data / name), "--profile", "smoke", *SCORES, "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["tables"][0]["rows"]
    assert {score["metric"]: round(score["mean"], 5) for score in row["scores"]} == {
        "psnr": pytest.approx(psnr, abs=6e-4),
        "ssim": pytest.approx(ssim, abs=6e-5),
    }
