"""Archives that the user gives by ``prepare --from-archive``: those of another data set, those given again, those with less."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import prepare as command
from benchmarks.data.acquisition import store
from benchmarks.data.cards import load_dataset_card
from benchmarks.data.file_sets import FileSet
from benchmarks.data.kinds.image_folders import ImageFolders
from tests.helpers.archive_makers import make
from tests.helpers.tiny_archives import picture

pytestmark = pytest.mark.usefixtures("own_cache")

KINDS = ("LR", "HR")


@pytest.fixture(autouse=True)
def no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "download", lambda *_: pytest.fail("a download"))


def selfexsr(path: Path, count: int, kinds: Sequence[str] = KINDS, seed: int = 0) -> Path:
    """An archive as SelfExSR names its files, with SR images of a method and LR images of another scale among them."""
    contents = {"LR": picture(seed, 8), "HR": picture(seed, 32), "bicubic": b"SR"}
    names = [(number, kind) for number in range(1, count + 1) for kind in (*kinds, "bicubic")]
    members = [(f"{path.stem}/image_SRF_4/img_{number:03d}_SRF_4_{kind}.png", contents[kind]) for number, kind in names]
    path.write_bytes(make("zip", [*members, (f"{path.stem}/image_SRF_2/img_999_SRF_2_LR.png", b"")]))
    return path


def given(name: str, file: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code, and the line of the error or of the state."""
    code = command.main([name, "--from-archive", str(file)])
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if line.startswith("error: ")] if code else said.out.splitlines()
    assert len(lines) == 1, said
    return code, lines[0]


def test_a_larger_data_set_of_the_same_names_is_refused_before_it_is_pinned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    larger, right = selfexsr(tmp_path / "Set14_SR.zip", 14), selfexsr(tmp_path / "Set5.zip", 5)
    code, line = given("set5", larger, capsys)
    assert code == 1 and line.startswith(f"error: {larger}: of another data set: it has 18 files more than the 10 of Set5_SR")
    assert ", such as img_006_SRF_4_HR.png: give what https://" in line
    assert not (store.data_root() / "pins.json").exists() and not (store.data_root() / "Set5_SR").exists()
    assert given("set14-hr", larger, capsys)[0] == 0, "LR images of an archive that two data sets share belong to one of them"
    assert given("set5", right, capsys)[0] == 0


def test_a_larger_data_set_that_was_unpacked_by_hand_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.unpack_archive(selfexsr(tmp_path / "Set14_SR.zip", 14), tmp_path)
    shutil.copytree(tmp_path / "Set14_SR" / "image_SRF_4", store.data_root() / "Set5_SR")
    assert command.main(["set5"]) == 1
    assert "Set5_SR: of another data set: it has 18 files more" in capsys.readouterr().err


def test_an_archive_whose_hash_the_card_has_may_hold_more(tmp_path: Path) -> None:
    card = load_dataset_card("div2k-track2")
    assert isinstance(card, ImageFolders)
    (tmp_path / "0999.png").touch()
    for archive in card.archives:
        card.check_numbers(archive, tmp_path, {})


@pytest.mark.parametrize(
    ("files", "fitting"),
    [
        (FileSet("a", "img_{:03d}_HR.png", 1, 2), ["img_001_HR.png", "img_1000_HR.png"]),
        (FileSet("a", "{:04d}x4w{}.png", 1, 2, 4), ["0900x4w7.png"]),
        (FileSet("a", files=("img_001_HR.png",)), []),
        (FileSet("a", "*.png"), []),
    ],
)
def test_files_that_fit_a_pattern_with_any_number(files: FileSet, fitting: list[str]) -> None:
    paths = ["img_001_HR.png", "img_1000_HR.png", "img_001_HRxpng", "img_a_HR.png", "sub/img_003_HR.png", "0900x4w7.png"]
    assert files.numbered(paths) == fitting


def test_another_archive_for_data_that_are_here_is_named_as_not_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, other = selfexsr(tmp_path / "any name.zip", 5), selfexsr(tmp_path / "Set5_SR.zip", 5, seed=1)
    assert given("set5", first, capsys)[0] == 0
    folder = store.data_root() / "Set5_SR"
    assert given("set5", first, capsys) == (0, f"Set5_SR: ready, {folder}"), "the file is compared, by any name"
    code, line = given("set5", other, capsys)
    assert code == 1 and line.startswith(f"error: {other}: not used: {folder} is here already, made of a file with the sha256 ")
    pins = store.data_root() / "pins.json"
    assert line.endswith(f"if this one is right, move {folder} away, remove Set5_SR from {pins} and run the command again")
    folder.rename(tmp_path / "away")
    pins.unlink()
    assert given("set5", other, capsys)[0] == 0
    assert (folder / "img_001_SRF_4_HR.png").read_bytes() == picture(1, 32)


def test_an_archive_for_data_that_were_not_made_of_one_is_named_as_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = selfexsr(tmp_path / "Set5_SR.zip", 5)
    shutil.unpack_archive(file, tmp_path)
    shutil.copytree(tmp_path / "Set5_SR" / "image_SRF_4", store.data_root() / "Set5_SR")
    assert command.main(["set5"]) == 0
    capsys.readouterr()
    code, line = given("set5", file, capsys)
    assert code == 2 and re.search("is here already, unpacked by hand: leave out --from-archive, or move .* away to have", line)
    code, line = given("demo-photos", file, capsys)
    assert code == 2 and line.endswith("not used: demo-photos comes with installed packages: leave out --from-archive")
    assert command.main(["set5", "demo-photos", "--from-archive", "other.zip"]) == 2
    assert "other.zip: everything is here already, and nothing is read: leave it out" in capsys.readouterr().err


def test_a_pinned_archive_with_less_than_another_data_set_needs_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part, whole = selfexsr(tmp_path / "Set14_HR.zip", 14, ["HR"]), selfexsr(tmp_path / "Set14_SR.zip", 14)
    assert given("set14-hr", part, capsys)[0] == 0
    root = store.data_root()
    expected = (
        f"error: {root / 'Set14_SR'}: its archive is pinned, and lacks 14 files, such as img_001_SRF_4_LR.png: "
        f"remove Set14_SR from {root / 'pins.json'}, and run the command again for the whole archive"
    )
    assert given("set14", whole, capsys) == (2, expected)
    assert command.main(["set14"]) == 2
    assert expected in capsys.readouterr().err.splitlines(), "no download that would end in vain"
    (root / "pins.json").unlink()
    assert given("set14", whole, capsys)[0] == 0
    assert command.main(["set14-hr", "set14"]) == 0
