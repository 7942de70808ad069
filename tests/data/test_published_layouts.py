"""Cards of data sets for real-world super-resolution: layouts on small archives of the published names, and how each is got."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from benchmarks import load_dataset
from benchmarks import prepare as command
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import BenchmarkError, UsageError
from benchmarks.core.progress.transfer_progress import TransferProgress
from benchmarks.data.acquisition import store
from benchmarks.data.acquisition.inspection import ArchiveRefused
from benchmarks.data.acquisition.items import ArchiveItem
from benchmarks.data.acquisition.wanted import Glob, expanded, lacking
from benchmarks.data.cards import dataset_names, load_dataset_card
from benchmarks.data.dataset import Dataset
from benchmarks.data.file_sets import FileSet
from benchmarks.data.kinds.image_folders import ImageFolders
from benchmarks.degradations.bicubic import Bicubic
from benchmarks.planning.plan import make_plan, unsuited
from tests.helpers.archive_makers import Members, make
from tests.helpers.flaky_server import serving
from tests.helpers.tiny_archives import picture

pytestmark = pytest.mark.usefixtures("own_cache")

CROPS = "StableSR_testsets.zip"
SETS = ("x", "x_hr", "z", "pairs_lr", "pairs_hr", "validation_lr", "validation_hr", "test_lr", "test_hr")


@dataclass(frozen=True)
class Layout:
    """Names as published, in small archives.

    Attributes:
        files: paths by archive file; a number from 1 to 3 in braces. Others of the publisher's are among them.
        test: names of the test images.
        lr: path of the first LR image of the test split in its folder; empty if there is no test split.
        x: number of images of X.
    """

    files: Mapping[str, Sequence[str]]
    test: Sequence[str]
    lr: str
    x: int = 0


def crops(folder: str, lr: str, hr: str = "") -> Layout:
    paths = [f"StableSR_testsets/{folder}/{kind}/a_{{}}.png" for kind in (lr, hr) if kind]
    others = ["StableSR_testsets/StableSR_w0.5_results/a_{}.png", f"StableSR_testsets/{folder}/{lr}/._a_{{}}.png"]
    return Layout({CROPS: [*paths, *others]}, ["a_1", "a_2", "a_3"], f"{folder}/{lr}/a_1.png")


CAMERAS = [f"RealSR(V3)/{camera}/{part}/{camera}_{{:03d}}" for camera in ("Canon", "Nikon") for part in ("Test/4", "Train/4")]
REALSET65 = "ResShift-1/testdata/RealSet65"
CHALLENGE = ["0801", "0802", "0803"]
LSDIR = {f"shard-{shard:02d}.tar.gz": [f"00{shard:02d}000/00{shard:02d}00{{}}.png"] for shard in range(17)}

LAYOUTS = {
    "realsr-v3": Layout(
        {"RealSR(V3).tar.gz": [path + end for path in CAMERAS for end in ("_HR.png", "_LR4.png")]},
        [f"{camera}_{number:03d}" for camera in ("Canon", "Nikon") for number in (1, 2, 3)],
        "Canon/Test/4/Canon_001_LR4.png",
    ),
    "realsr-crops": crops("RealSRVal_crop128", "test_LR", "test_HR"),
    "drealsr": Layout(
        {"Test_x4.zip": ["Test_x4/test_HR/panasonic_{}_x4.png", "Test_x4/test_LR/panasonic_{}_x1.png"]},
        ["panasonic_1", "panasonic_2", "panasonic_3"],
        "Test_x4/test_LR/panasonic_1_x1.png",
    ),
    "drealsr-crops": crops("DrealSRVal_crop128", "test_LR", "test_HR"),
    "div2k-real-esrgan": crops("DIV2K_V2_val", "lq", "gt"),
    "dped-iphone": crops("DPEDiphoneValSet_crop128", "LQ"),
    "ntire2020-track1": Layout(
        {
            "track1-train-source.zip": ["track1-train-source/Flickr2K_00000{}.png"],
            "train-target.zip": ["train-target/000{}.png"],
            "track1-valid-input.zip": ["track1-valid-input/080{}.png"],
            "track1-valid-gt.zip": ["track1-valid-gt/080{}.png"],
        },
        CHALLENGE,
        "track1-valid-input/0801.png",
        3,
    ),
    "ntire2020-track2": Layout(
        {"DPEDiphone-tr-x.zip": ["{}.png"], "DPEDiphone-tr-y.zip": ["000{}.png"], "DPEDiphone-va.zip": ["00{}.png"]},
        ["001", "002", "003"],
        "001.png",
        3,
    ),
    "aim2019-track2": Layout(
        {
            "train-noisy-images.zip": ["train-noisy-images/000{}.png"],
            "train-clean-images.zip": ["train-clean-images/000{}.png"],
            "valid-input-noisy.zip": ["valid-input-noisy/080{}.png"],
            "valid-gt-clean.zip": ["valid-gt-clean/080{}.png"],
        },
        CHALLENGE,
        "valid-input-noisy/0801.png",
        3,
    ),
    "realset65": Layout(
        {
            "journal.zip": [
                f"{REALSET65}/00{{}}.jpg",
                f"{REALSET65}/.DS_Store",
                "ResShift-1/a{}.png",
            ]
        },
        ["001", "002", "003"],
        "001.jpg",
    ),
    "realset80": Layout({"any.zip": ["InvSR-1/testdata/RealSet80/{}.jpg", "InvSR-1/README.md"]}, ["1", "2", "3"], "1.jpg"),
    "lsdir": Layout(
        {**LSDIR, "val1.tar.gz": ["val1/HR/val/000000{}.png", "val1/X4/val/000000{}x4.png", "val1/X2/val/000000{}x2.png"]},
        ["0000001", "0000002", "0000003"],
        "X4/val/0000001x4.png",
        24,
    ),
    "flickr2k": Layout(
        {"Flickr2K.tar": ["Flickr2K/Flickr2K_HR/00000{}.png", "Flickr2K/Flickr2K_LR_bicubic/X4/00000{}x4.png"]}, [], "", 1
    ),
}


def small(name: str) -> ImageFolders:
    """The card with as many images as the small archives have: three by each pattern, and a number for each numbered set."""
    card = load_dataset_card(name)
    assert isinstance(card, ImageFolders)
    counts = {"realsr-v3": 6, "lsdir": 51}
    numbers = {"x": 1, "z": 2, "validation_lr": 3, "validation_hr": 3}
    changed: dict[str, FileSet] = {}
    for key in SETS:
        if (files := getattr(card, key)) is None:
            continue
        first, last = (numbers[key], numbers[key]) if key in numbers else (1, 2)
        count = counts.get(name if files.count != 250 else "", 3) if files.count else None
        changed[key] = replace(files, count=count) if files.is_glob else replace(files, first=first, last=last)
    return replace(card, **changed)


def members(templates: Sequence[str]) -> Members:
    names = dict.fromkeys(template.format(number) for template in templates for number in (1, 2, 3))
    return [(name, name.encode()) for name in names]


def prepare(card: ImageFolders, layout: Layout, where: Path, leave_out: str = "") -> None:
    """Give every archive by its published name; an archive of any name for a card with one."""
    where.mkdir(exist_ok=True)
    for name, templates in layout.files.items():
        content = [(path, data) for path, data in members(templates) if not leave_out or leave_out not in path]
        (where / name).write_bytes(make(name.partition(".")[2], content))
        items = [item for item in card.items() if item.is_file(where / name)] or list(card.items())
        assert len(items) == 1
        store.prepare(items[0].archive, items[0].files, where / name, lambda *_: None)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_published_layout_is_read(name: str, tmp_path: Path) -> None:
    card, layout = small(name), LAYOUTS[name]
    prepare(card, layout, tmp_path / "given")
    assert card.missing() == []
    assert card.trains == bool(layout.x) and card.has("test") == bool(layout.test)
    if layout.test:
        test = card.sources("test")
        assert test.lr and test.lr.names == layout.test and test.lr.images[0].file.path.as_posix().endswith(f"/{layout.lr}")
        assert test.hr.names == (layout.test if card.has_truth("test") else [])
    if layout.x:
        x, z = card.sources("x"), card.sources("z").hr
        assert len((x.lr or x.hr).images) == layout.x
        assert not {image.file.path for image in (x.lr or x.hr).images} & {image.file.path for image in z.images}


def test_every_new_card_is_listed_with_its_terms(capsys: pytest.CaptureFixture[str]) -> None:
    names = [*LAYOUTS, "realsrset"]
    assert set(names) <= set(dataset_names())
    assert command.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(f" {name} " in listed for name in names) and listed.count("missing, by hand") == 3
    for name in names:
        card = load_dataset_card(name)
        assert "been seen" in card.notes, "what is not verified is said"
        assert isinstance(card, ImageFolders) and all(archive.sha256 is None for archive in card.archives)


def test_an_archive_behind_a_form_says_how_it_is_got(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["drealsr", "--dry-run"]) == 0
    assert "from https://drive.google.com/" in (said := capsys.readouterr().out) and "in a browser, then --from-archive" in said
    assert command.main(["drealsr"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "no program can fetch it: get Test_x4.zip from https://drive.google.com/" in error
    assert error.endswith("in a browser, and give it with --from-archive Test_x4.zip\n")


def test_the_command_takes_a_file_by_its_published_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = small("realsr-v3")
    monkeypatch.setattr("benchmarks.data.inventory.load_dataset_card", lambda name: card)
    path = tmp_path / "RealSR(V3).tar.gz"
    path.write_bytes(pairs(path.name, "realsr-v3"))
    assert command.main(["realsr-v3", "--from-archive", str(path)]) == 0
    assert len(card.sources("test").hr.images) == 6
    assert (store.data_root() / "pins.json").is_file(), "the first archive is pinned"


def pairs(file: str, layout: str, lr: int = 8, lr_name: str = "_LR4") -> bytes:
    """An archive whose LR images have a side of ``lr`` pixels, HR images one of 32."""
    contents = {False: picture(0, 32), True: picture(1, lr)}
    paths = [path for path, _ in members(LAYOUTS[layout].files[file])]
    return make(file.partition(".")[2], [(path.replace("_LR4", lr_name), contents["_LR4" in path]) for path in paths])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"lr": 32},
            "LR4.png has 32x32 pixels, its HR image Canon/Test/4/Canon_001_HR.png 32x32: as large: enlarged already, or",
        ),
        ({"lr": 9}, "has 9x9 pixels, its HR image Canon/Test/4/Canon_001_HR.png 32x32: no pair of scale 4: give"),
        ({"lr_name": "x_LR4"}, "test: Canon_001 is no pair of a LR and a HR image: give what"),
    ],
    ids=["enlarged", "another scale", "other names"],
)
def test_an_archive_of_no_pairs_is_refused_before_it_is_pinned(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    wrong: Mapping[str, object],
    said: str,
) -> None:
    card = small("realsr-v3")
    monkeypatch.setattr("benchmarks.data.inventory.load_dataset_card", lambda name: card)
    path = tmp_path / "RealSR(V3).tar.gz"
    path.write_bytes(pairs(path.name, "realsr-v3", **wrong))  # type: ignore[arg-type]
    assert command.main(["realsr-v3", "--from-archive", str(path)]) == 1
    (error,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert error.startswith(f"error: {path}: ") and said in error
    assert not (store.data_root() / "pins.json").exists() and not (store.data_root() / "RealSR_V3").exists()
    path.write_bytes(pairs(path.name, "realsr-v3"))
    assert command.main(["realsr-v3", "--from-archive", str(path)]) == 0


def test_halves_of_pairs_in_two_archives_are_compared_when_the_second_comes(tmp_path: Path) -> None:
    card, files = small("aim2019-track2"), LAYOUTS["aim2019-track2"].files
    items = {item.name: item for item in card.items() if isinstance(item, ArchiveItem)}

    def give(item: ArchiveItem, side: int) -> None:
        path = tmp_path / item.file_name
        path.write_bytes(make("zip", [(name, picture(0, side)) for name, _ in members(files[path.name])]))
        item.prepare(path, TransferProgress())

    give(items["AIM19_valid-input-noisy"], 32)
    with pytest.raises(ArchiveRefused, match="as large: enlarged already") as caught:
        give(items["AIM19_valid-gt-clean"], 32)
    root = store.data_root()
    mend = f"beside AIM19_valid-input-noisy: if that is the wrong one, move AIM19_valid-input-noisy out of {root}, remove "
    assert f"{mend}AIM19_valid-input-noisy from {root / 'pins.json'}" in str(caught.value) and "\n" not in str(caught.value)
    give(items["AIM19_valid-gt-clean"], 128)
    assert card.sources("test").lr


def test_a_folder_of_no_pairs_that_was_unpacked_by_hand_is_refused(tmp_path: Path) -> None:
    (item,) = small("drealsr").items()
    for number in (1, 2, 3):
        for kind, end in (("HR", "x4"), ("LR", "x1")):
            path = item.folder / f"test_{kind}" / f"panasonic_{number}_{end}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(0, 32))
    with pytest.raises(ArchiveRefused, match=r"DRealSR_Test_x4: image test_LR/panasonic_1_x1.png has 32x32 pixels"):
        item.prepare(None, TransferProgress())
    assert not item.is_complete()


def test_single_files_take_no_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["realsrset", "--dry-run"]) == 0
    origin = "https://raw.githubusercontent.com/cszn/BSRGAN/main/testsets/RealSRSet (20 single files)"
    assert capsys.readouterr().out == f"RealSRSet: missing, ? MB from {origin}\n"
    for files in (["RealSRSet.zip"], ["dog.png", "chip.png"], ["other.png", "another.png"]):
        assert command.main(["realsrset", "--from-archive", *files]) == 2
        mend = f"put the files into {store.data_root() / 'RealSRSet'}, and run the command without --from-archive"
        assert f"--from-archive {files[0]}: RealSRSet is no archive but single files: {mend}" in capsys.readouterr().err


def test_an_archive_is_downloaded_and_images_of_any_name_are_found() -> None:
    paths = [f"{REALSET65}/{name}" for name in ("a.b.PNG", "b.jpeg", "n.txt")]
    with serving(make("zip", [(path, path.encode()) for path in paths])) as server:
        card = load_dataset_card("realset65")
        assert isinstance(card, ImageFolders)
        archive, lr = replace(card.archives[0], urls=(server.url,)), replace(small("realset65").test_lr, count=2)  # type: ignore[type-var]
        here = replace(card, archives=(archive,), test_lr=lr)
        store.prepare(archive, here.files_of("RealSet65"), None, lambda *_: None)
        assert len(server.seen) == 1
    assert (here.sources("test").lr or here.sources("test").hr).names == ["a.b", "b"]


def test_single_files_of_a_list_are_downloaded() -> None:
    card = load_dataset_card("realsrset")
    assert isinstance(card, ImageFolders) and card.test_lr and len(card.test_lr.names) == 20
    with serving(picture(1)) as server:
        archive = replace(card.archives[0], urls=(server.url.replace("file.zip", "{}"),))
        here = replace(card, archives=(archive,), test_lr=replace(card.test_lr, files=("dog.png", "chip.png")))
        store.prepare(archive, here.files_of("RealSRSet"), None, lambda *_: None)
        assert sorted(request[":path"] for request in server.seen) == ["/chip.png", "/dog.png"]
    assert (lr := here.sources("test").lr) and lr.names == ["dog", "chip"] and not here.has_truth("test")
    data = Dataset(here, Bicubic())
    data.verify(["test"])
    assert data.lr("test")["dog"].shape == (32, 32, 3)


def test_data_sets_without_ground_truth_say_what_scores_their_images() -> None:
    with pytest.raises(UsageError, match="no ground truth: name another, or score SR images alone: python -m"):
        load_dataset("realset80")


def test_an_incomplete_archive_is_refused_with_the_numbers(tmp_path: Path) -> None:
    card, layout = small("drealsr"), LAYOUTS["drealsr"]
    with pytest.raises(ArchiveRefused, match=r"lacks files of DRealSR_Test_x4, such as \*\*/test_LR/\*_x1.png \(2 files of 3\)"):
        prepare(card, layout, tmp_path, leave_out="panasonic_2_x1")
    with pytest.raises(UsageError, match="DRealSR_Test_x4 is not prepared: run"):
        card.sources("test")


def test_pairs_by_a_pattern_must_have_equal_names(tmp_path: Path) -> None:
    layout = LAYOUTS["aim2019-track2"]
    files = {**layout.files, "valid-gt-clean.zip": ["valid-gt-clean/090{}.png"]}
    card = small("aim2019-track2")
    prepare(card, replace(layout, files=files), tmp_path)
    with pytest.raises(UsageError, match="test: 0801 is no pair of a LR and a HR image: move AIM19_valid-gt") as caught:
        card.sources("test")
    assert "\n" not in str(caught.value)


def test_images_of_one_name_in_two_folders_are_refused(tmp_path: Path) -> None:
    card = small("ntire2020-track2")
    files = {**LAYOUTS["ntire2020-track2"].files, "DPEDiphone-va.zip": ["a/{}.png", "b/{}.png"]}
    prepare(card, replace(LAYOUTS["ntire2020-track2"], files=files), tmp_path)
    with pytest.raises(UsageError, match=r"\*\*/\*.png: 3 images of 6 by different names: move DPEDiphone-va out of"):
        card.sources("test")


def test_methods_that_learn_from_pairs_are_left_out_of_unpaired_data() -> None:
    profile = load_profile("smoke")
    assert load_dataset_card("ntire2020-track1").is_unpaired and not load_dataset_card("lsdir").is_unpaired
    (line,) = unsuited(profile, ["edsr", "edsr-paired"], ["aim2019-track2"])
    assert "edsr-paired: not run" in line and "'aim2019-track2' are unpaired" in line
    cells = make_plan(profile, ["edsr", "edsr-paired"], ["aim2019-track2"])
    assert {cell.label for cell in cells} == {"edsr"}
    with pytest.raises(UsageError, match="'flickr2k' has no test images: name another with --datasets"):
        make_plan(profile, ["bicubic"], ["flickr2k"])
    assert make_plan(profile, ["edsr"], ["set5"], train_on="flickr2k")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"pattern": "HR/*.png", "first": 1}, "first and last belong to a pattern with a number"),
        ({"pattern": "HR/*/1.png"}, "a file name with one"),
        ({"pattern": "../*.png"}, "leads out of the archive"),
        ({"pattern": "{:04d}.png", "first": 1, "last": 2, "count": 2}, "count and several archives belong to a pattern with"),
        ({"pattern": "{:04d}.png"}, "first and last are needed"),
        ({"pattern": "../{:04d}.png", "first": 1, "last": 2}, "is no path inside of an archive"),
        ({"files": ("/etc/passwd",)}, "is no path inside of an archive"),
        ({}, "give either a pattern or files"),
    ],
)
def test_a_file_set_that_says_too_much_or_too_little_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        FileSet("archive", **fields)  # type: ignore[arg-type]


def test_patterns_find_images_alone() -> None:
    paths = ["HR/a.png", "HR/b.JPG", "HR/.c.png", "HR/notes.txt", "HR/in/d.png", "e.png"]
    assert Glob("HR/*").names(paths) == {"HR/a.png": "a", "HR/b.JPG": "b"}
    assert list(Glob("**/*.png").names(paths).values()) == ["a", "d", "e"]
    assert list(Glob("*/*/*.png").names(paths)) == ["HR/in/d.png"]
    assert expanded([Glob("*.png"), "x.png"], paths) == ["e.png", "x.png"]
    assert lacking(["x.png", Glob("*.png", 2), Glob("LR/*")], paths) == ["x.png", "*.png (1 file of 2)", "LR/*"]


def test_an_archive_has_addresses_or_a_page() -> None:
    archive = small("drealsr").archives[0]
    assert issubclass(ArchiveRefused, BenchmarkError)
    with pytest.raises(ValueError, match="either urls, or the page"):
        replace(archive, urls=("https://example.org/a.zip",))
    with pytest.raises(ValueError, match="either urls, or the page"):
        replace(archive, page=None)
