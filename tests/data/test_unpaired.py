"""A user's own images without pairs: X and Z, images for testing without ground truth, and names that are understood."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.data.cards import Apart, load_dataset_card
from benchmarks.data.dataset import Dataset
from benchmarks.data.kinds import user_folder
from benchmarks.planning.plan import make_plan, unsuited
from tests.helpers.stand_ins import photograph, save

PROFILE = load_profile("smoke")


pytestmark = pytest.mark.usefixtures("own_cache")


def own(folder: Path | None, **apart: object) -> Dataset:
    return Dataset(load_dataset_card("folder").located_in(folder, Apart(**apart)), PROFILE.degradation)  # type: ignore[arg-type]


def fill(folder: Path, names: str, side: int, seed: int = 0) -> list[np.ndarray]:
    images = [photograph(1000 * seed + number, side) for number in range(len(names.split()))]
    for name, image in zip(names.split(), images, strict=True):
        save(image, folder / f"{name}.png")
    return images


def same(actual: list[np.ndarray], expected: list[np.ndarray]) -> bool:
    return len(actual) == len(expected) and all(map(np.array_equal, actual, expected))


@pytest.mark.parametrize(
    ("x_folder", "z_folder"), [("train/X", "train/Z"), ("train/x", "train/z"), ("train/LR", "train/HR"), ("train/lr", "train/hr")]
)
def test_x_and_z_may_be_of_any_names_and_numbers(tmp_path: Path, x_folder: str, z_folder: str) -> None:
    x = fill(tmp_path / x_folder, "phone1 phone2 phone3 phone4 phone5", 24)
    z = fill(tmp_path / z_folder, "camera1 camera2", 96, seed=1)
    fill(tmp_path / "test", "t", 96, seed=2)
    data = own(tmp_path)
    assert (
        same(data.images.x(), x) and same(data.images.z(), z) and [image.shape for image in data.images.y()] == [(24, 24, 3)] * 2
    )
    assert (data.card.has("x"), data.card.has("z"), data.card.has("pairs"), data.card.is_unpaired) == (True, True, False, True)
    with pytest.raises(UsageError, match="has no pairs: its LR and HR training images are of different scenes"):
        data.images.pairs("pairs")


def test_x_and_z_of_the_same_names_are_unpaired_all_the_same(tmp_path: Path) -> None:
    x, z = fill(tmp_path / "train" / "X", "a b", 24), fill(tmp_path / "train" / "Z", "a b", 96, seed=1)
    fill(tmp_path / "test", "t", 96, seed=2)
    assert same(own(tmp_path).images.x(), x) and same(own(tmp_path).images.z(), z) and own(tmp_path).card.is_unpaired


def test_x_and_z_may_be_given_apart(tmp_path: Path) -> None:
    x, z = fill(tmp_path / "phone", "a b c", 24), fill(tmp_path / "camera", "d", 96, seed=1)
    inside = fill(tmp_path / "own" / "train", "e f", 96, seed=2)
    fill(tmp_path / "own" / "test", "t", 96, seed=3)
    both = own(tmp_path / "own", x=tmp_path / "phone", z=tmp_path / "camera")
    assert same(both.images.x(), x) and same(both.images.z(), z) and both.card.location["x_dir"] == str(tmp_path / "phone")
    assert same(own(tmp_path / "own", x=tmp_path / "phone").images.z(), inside), "Z is in the folder train"
    alone = own(None, x=tmp_path / "phone", z=tmp_path / "camera")
    assert same(alone.images.x(), x) and alone.digest("x", "z") == both.digest("x", "z"), "where they lie does not count"
    with pytest.raises(UsageError, match="--x-dir and --z-dir are for training: give --data-dir DIR too"):
        alone.images.pairs("test")


def test_half_of_what_training_needs_is_refused_with_the_option_that_mends_it(tmp_path: Path) -> None:
    fill(tmp_path / "x" / "train" / "X", "a", 24)
    fill(tmp_path / "z" / "train" / "Z", "a", 96)
    fill(tmp_path / "lr" / "train" / "LR", "a", 24)
    for folder, option in (("x", "--z-dir DIR"), ("z", "--x-dir DIR"), ("lr", "--z-dir DIR")):
        with pytest.raises(UsageError, match=f"--data-dir .*{folder}: there is .* but no .*: add them as .*, or give {option}"):
            own(tmp_path / folder).images.x()
    with pytest.raises(UsageError, match="nowhere: no such folder"):
        own(tmp_path / "x", z=tmp_path / "nowhere").images.z()


def test_mixed_and_half_paired_folders_are_refused(tmp_path: Path) -> None:
    fill(tmp_path / "both" / "train" / "X", "a", 24)
    fill(tmp_path / "both" / "train" / "HR", "a", 96)
    fill(tmp_path / "half" / "train" / "LR", "a b", 24)
    fill(tmp_path / "half" / "train" / "HR", "a c", 96)
    fill(tmp_path / "beside" / "train", "stray", 96)
    fill(tmp_path / "beside" / "train" / "HR", "a b", 96, seed=1)
    save(photograph(1, 24), tmp_path / "same" / "train" / "X" / "a.png")
    save(photograph(1, 24), tmp_path / "same" / "train" / "Z" / "b.png")
    for folder, message in (
        ("both", r"folders X or Z \(no pairs\) beside LR or HR \(pairs\): keep those of one kind"),
        ("half", r"no counterpart in .* for 1 of .* \(b\).*: a pair has one name in both folders"),
        ("beside", r"stray\.png lies beside the folder HR: move it there, or take it out"),
        ("same", r"X and Z share an image"),
    ):
        with pytest.raises(UsageError, match=message):
            own(tmp_path / folder).images.x()


@pytest.mark.parametrize("suffix", ["x4", "x4m", "x4w1", "X4"])
def test_div2ks_own_folders_are_understood(tmp_path: Path, suffix: str) -> None:
    track = {"x4": "bicubic/X4", "x4m": "mild", "x4w1": "wild", "X4": "unknown/x4"}[suffix]
    for split, names in (("train", "0001 0002 0003 0004"), ("valid", "0801")):
        seed = len(names)
        fill(tmp_path / f"DIV2K_{split}_HR", names, 96, seed)
        fill(tmp_path / f"DIV2K_{split}_LR_{track}", " ".join(f"{name}{suffix}" for name in names.split()), 24, seed + 1)
    images = own(tmp_path).images
    assert [len(images.x()), len(images.z()), len(images.pairs("pairs"))] == [2, 2, 4]
    (pair,) = images.pairs("test")
    assert (pair.name, pair.hr.shape, pair.lr.shape) == ("0801", (96, 96, 3), (24, 24, 3))


def test_endings_are_recognised_or_given(tmp_path: Path) -> None:
    test = tmp_path / "own" / "test"
    fill(test / "HR", "a b", 96)
    four = [f"{name}x4w{number}" for name in "ab" for number in (1, 2)]
    lr = fill(test / "LR", " ".join(four), 24, seed=1)
    with pytest.raises(UsageError, match=r"names end in x4w1, x4w2: choose with --lr-suffix x4w1"):
        own(tmp_path / "own").images.pairs("test")
    assert same([pair.lr for pair in own(tmp_path / "own", lr_suffix="x4w2").images.pairs("test")], [lr[1], lr[3]])
    fill(tmp_path / "odd" / "test" / "HR", "a b", 96)
    fill(tmp_path / "odd" / "test" / "LR", "a-small b-small", 24)
    assert [pair.name for pair in own(tmp_path / "odd", lr_suffix="-small").images.pairs("test")] == ["a", "b"]
    with pytest.raises(UsageError, match=r"test: no LR image has a HR image of its name"):
        own(tmp_path / "odd").images.pairs("test")
    fill(tmp_path / "stray" / "test" / "HR", "a b", 96)
    fill(tmp_path / "stray" / "test" / "LR", "ax4 b", 24)
    with pytest.raises(UsageError, match=r"b does not end in x4, as others do"):
        own(tmp_path / "stray").images.pairs("test")


def test_two_lr_versions_of_div2k_are_refused(tmp_path: Path) -> None:
    fill(tmp_path / "DIV2K_valid_HR", "0801", 96)
    for track in ("mild", "wild"):
        fill(tmp_path / f"DIV2K_valid_LR_{track}", "0801x4", 24)
    with pytest.raises(UsageError, match="DIV2K_valid_LR_mild and DIV2K_valid_LR_wild are LR images of the same HR images"):
        own(tmp_path).images.pairs("test")


@pytest.mark.parametrize(
    "layout", ["test/LR/{}.png", "test/x/{}.png", "test/{}_LR.png", "{}_LR.png", "DIV2K_valid_LR_mild/{}.png"]
)
def test_lr_images_alone_are_a_test_without_ground_truth(tmp_path: Path, layout: str) -> None:
    for number, name in enumerate("ab"):
        save(photograph(number, 24), tmp_path / layout.format(name))
    data = own(tmp_path)
    data.verify(["test"])
    assert not data.card.has_truth("test") and list(data.lr("test")) == ["a", "b"]
    assert data.describe(["test"])["degradation"] == "the data set's own LR images"
    (cell,) = make_plan(PROFILE, ["bicubic"], ["folder"], data_dir=tmp_path, train_on="demo-photos")
    assert (cell.settings.protocols, cell.settings.metrics) == ({"no-reference": 1}, {})  # type: ignore[union-attr]
    assert cell.code.startswith("baselines.bicubic.method:Bicubic ")


def test_images_without_a_telling_name_are_lr_images_where_one_says_so(tmp_path: Path) -> None:
    photographs = fill(tmp_path / "phone", "a b", 24)
    assert own(tmp_path / "phone").card.has_truth("test"), "by default they are HR images"
    data = own(tmp_path / "phone", without_truth=True)
    assert not data.card.has_truth("test") and same(list(data.lr("test").values()), photographs)
    fill(tmp_path / "named" / "test" / "LR", "a b", 24)
    assert same(list(own(tmp_path / "named", without_truth=True).lr("test").values()), photographs)
    fill(tmp_path / "named" / "test" / "HR", "a b", 96)
    user_folder._sources.cache_clear()
    with pytest.raises(UsageError, match="its test images are pairs, which have a ground truth: leave out --no-truth"):
        own(tmp_path / "named", without_truth=True).images.pairs("test")


def test_images_of_x_may_be_enlarged_after_training_on_them(tmp_path: Path) -> None:
    x = fill(tmp_path / "train" / "X", "a b", 24)
    fill(tmp_path / "train" / "Z", "z", 96, seed=1)
    fill(tmp_path / "test" / "LR", "a b", 24)
    assert same(list(own(tmp_path).lr("test").values()), x)


def test_digests_follow_the_content_of_each_role(tmp_path: Path) -> None:
    fill(tmp_path / "train" / "X", "a b c", 24)
    fill(tmp_path / "train" / "Z", "d e", 96, seed=1)
    fill(tmp_path / "test" / "LR", "t", 24, seed=2)
    splits = ("x", "z", "test")
    before = [own(tmp_path).digest(split) for split in splits]  # type: ignore[arg-type]
    for place, (folder, side) in enumerate((("train/X", 24), ("train/Z", 96), ("test/LR", 24))):
        save(photograph(77 + place, side), tmp_path / folder / "new.png")
        user_folder._sources.cache_clear()
        after = [own(tmp_path).digest(split) for split in splits]  # type: ignore[arg-type]
        assert [one != other for one, other in zip(before, after, strict=True)] == [number == place for number in range(3)]
        before = after


def test_methods_that_learn_from_pairs_are_left_out_with_a_reason(tmp_path: Path) -> None:
    fill(tmp_path / "train" / "X", "a b", 24)
    fill(tmp_path / "train" / "Z", "c", 96, seed=1)
    fill(tmp_path / "test", "t", 96, seed=2)
    methods = ["bicubic", "edsr", "edsr-paired", "srgan-paired", "cincgan"]
    cells = make_plan(PROFILE, methods, ["folder"], data_dir=tmp_path)
    assert [cell.label for cell in cells if cell.kind == "evaluate"] == ["bicubic", "edsr", "cincgan"]
    why = "not run: it learns from pairs of LR and HR images, and the training images of 'folder' are unpaired"
    assert unsuited(PROFILE, methods, ["folder"], data_dir=tmp_path) == [f"edsr-paired: {why}", f"srgan-paired: {why}"]
    assert unsuited(PROFILE, methods, ["folder"], "demo-photos", tmp_path) == []


def test_nothing_is_written_among_a_users_images(tmp_path: Path) -> None:
    root = tmp_path / "own"
    fill(root / "train" / "X", "a b", 24)
    fill(root / "train" / "Z", "c", 96, seed=1)
    fill(root / "test" / "LR", "t", 24, seed=2)
    before = sorted(root.rglob("*"))
    for folder in [root, *(path for path in before if path.is_dir())]:
        folder.chmod(0o555)
    try:
        data = own(root)
        data.verify(["x", "z", "test"])
        data.images.x(), data.images.z()
    finally:
        for folder in [root, *(path for path in before if path.is_dir())]:
            folder.chmod(0o755)
    assert sorted(root.rglob("*")) == before
