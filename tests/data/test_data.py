"""Cards of data sets: verified photographs, unpaired splits without leaks, digests, clear errors."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from benchmarks.api.entries import Split
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.core.strict import build
from benchmarks.data.acquisition.archive import Archive
from benchmarks.data.cards import dataset_names, load_dataset_card
from benchmarks.data.dataset import Dataset
from benchmarks.data.file_sets import FileSet
from benchmarks.data.kinds.image_folders import ImageFolders
from benchmarks.data.kinds.packaged_photos import PackagedPhotos
from benchmarks.data.pixels.images import read_file
from benchmarks.data.pixels.sampler import PatchSampler
from benchmarks.data.sources import Box, ImageFile, ImageSet, ImageSource, SplitSources
from benchmarks.degradations.bicubic import Bicubic
from benchmarks.degradations.track2_like import Track2Like
from tests.conftest import ROOT

TRACK2_LIKE = load_profile("demo").degradation
BICUBIC = Bicubic()
SPLITS: tuple[Split, ...] = ("x", "z", "test")


def demo_card() -> PackagedPhotos:
    card = load_dataset_card("demo-photos")
    assert isinstance(card, PackagedPhotos)
    return card


def demo(card: PackagedPhotos | None = None) -> Dataset:
    assert isinstance(TRACK2_LIKE, Track2Like)
    return Dataset(card or demo_card(), TRACK2_LIKE)


def overlap(a: Box, b: Box) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


def test_every_card_loads() -> None:
    assert set(dataset_names()) >= {"demo-photos", "folder", "div2k-track2", "set5", "set14", "bsd100", "urban100", "kodak24"}
    for name in dataset_names():
        card = load_dataset_card(name)
        assert card.name == name
        assert card.licence and card.citation and card.notes and card.title


def test_cards_agree_on_the_archives_that_they_share() -> None:
    archives: dict[str, Archive] = {}
    for name in dataset_names():
        for archive in getattr(load_dataset_card(name), "archives", ()):
            assert archives.setdefault(archive.name, archive) == archive
    assert archives["DIV2K_train_HR"].bytes == 3530603713


def test_no_pixel_is_in_two_splits_and_no_photograph_in_training_and_test() -> None:
    for photo in demo_card().photos:
        assert not (photo.test and (photo.x or photo.z or photo.validation))
        assert bool(photo.x) == bool(photo.z), "X and Z share their content"
        boxes = photo.x + photo.z + photo.validation + photo.test
        assert not any(overlap(a, b) for a, b in combinations(boxes, 2))
    views = [photo for photo in demo_card().photos if photo.name.startswith("motorcycle")]
    assert sum(bool(photo.test) for photo in views) <= 1
    assert not any(photo.x or photo.z for photo in views)


def test_there_are_enough_large_test_crops() -> None:
    pairs = demo().images.pairs("test")
    assert len(pairs) >= 18
    for pair in pairs:
        assert min(pair.hr.shape[:2]) >= 192
        assert pair.hr.shape[:2] == (pair.lr.shape[0] * 4, pair.lr.shape[1] * 4)
    assert len({pair.name for pair in pairs}) == len(pairs)


def test_y_is_the_bicubic_downscale_of_z_and_x_is_degraded() -> None:
    data = demo()
    assert np.array_equal(data.images.y()[0], BICUBIC.degrade(data.images.z()[0], 4, "any"))
    photo = demo_card().photos[0]
    top, left, height, width = photo.x[0]
    hr = read_file(photo.locate())[top : top + height, left : left + width]
    clean = replace(data, degradation=BICUBIC).images.x()[0]
    assert np.array_equal(clean, BICUBIC.degrade(hr, 4, "any"))
    assert np.abs(data.images.x()[0].astype(float) - clean).mean() > 5


def test_a_split_is_degraded_once_for_each_degradation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path))
    first, *_ = (photo for photo in demo_card().photos if photo.test)
    small = demo(replace(demo_card(), photos=(first,)))
    noisier = replace(small, degradation=replace(small.degradation, noise_gaussian=40.0))  # type: ignore[call-arg]
    before = {data: data.images.pairs("test") for data in (small, noisier)}
    assert not np.array_equal(before[small][0].lr, before[noisier][0].lr)
    monkeypatch.setattr(Track2Like, "degrade", lambda *_: pytest.fail("degraded again"))
    for data, pairs in before.items():
        for pair, again in zip(pairs, data.images.pairs("test"), strict=True):
            assert pair.name == again.name and np.array_equal(pair.lr, again.lr) and np.array_equal(pair.hr, again.hr)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"pattern": "{}.png", "first": 1, "last": 2**63}, "10,000,000 files at most"),
        ({"pattern": "{}.png", "first": 1, "last": 2, "variants": 10**7}, "10,000,000 files at most"),
        ({"pattern": "{:0999999999d}.png", "first": 1, "last": 2}, "a width of 99 at most"),
    ],
)
def test_a_card_that_would_take_all_memory_is_refused(files: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build(FileSet, {"archive": "a", **files}, "card")


def test_a_changed_photograph_is_an_error() -> None:
    first, *rest = demo_card().photos
    changed = replace(demo_card(), photos=(replace(first, sha256="0" * 64), *rest))
    with pytest.raises(UsageError, match=r"'astronaut' has changed .* card: 000000000000\): reinstall it: pip install"):
        demo(changed).verify(SPLITS)


def test_a_missing_photograph_or_package_is_an_error() -> None:
    first, *rest = demo_card().photos
    with pytest.raises(UsageError, match=r"'astronaut' is missing .*pip install --force-reinstall scikit-image"):
        demo(replace(demo_card(), photos=(replace(first, file="data/gone.png"), *rest))).verify(SPLITS)
    with pytest.raises(UsageError, match="package nothing is not installed: pip install nothing"):
        demo(replace(demo_card(), photos=(replace(first, module="no_such_module", package="nothing"),))).verify(
            ["x", "z", "test"]
        )


def test_a_region_outside_its_photograph_is_an_error() -> None:
    first = demo_card().photos[0]
    with pytest.raises(
        UsageError, match=r"photograph 'astronaut': box \[400, 400, 200, 200\] leaves the image, which is 512x512"
    ):
        demo(replace(demo_card(), photos=(replace(first, x=((400, 400, 200, 200),), z=()),))).images.x()
    with pytest.raises(UsageError, match="multiples of the scale 4"):
        replace(demo_card(), photos=(replace(first, x=((0, 0, 30, 32),), z=()),))


def test_an_unknown_data_set_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'demo-photos'"):
        load_dataset_card("demo-photo")


def test_digests_follow_what_a_split_depends_on() -> None:
    data = demo()
    other_noise = replace(data, degradation=replace(data.degradation, noise_gaussian=1.0))  # type: ignore[call-arg]
    assert data.digest("z") == other_noise.digest("z")
    assert data.digest("x", "z") != other_noise.digest("x", "z")
    assert data.digest("test") != other_noise.digest("test")
    first, *rest = demo_card().photos
    moved = demo(replace(demo_card(), photos=(replace(first, z=first.z[:1]), *rest)))
    assert data.digest("z") != moved.digest("z")
    assert data.digest("test") == moved.digest("test")


def test_pairs_are_all_of_x_and_z_degraded() -> None:
    data = demo()
    pairs = data.images.pairs("pairs")
    assert {pair.hr.tobytes() for pair in pairs} >= {image.tobytes() for image in data.images.z()}
    assert {pair.lr.tobytes() for pair in pairs} >= {image.tobytes() for image in data.images.x()}
    assert len(pairs) == len(data.images.x()) + len(data.images.z())
    assert all(pair.hr.shape[:2] == tuple(4 * side for side in pair.lr.shape[:2]) for pair in pairs)
    assert not {pair.hr.tobytes() for pair in pairs} & {pair.hr.tobytes() for pair in data.images.pairs("test")}


@pytest.mark.parametrize(
    "name", [name for name in dataset_names() if name.startswith("div2k") and load_dataset_card(name).trains]
)
def test_div2k_is_unpaired_as_in_the_paper(name: str) -> None:
    card = load_dataset_card(name)
    assert (
        isinstance(card, ImageFolders)
        and card.x
        and card.z
        and card.pairs_hr
        and card.pairs_lr
        and card.test_lr
        and card.validation_hr
        and card.validation_lr
    )
    x, z = ({name[:4] for name in files.names} for files in (card.x, card.z))
    assert x == {f"{number:04d}" for number in range(1, 401)}
    assert z == {f"{number:04d}" for number in range(401, 791)}
    for lr, hr in ((card.pairs_lr, card.pairs_hr), (card.validation_lr, card.validation_hr), (card.test_lr, card.test_hr)):
        assert [name[:4] for name in lr.names] == [name[:4] for name in hr.names]
    validation = {name[:4] for name in card.validation_hr.names}
    assert validation == {f"{number:04d}" for number in range(791, 801)}, "a part of the training images that none trains on"
    assert not {name[:4] for name in card.test_hr.names} & (x | z | validation)


def test_the_names_of_the_paper() -> None:
    card = load_dataset_card("div2k-track2")
    assert isinstance(card, ImageFolders) and card.x and card.test_lr
    assert (card.x.archive, card.x.names[0]) == ("DIV2K_train_LR_mild", "0001x4m.png")
    assert (card.test_lr.archive, card.test_lr.names[-1]) == ("DIV2K_valid_LR_mild", "0900x4m.png")
    wild = load_dataset_card("div2k-track4")
    assert isinstance(wild, ImageFolders) and wild.x and wild.pairs_hr
    assert wild.x.names[:5] == [*(f"0001x4w{number}.png" for number in (1, 2, 3, 4)), "0002x4w1.png"]
    assert wild.pairs_hr.names[:5] == ["0001.png"] * 4 + ["0002.png"]


def test_patches_come_from_the_images_and_pairs_match() -> None:
    import torch

    data = demo()
    sampler = PatchSampler(
        data.images.y(), paired=data.images.z(), patch_size=12, batch_size=16, generator=torch.Generator().manual_seed(0)
    )
    lr, hr = sampler.draw_pairs()
    assert lr.shape == (16, 3, 12, 12)
    assert hr.shape == (16, 3, 48, 48)
    down = np.stack([BICUBIC.degrade((image.numpy().transpose(1, 2, 0) * 255).astype(np.uint8), 4, "any") for image in hr])
    inner = np.s_[:, 3:-3, 3:-3]  # the patch's border was resampled from beyond it
    difference = np.abs(down[inner].astype(float) - 255 * lr.numpy().transpose(0, 2, 3, 1)[inner])
    assert difference.max() <= 2


def test_a_patch_larger_than_an_image_is_an_error() -> None:
    import torch

    with pytest.raises(UsageError, match="larger than the smallest training image"):
        PatchSampler([np.zeros((8, 20, 3), np.uint8)], patch_size=9, batch_size=1, generator=torch.Generator())


def test_the_module_datasets_is_never_ours() -> None:
    assert not list((ROOT / "datasets").rglob("*.py"))
    code = "import datasets; print(datasets.__file__, hasattr(datasets, 'load_dataset'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    spec = importlib.util.find_spec("datasets")
    assert spec is not None, "Hugging Face's datasets comes with pyiqa"
    assert done.returncode == 0, done.stderr
    path, has_function = done.stdout.split()
    assert not Path(path).is_relative_to(ROOT / "datasets")
    assert has_function == "True"


def test_pairs_are_chosen_by_the_names_of_their_hr_images() -> None:
    """LR files of DIV2K have names of their own, such as 0791x4m.png."""

    def images(*names: str) -> ImageSet:
        return ImageSet(tuple(ImageSource(name, ImageFile(name, Path(name), name, "file", "")) for name in names))

    split = SplitSources(images("0791", "0792", "0793"), images("0791x4m", "0792x4m", "0793x4m"))
    chosen = split.only(["0793", "0791"])
    assert (chosen.hr.names, chosen.lr.names if chosen.lr else None) == (["0791", "0793"], ["0791x4m", "0793x4m"])
    assert SplitSources(images("a", "b")).only(["b"]) == SplitSources(images("b"))
