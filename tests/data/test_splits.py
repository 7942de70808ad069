"""The validation split of every kind of data set: optional, apart from training and test, part of the digests."""

from __future__ import annotations

import zlib
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.api.entries import Split
from benchmarks.core.errors import UsageError
from benchmarks.core.progress.transfer_progress import TransferProgress
from benchmarks.core.strict import build
from benchmarks.data.cards import DatasetCard, dataset_names, load_dataset_card
from benchmarks.data.dataset import Dataset
from benchmarks.data.file_sets import FileSet
from benchmarks.data.kinds import user_folder
from benchmarks.data.kinds.image_folders import ImageFolders
from benchmarks.data.kinds.packaged_photos import PackagedPhotos, Photo
from benchmarks.data.pixels.images import read_file
from benchmarks.degradations.bicubic import Bicubic
from tests.helpers.stand_ins import photograph, save

SPLITS: tuple[Split, ...] = ("x", "z", "pairs", "validation", "test")
BICUBIC = Bicubic()


pytestmark = pytest.mark.usefixtures("own_cache")


def digests(card: DatasetCard) -> dict[Split, str]:
    data = Dataset(card, BICUBIC)
    return {split: data.digest(split) for split in SPLITS if card.has(split)}


def test_every_card_that_trains_has_validation_images() -> None:
    """But for challenges without pairs, and LSDIR, which publish no images for choices apart from those that papers report."""
    cards = [load_dataset_card(name) for name in dataset_names()]
    trains = {card.name: card.has("validation") for card in cards if card.is_located and card.trains}
    assert trains.keys() >= {"demo-photos", "div2k-track2", "flickr2k"}
    without = {name for name, has_validation in trains.items() if not has_validation}
    assert without == {"ntire2020-track1", "ntire2020-track2", "aim2019-track2", "lsdir"}


def test_every_card_works_whether_it_has_validation_images_or_not() -> None:
    for name in dataset_names():
        card = load_dataset_card(name)
        assert card.has("test") or card.trains
        if card.is_located and not card.missing() and not card.has("validation"):
            assert len(digests(card)) == sum(card.has(split) for split in SPLITS)


# Photographs


def test_natural_photographs_alone_are_scored() -> None:
    card = load_dataset_card("demo-photos")
    assert isinstance(card, PackagedPhotos)
    subjects = {photo.name: photo.subject for photo in card.photos}
    assert {name for name, subject in subjects.items() if subject != "natural"} == {"hubble", "retina", "ihc"}
    fields = {
        "name": "cell",
        "package": "p",
        "module": "p",
        "file": "p.png",
        "sha256": "0",
        "licence": "none",
        "subject": "medical",
    }
    with pytest.raises(UsageError, match="cell: a medical image in validation or test: natural photographs alone are scored"):
        build(Photo, {**fields, "test": [[0, 0, 8, 8]]}, "card")
    assert build(Photo, {**fields, "x": [[0, 0, 8, 8]]}, "card").subject == "medical"


def test_test_photographs_are_many_and_have_two_regions_each() -> None:
    card = load_dataset_card("demo-photos")
    assert isinstance(card, PackagedPhotos)
    tested = [photo for photo in card.photos if photo.test]
    assert len(tested) == 9 and {len(photo.test) for photo in tested} == {2}
    for photo in tested:
        height, width = read_file(photo.locate()).shape[:2]
        top = (height - 192) // 2
        assert photo.test == ((top, width // 2 - 192, 192, 192), (top, width // 2, 192, 192)), "by rule, not by choice"


def astronaut(**boxes: Any) -> PackagedPhotos:
    """One photograph of 512x512 pixels with these regions."""
    card = load_dataset_card("demo-photos")
    assert isinstance(card, PackagedPhotos)
    photo = card.photos[0]
    assert photo.name == "astronaut"
    empty: dict[str, Any] = {"x": (), "z": (), "validation": (), "test": ()}
    return replace(card, photos=(replace(photo, **{**empty, **boxes}),))


LEFT, RIGHT, LOWER = (0, 0, 128, 128), (0, 128, 128, 128), (128, 0, 128, 128)


def test_validation_regions_of_photographs_are_degraded_pairs_of_their_own() -> None:
    card = astronaut(x=(LEFT,), z=(RIGHT,), validation=(LOWER,))
    (pair,) = Dataset(card, BICUBIC).images.pairs("validation")
    assert pair.name == "astronaut-128-0" and pair.hr.shape == (128, 128, 3)
    assert np.array_equal(pair.lr, BICUBIC.degrade(pair.hr, 4, pair.name))
    assert [pair.name for pair in Dataset(card, BICUBIC).images.pairs("pairs")] == ["astronaut-0-0", "astronaut-0-128"]


def test_photographs_without_validation_regions() -> None:
    card = astronaut(x=(LEFT,), z=(RIGHT,), test=(LOWER,))
    assert not card.has("validation") and card.trains
    assert Dataset(card, BICUBIC).images.pairs("validation") == []
    Dataset(card, BICUBIC).verify(("x", "z", "test"))


@pytest.mark.parametrize(("first", "second"), list(combinations(("x", "z", "validation", "test"), 2)))
@pytest.mark.parametrize("shift", [(0, 0), (127, 127), (-127, 64)])
def test_a_region_of_two_splits_is_refused(first: str, second: str, shift: tuple[int, int]) -> None:
    region = (128, 128, 128, 128)
    moved = (region[0] + shift[0], region[1] + shift[1], 128, 128)
    with pytest.raises(ValueError, match=r"astronaut: regions \[.*\] of \w+ and \[.*\] of \w+ overlap: move one of them"):
        astronaut(**{first: (region,), second: (moved,)})


@pytest.mark.parametrize("neighbour", [(0, 128, 128, 128), (128, 256, 128, 128), (256, 0, 64, 512)])
def test_regions_that_only_touch_are_fine(neighbour: tuple[int, int, int, int]) -> None:
    assert astronaut(validation=((128, 128, 128, 128),), test=(neighbour,)).has("validation")


def test_a_card_with_overlapping_regions_is_one_line() -> None:
    fields = {"name": "p", "package": "p", "module": "p", "file": "p.png", "sha256": "0", "licence": "none"}
    with pytest.raises(UsageError, match=r"^card: p: regions .* overlap: move one of them"):
        build(Photo, {**fields, "validation": [[0, 0, 8, 8]], "test": [[4, 4, 8, 8]]}, "card")


def test_digests_of_photographs_follow_the_validation_regions() -> None:
    fewer, more = (astronaut(x=(LEFT,), z=(RIGHT,), validation=boxes) for boxes in ((LOWER,), (LOWER, (128, 128, 64, 64))))
    assert {split for split, digest in digests(fewer).items() if digests(more)[split] != digest} == {"validation"}
    noise_free = Dataset(more, BICUBIC).digest("validation", "test")
    assert noise_free != Dataset(more, BICUBIC).digest("test")


# Image files in archives


def folders(**sets: FileSet) -> ImageFolders:
    card = load_dataset_card("div2k-track2")
    assert isinstance(card, ImageFolders)
    return replace(card, **{"validation_hr": None, "validation_lr": None, **sets})  # type: ignore[arg-type]


TRAIN_HR, TRAIN_LR = "DIV2K_train_HR", "DIV2K_train_LR_mild"


def numbered(first: int, last: int, archive: str = TRAIN_HR, pattern: str = "{:04d}.png") -> FileSet:
    return FileSet(archive, pattern, first, last)


def test_validation_files_are_among_those_to_prepare() -> None:
    assert not folders().has("validation")
    card = folders(pairs_lr=None, pairs_hr=None, x=None, z=None, validation_hr=numbered(701, 800))
    assert card.has("validation") and card.makes_lr("validation") and not card.trains
    assert card.files_of(TRAIN_HR) == [f"{number:04d}.png" for number in range(701, 801)]
    with_lr = replace(card, validation_lr=numbered(701, 800, TRAIN_LR, "{:04d}x4m.png"))
    assert not with_lr.makes_lr("validation") and with_lr.files_of(TRAIN_LR)[0] == "0701x4m.png"


def test_a_card_of_lr_images_alone_has_no_ground_truth() -> None:
    alone = {"pairs_lr": None, "pairs_hr": None, "x": None, "z": None, "test_hr": None}
    card = folders(**alone, test_lr=numbered(1, 3, TRAIN_LR, "{:04d}x4m.png"))
    assert card.has("test") and not card.has_truth("test") and not card.makes_lr("test") and folders().has_truth("test")
    assert card.files_of(TRAIN_LR) == ["0001x4m.png", "0002x4m.png", "0003x4m.png"]
    with pytest.raises(ValueError, match="neither test_hr nor test_lr"):
        folders(**alone, test_lr=None)


def test_a_data_set_without_validation_files_says_so() -> None:
    with pytest.raises(UsageError, match="data set 'div2k-track2' has no validation images: name another data set"):
        folders().sources("validation")


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({"validation_hr": numbered(401, 410)}, "training and validation share 10 files, such as 0401.png"),
        ({"validation_hr": numbered(10, 11)}, "training and validation share 2 files, such as 0010.png"),
        ({"validation_hr": numbered(900, 900, "DIV2K_valid_HR")}, "validation and test share 1 file, such as 0900.png"),
        ({"test_hr": numbered(1, 100), "test_lr": None}, "training and test share 100 files, such as 0001.png"),
        ({"z": numbered(399, 401, TRAIN_LR, "{:04d}x4m.png")}, "x and z share 2 files, such as 0399x4m.png"),
        ({"validation_lr": numbered(801, 802, "DIV2K_valid_LR_mild", "{:04d}x4m.png")}, "validation_lr without validation_hr"),
        (
            {"validation_hr": numbered(801, 802, TRAIN_HR), "validation_lr": numbered(801, 803, TRAIN_LR)},
            "pairs of 3 LR and 2 HR files",
        ),
    ],
)
def test_files_of_two_splits_and_pairs_that_do_not_match_are_refused(sets: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        folders(**sets)


def test_digests_of_prepared_files_follow_the_validation_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINCGAN_DATA", str(tmp_path / "own"))
    card = load_dataset_card("set5")
    assert isinstance(card, ImageFolders)
    (archive,) = card.archives
    for number in range(1, 8):
        save(photograph(number, 32), tmp_path / "own" / archive.name / f"v{number}.png")
    for index, name in enumerate(card.files_of(archive.name)):
        save(photograph(100 + index, 32), tmp_path / "own" / archive.name / name)
    shorter, longer = (replace(card, test_lr=None, validation_hr=FileSet(archive.name, "v{}.png", 1, last)) for last in (5, 7))
    with TransferProgress() as progress:
        for item in longer.items():
            item.prepare(None, progress)
    assert Dataset(shorter, BICUBIC).digest("test") == Dataset(longer, BICUBIC).digest("test")
    assert Dataset(shorter, BICUBIC).digest("validation") != Dataset(longer, BICUBIC).digest("validation")
    assert [pair.name for pair in Dataset(longer, BICUBIC).images.pairs("validation")] == [f"v{number}" for number in range(1, 8)]


# A user's folder


def fill(folder: Path, *names: str, side: int = 48) -> None:
    for name in names:
        save(photograph(zlib.crc32(name.encode()), side), folder / name)


def own(directory: Path) -> Dataset:
    user_folder._sources.cache_clear()
    return Dataset(load_dataset_card("folder").located_in(directory), BICUBIC)


def test_a_users_validation_folder_holds_images_or_pairs(tmp_path: Path) -> None:
    fill(tmp_path / "train", "1.png", "2.png")
    fill(tmp_path / "test", "t.png")
    fill(tmp_path / "validation", "v_HR.png", "w_HR.png")
    assert [pair.name for pair in own(tmp_path).images.pairs("validation")] == ["v_HR", "w_HR"]
    fill(tmp_path / "validation", "v_LR.png", "w_LR.png", side=12)
    data = own(tmp_path)
    assert [pair.name for pair in data.images.pairs("validation")] == ["v", "w"]
    assert data.describe(("validation",))["degradation"] == "the data set's own LR images"


@pytest.mark.parametrize("is_there", [False, True])
def test_a_missing_or_empty_validation_folder_is_no_split(tmp_path: Path, is_there: bool) -> None:
    fill(tmp_path / "train", "1.png", "2.png")
    fill(tmp_path / "test", "t.png")
    if is_there:
        (tmp_path / "validation").mkdir()
    data = own(tmp_path)
    assert (data.card.has("validation"), data.card.trains) == (False, True)
    assert [pair.name for pair in data.images.pairs("test")] == ["t"]
    assert len(data.images.x()) == len(data.images.z()) == 1
    with pytest.raises(UsageError, match="there is no folder validation with images: add it, or name another data set"):
        data.images.pairs("validation")


def test_images_in_the_folder_itself_are_never_for_validation(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", "b.png")
    with pytest.raises(UsageError, match="there is no folder validation"):
        own(tmp_path).images.pairs("validation")


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("train", "validation", "training and validation share an image"),
        ("train", "test", "training and test share an image"),
        ("validation", "test", "validation and test share an image"),
    ],
)
def test_an_image_in_two_of_a_users_folders_is_refused_whichever_is_read(
    tmp_path: Path, first: str, second: str, message: str
) -> None:
    fill(tmp_path / "train", "1.png", "2.png")
    fill(tmp_path / "validation", "v.png")
    fill(tmp_path / "test", "t.png")
    save(photograph(7, 48), tmp_path / first / "x.png")
    save(photograph(7, 48), tmp_path / second / "y.png")
    for split in SPLITS:
        with pytest.raises(UsageError, match=rf"{message}: .*x\.png and .*y\.png are the same: remove one of them"):
            own(tmp_path).card.sources(split)


def test_digests_of_a_users_folder_follow_the_validation_images(tmp_path: Path) -> None:
    fill(tmp_path / "train", "1.png", "2.png")
    fill(tmp_path / "validation", "v.png")
    fill(tmp_path / "test", "t.png")
    before = digests(own(tmp_path).card)
    assert list(before) == list(SPLITS)
    save(photograph(77, 48), tmp_path / "validation" / "v.png")
    after = digests(own(tmp_path).card)
    assert [split for split in SPLITS if before[split] != after[split]] == ["validation"]


@pytest.mark.parametrize("suffix", ["", "_HR"])
def test_without_a_validation_folder_the_last_of_every_ten_training_images_is_held_out(tmp_path: Path, suffix: str) -> None:
    names = [f"{number:02d}" for number in range(23)]
    fill(tmp_path / "train", *(f"{name}{suffix}.png" for name in names))
    if suffix:
        fill(tmp_path / "train", *(f"{name}_LR.png" for name in names), side=12)
    fill(tmp_path / "test", "t.png")
    data = own(tmp_path)
    assert data.card.has("validation")
    assert [pair.name for pair in data.images.pairs("validation")] == ["09", "19"]
    trained = [pair.name for pair in data.images.pairs("pairs")]
    assert trained == [name for name in names if name not in ("09", "19")]
    assert len(data.images.x()) + len(data.images.z()) == len(trained)
    fill(tmp_path / "validation", "v.png")
    assert [pair.name for pair in own(tmp_path).images.pairs("validation")] == ["v"]
    assert len(own(tmp_path).images.pairs("pairs")) == 23


def test_of_fewer_than_ten_training_images_none_is_held_out(tmp_path: Path) -> None:
    fill(tmp_path / "train", *(f"{number}.png" for number in range(9)))
    fill(tmp_path / "test", "t.png")
    assert not own(tmp_path).card.has("validation") and len(own(tmp_path).images.pairs("pairs")) == 9
