"""Photographs that a list beside their card names: splits by rule, and files held against their listed hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import prepare
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.core.paths import CARDS
from benchmarks.data import cards
from benchmarks.data.acquisition import archive as archives
from benchmarks.data.acquisition import store
from benchmarks.data.cards import load_dataset_card
from benchmarks.data.dataset import Dataset
from benchmarks.data.kinds.listed_photographs import ListedPhotographs
from tests.helpers.archive_makers import make_tar
from tests.helpers.flaky_server import serving
from tests.helpers.tiny_archives import empty_root, left, picture  # noqa: F401

INSIDE = "BSR/BSDS500/data/images"


def bsds500() -> ListedPhotographs:
    card = load_dataset_card("bsds500")
    assert isinstance(card, ListedPhotographs)
    return card


def packed(files: Mapping[str, bytes]) -> bytes:
    """An archive in the published layout: photographs, a folder val, and other files."""
    others = {f"{INSIDE}/val/3096.jpg": b"BSD100", f"{INSIDE}/train/Thumbs.db": b"db", "BSR/bench/README": b"text"}
    members = {f"{INSIDE}/{name}": content for name, content in files.items()} | others
    return make_tar(list(members.items()), "tar.gz")


def listed_card(folder: Path, files: Mapping[str, bytes], monkeypatch: pytest.MonkeyPatch, url: str = "") -> ListedPhotographs:
    """The card ``bsds500`` with other files, listed in a folder of cards of its own; perhaps with another address."""
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()]
    folder.mkdir(exist_ok=True)
    (folder / "bsds500.sha256").write_text("".join(lines), encoding="utf-8")
    text = (CARDS / "bsds500.toml").read_text(encoding="utf-8").replace("bytes = 70763455\n", "")
    urls = next(line for line in text.splitlines() if line.startswith("urls"))
    text = text.replace(urls, f'urls = ["{url}"]') if url else text
    (folder / "bsds500.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(archives, "CARDS", folder)
    monkeypatch.setattr(cards, "CARDS", folder)
    return bsds500()


def test_bsds500_lists_400_photographs_in_splits_that_share_none() -> None:
    names = bsds500().names
    assert {split: len(files) for split, files in names.items()} == {
        "x": 190,
        "z": 190,
        "pairs": 380,
        "validation": 20,
        "test": 0,
    }
    assert names["x"] + names["z"] == names["pairs"] and not set(names["pairs"]) & set(names["validation"])
    folders = {split: {name.partition("/")[0] for name in files} for split, files in names.items()}
    assert folders["pairs"] == {"train", "test"} and folders["validation"] == {"train"}, "val is BSD100, a test set"
    train = sorted(name for name in (*names["pairs"], *names["validation"]) if name.startswith("train/"))
    assert names["validation"] == train[9::10] and len(train) == 200


def test_its_identity_is_known_before_the_download(root: Path) -> None:
    card = bsds500()
    data = Dataset(card, load_profile("demo").degradation)
    before = data.digest("x", "z")
    assert card.missing() == ["BSR_bsds500"] and card.trains and card.makes_lr("x") and not card.makes_lr("z")
    folder = root / "BSR_bsds500"
    folder.mkdir(parents=True)
    assert Dataset(card, load_profile("demo").degradation).digest("x", "z") == before
    with pytest.raises(UsageError, match="prepare bsds500"):
        data.verify(("x",))
    with pytest.raises(UsageError, match="for training only, without test images"):
        card.sources("test")


def test_an_archive_of_the_user_and_a_download_give_the_same_files(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {name: name.encode() for name in list(bsds500().archive.hashes)[::10]}
    content = packed(files)
    own = tmp_path / "BSR_bsds500.tgz"
    own.write_bytes(content)
    with serving(content) as server:
        for arguments in (["--from-archive", str(own)], []):
            monkeypatch.setenv("CINCGAN_DATA", str(tmp_path / f"data{len(arguments)}"))
            card = listed_card(tmp_path / "cards", files, monkeypatch, server.url)
            assert prepare.main(["bsds500", *arguments]) == 0, capsys.readouterr().err
            assert card.missing() == [] and store.damaged(card.archive) == []
            assert (store.folder(card.archive) / "train/100075.jpg").read_bytes() == b"train/100075.jpg"
            assert left(store.data_root()) == ["BSR_bsds500"], "files are listed: the archive is not pinned"
    assert len(server.seen) == 1


def test_a_folder_of_the_user_is_held_against_the_list(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"{kind}/{kind}{number}.png" for kind in ("test", "train") for number in range(10)]
    files = {name: picture(number) for number, name in enumerate(names)}
    card = listed_card(tmp_path / "cards", files, monkeypatch)
    folder = root / "BSR_bsds500"
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "test/test4.png").write_bytes(files["test/test3.png"])
    assert prepare.main(["bsds500"]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "1 file, such as test/test4.png, differs from the SHA-256 listed in bsds500.sha256" in error

    (folder / "test/test4.png").write_bytes(files["test/test4.png"])
    assert prepare.main(["bsds500"]) == 0, capsys.readouterr().err
    images = Dataset(card, load_profile("demo").degradation).images
    assert [len(images.x()), len(images.z()), len(images.pairs("pairs")), len(images.pairs("validation"))] == [9, 10, 19, 1]
    assert images.names("x") == [f"test{number}" for number in range(9)] and images.names("validation") == ["train9"]


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (f"{64 * '0'}  train/1.jpg\n{64 * '1'}  test/1.jpg\n", "no name twice"),
        (f"{64 * '0'}  train/1.jpg\n{64 * '1'}  train/1.jpg\n", "line 2"),
        (f"{64 * '0'}  ../1.jpg\n", "leads out of the folder"),
        (f"{64 * '0'} train/1.jpg\n", "line 1"),
        ("abc  train/1.jpg\n", "line 1"),
        ("", "lists 0 files"),
        (None, "No such file"),
    ],
)
def test_an_invalid_list_is_one_line(root: Path, monkeypatch: pytest.MonkeyPatch, lines: str | None, complaint: str) -> None:
    card = replace(bsds500(), archive=replace(bsds500().archive))
    monkeypatch.setattr(archives, "CARDS", root)
    root.mkdir(parents=True)
    if lines is not None:
        (root / "bsds500.sha256").write_text(lines, encoding="utf-8")
    with pytest.raises(UsageError, match=complaint) as caught:
        card.has("x")
    assert "\n" not in str(caught.value)


def test_a_card_needs_the_list() -> None:
    with pytest.raises(ValueError, match="listed is missing"):
        replace(bsds500(), archive=replace(bsds500().archive, listed=""))
