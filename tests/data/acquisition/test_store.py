"""Prepared archives: pins, extraction, manifests, folders of the user, full and read-only disks."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.core.errors import UsageError
from benchmarks.data.acquisition import store
from benchmarks.data.acquisition.download import DownloadFailed
from benchmarks.data.acquisition.inspection import ArchiveRefused
from benchmarks.data.acquisition.pins import WrongHash, pins
from tests.helpers.archive_makers import make_zip
from tests.helpers.flaky_server import FlakyServer, cut
from tests.helpers.tiny_archives import (
    CLOSED,
    IMAGES,
    NAMES,
    OTHER,
    PAGE,
    SHA256,
    ZIP,
    by_file,
    contents,
    empty_root,  # noqa: F401
    get,
    left,
    refusal,
    tiny,
    zip_server,  # noqa: F401
)

# Pins


def test_an_unpublished_hash_is_pinned_and_another_file_refused(server: FlakyServer, root: Path) -> None:
    archive = tiny(server.url)
    get(archive)
    assert contents(archive) == IMAGES and left(root) == ["pins.json", "tiny"]
    assert json.loads((root / "pins.json").read_text()) == {"tiny": SHA256}

    server.content = OTHER
    (store.folder(archive) / "2.png").unlink()
    message = refusal(archive, DownloadFailed)
    assert hashlib.sha256(OTHER).hexdigest() in message and SHA256 in message
    assert f"if that was wrong, or the publisher replaced it, remove tiny from {root / 'pins.json'}" in message
    assert contents(archive) == {name: IMAGES[name] for name in ("1.png", "3.png", "4.png")}

    (root / "pins.json").write_text("{}")
    get(archive)
    assert store.damaged(archive) == [] and contents(archive) != IMAGES
    assert pins(root) == {"tiny": hashlib.sha256(OTHER).hexdigest()}


def test_a_server_out_of_reach_does_not_speak_of_the_pin(root: Path, server: FlakyServer) -> None:
    get(tiny(server.url))
    (store.folder(tiny(server.url)) / "1.png").unlink()
    message = refusal(tiny(f"{CLOSED}/tiny.zip"), DownloadFailed)
    assert "cannot be reached" in message and "--from-archive" in message and "pins.json" not in message


@pytest.mark.parametrize(("published", "wrong_hash"), [(None, True), (SHA256, True), (None, False)])
def test_an_error_knows_whether_the_hash_was_wrong(
    server: FlakyServer, root: Path, published: str | None, wrong_hash: bool
) -> None:
    get(tiny(server.url))
    (store.folder(tiny(server.url)) / "1.png").unlink()
    server.content = OTHER if wrong_hash else PAGE
    with pytest.raises(DownloadFailed) as caught:
        get(tiny(server.url, published))
    assert caught.value.wrong_hash == wrong_hash
    assert ("pins.json" in str(caught.value)) == (wrong_hash and published is None), "what the card says is not pinned"


def test_a_server_that_names_the_pinned_hash_in_its_answer_does_not_bring_up_the_pin(server: FlakyServer, root: Path) -> None:
    get(tiny(server.url))
    (store.folder(tiny(server.url)) / "1.png").unlink()
    assert "pins.json" not in refusal(tiny(f"{CLOSED}/{SHA256}.zip"), DownloadFailed)


def test_the_fields_of_a_wrong_hash(server: FlakyServer, root: Path, tmp_path: Path) -> None:
    (tmp_path / "own.zip").write_bytes(OTHER)
    with pytest.raises(WrongHash) as caught:
        get(tiny(server.url, SHA256), local_file=tmp_path / "own.zip")
    assert (caught.value.actual, caught.value.expected) == (hashlib.sha256(OTHER).hexdigest(), SHA256)
    copied = copy.copy(caught.value)
    assert (str(copied), copied.expected, copied.exit_code) == (str(caught.value), SHA256, 1)


def test_a_file_of_the_user_is_held_against_the_pin(server: FlakyServer, root: Path, tmp_path: Path) -> None:
    get(tiny(server.url))
    (store.folder(tiny(server.url)) / "1.png").unlink()
    (tmp_path / "own.zip").write_bytes(OTHER)
    message = refusal(tiny(server.url), WrongHash, local_file=tmp_path / "own.zip")
    assert SHA256 in message and f"remove tiny from {root / 'pins.json'}" in message
    (tmp_path / "own.zip").write_bytes(ZIP)
    get(tiny(server.url), local_file=tmp_path / "own.zip")
    assert contents(tiny(server.url)) == IMAGES and len(server.seen) == 1


@pytest.mark.parametrize("sent", [PAGE, ZIP[:-30], b"", b"junk" * 99], ids=["html", "cut", "empty", "junk"])
def test_a_file_that_is_no_archive_is_never_pinned(server: FlakyServer, root: Path, sent: bytes) -> None:
    server.content = sent
    refusal(tiny(server.url), DownloadFailed)
    assert pins(root) == {} and left(root) == []
    server.content = ZIP
    get(tiny(server.url))
    assert pins(root) == {"tiny": SHA256}


def test_an_archive_that_is_damaged_deep_inside_is_never_pinned(server: FlakyServer, root: Path) -> None:
    broken = bytearray(ZIP)
    broken[len(ZIP) // 2] ^= 255
    server.content = bytes(broken)
    message = refusal(tiny(server.url), ArchiveRefused)
    assert "damaged" in message and pins(root) == {}
    assert not (root / "tiny").exists()
    server.content = ZIP
    get(tiny(server.url))
    assert pins(root) == {"tiny": SHA256} and left(root) == ["pins.json", "tiny"]


@pytest.mark.parametrize("content", ["{", "[]", '{"tiny": 1}', '{"tiny": "abc"}', "\xff"])
def test_corrupt_pins_are_one_line_before_anything_is_asked(server: FlakyServer, root: Path, content: str) -> None:
    root.mkdir(parents=True)
    (root / "pins.json").write_text(content, encoding="latin-1")
    assert "restore it, or delete it to trust the next downloads" in refusal(tiny(server.url), UsageError)
    assert server.seen == []


# Archives


def test_an_archive_without_a_file_of_the_card_is_refused(server: FlakyServer, root: Path) -> None:
    message = refusal(tiny(server.url), ArchiveRefused, (*NAMES, "5.png", "6.png"))
    assert "it lacks 2 files of tiny, such as 5.png" in message and f"give the archive that {server.url}" in message
    assert not (root / "tiny").exists() and pins(root) == {}
    get(tiny(server.url))
    assert len(server.seen) == 1, "the card was at fault: what has been downloaded is taken"


def test_a_broken_download_of_an_earlier_call_is_replaced(server: FlakyServer, root: Path) -> None:
    root.mkdir(parents=True)
    (root / ".tiny.download").write_bytes(OTHER[:-30])
    get(tiny(server.url))
    assert contents(tiny(server.url)) == IMAGES and left(root) == ["pins.json", "tiny"]


def test_a_whole_download_of_an_earlier_call_is_enough_offline(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINCGAN_OFFLINE", "1")
    archive = tiny(f"{CLOSED}/tiny.zip", SHA256)
    assert "archive tiny is not here, and --offline" in refusal(archive, UsageError)
    (root / ".tiny.download").write_bytes(ZIP)
    get(archive)
    assert contents(archive) == IMAGES and left(root) == ["tiny"]


def test_leftovers_of_a_download_are_removed_when_the_user_gives_the_file(
    server: FlakyServer, root: Path, tmp_path: Path
) -> None:
    server.always = cut(len(ZIP) // 2)
    server.has_ranges = False
    refusal(tiny(server.url), DownloadFailed)
    assert any(name.endswith(".part") for name in left(root)) and store.fetched(tiny(server.url)) == len(ZIP) // 2
    (tmp_path / "own.zip").write_bytes(ZIP)
    get(tiny(server.url), local_file=tmp_path / "own.zip")
    assert left(root) == ["pins.json", "tiny"] and (tmp_path / "own.zip").read_bytes() == ZIP


def test_wrong_files_of_the_user(server: FlakyServer, root: Path, tmp_path: Path) -> None:
    (tmp_path / "page.zip").write_bytes(PAGE)
    assert "no such file: give the archive tiny" in refusal(tiny(server.url), UsageError, local_file=tmp_path / "absent.zip")
    assert "page.zip" in refusal(tiny(server.url), ArchiveRefused, local_file=tmp_path / "page.zip")
    wrong = refusal(tiny(server.url, SHA256), WrongHash, local_file=tmp_path / "page.zip")
    assert f"that of tiny is {SHA256}: download it again" in wrong and "pins.json" not in wrong
    assert left(root) == [] and server.seen == []


# Manifests


def test_manifests_that_cannot_be_read_are_one_line_with_a_mend_that_works(server: FlakyServer, root: Path) -> None:
    archive = tiny(server.url)
    get(archive)
    path = root / "tiny" / ".manifest.json"
    good = json.loads(path.read_text())
    for content in (
        "{",
        "[]",
        "null",
        '{"schema": 1}',
        json.dumps(good | {"extra": 1}),
        json.dumps(good | {"files": {"1.png": 3}}),
    ):
        path.write_text(content)
        message = refusal(archive, UsageError)
        assert f"{path}: corrupt manifest" in message and "delete it and run python -m benchmarks.prepare" in message
        with pytest.raises(UsageError, match="corrupt manifest"):
            store.missing(archive, NAMES)
    path.write_text(json.dumps(good | {"schema": 2, "extra": {}}))
    assert f"schema 2, this version reads 1: move {root / 'tiny'} away and prepare it again" in refusal(archive, UsageError)
    (root / "tiny").rename(root / "away")
    get(archive)
    assert store.damaged(archive) == []
    path.unlink()
    get(archive)
    manifest = store.read_manifest(archive)
    assert manifest is not None and manifest.source == store.BY_HAND and len(server.seen) == 2


def test_changed_and_missing_files_are_named(server: FlakyServer, root: Path) -> None:
    archive = tiny(server.url)
    assert store.damaged(archive) == [f"{root / 'tiny'}: not prepared"]
    get(archive)
    assert store.damaged(archive) == [] and store.missing(archive, NAMES) == []
    flipped, longer, gone = (root / "tiny" / name for name in NAMES[:3])
    flipped.write_bytes(IMAGES["1.png"][:-1] + b"\0")
    longer.write_bytes(IMAGES["2.png"] + b"\0")
    gone.unlink()
    assert store.damaged(archive) == [f"{flipped}: changed", f"{longer}: changed", f"{gone}: missing"]
    assert store.missing(archive, NAMES) == ["2.png", "3.png"], "contents are not read"
    get(archive)
    assert store.damaged(archive) == [] and contents(archive) == IMAGES


# Folders of the user


def test_a_folder_unpacked_by_hand_is_adopted_and_never_touched(server: FlakyServer, root: Path, tmp_path: Path) -> None:
    for archive in (tiny(server.url, "0" * 64), by_file(server)):
        folder = store.folder(archive)
        folder.mkdir(parents=True)
        for name, content in {**IMAGES, "notes.txt": b"mine"}.items():
            (folder / name).write_bytes(content)
        before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
        get(archive)
        assert store.damaged(archive) == []
        (folder / "3.png").unlink()
        for local_file in (None, tmp_path / "own.zip"):
            message = refusal(archive, UsageError, local_file=local_file)
            assert "unpacked by hand, and lacks 1 file, such as 3.png: complete it, or move it away" in message
        (folder / "3.png").write_bytes(IMAGES["3.png"])
        get(archive)
        stamps = {path: path.stat().st_mtime_ns for path in before if path.name != "3.png"}
        assert stamps.items() <= before.items() and contents(archive) == {**IMAGES, "notes.txt": b"mine"}
    assert server.seen == [] and pins(root) == {}


def test_a_file_or_a_link_to_nothing_in_the_folders_place_stays(server: FlakyServer, root: Path) -> None:
    root.mkdir(parents=True)
    (root / "tiny").symlink_to(root / "unmounted")
    assert "is a file or a broken link where the data set's folder must be: move it away" in refusal(tiny(server.url), UsageError)
    assert (root / "tiny").is_symlink()
    (root / "tiny").unlink()
    (root / "tiny").write_text("mine")
    assert "is a file or a broken link" in refusal(tiny(server.url), UsageError)
    assert (root / "tiny").read_text() == "mine"


@pytest.mark.parametrize("named", ["own", "own/", "./own", "../here/own"])
def test_the_variable_may_name_a_relative_folder(
    server: FlakyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("CINCGAN_DATA", named)
    get(tiny(server.url))
    assert store.data_root().is_absolute()
    assert sorted(path.name for path in (tmp_path / "here" / "own" / "tiny").glob("*.png")) == list(NAMES)


def test_the_variable_may_be_empty_and_must_not_name_a_file(
    server: FlakyServer, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CINCGAN_DATA", "")
    assert store.data_root() == root
    (tmp_path / "file").touch()
    monkeypatch.setenv("CINCGAN_DATA", str(tmp_path / "file"))
    assert f"{tmp_path / 'file'}: cannot be written" in refusal(tiny(server.url), UsageError)
    assert server.seen == []


# Disks


@contextmanager
def without_rights(*folders: Path) -> Iterator[None]:
    """Within, this process cannot write to the folders, even if it is root's."""
    is_root = os.geteuid() == 0
    for folder in folders:
        folder.chmod(0o555)
    above = [parent for folder in folders for parent in folder.parents if is_root and not parent.stat().st_mode & 0o001]
    modes = {parent: parent.stat().st_mode & 0o7777 for parent in above}
    for parent in above:
        parent.chmod(modes[parent] | 0o055)
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        for parent, mode in modes.items():
            parent.chmod(mode)
        for folder in folders:
            folder.chmod(0o755)


def test_a_folder_that_cannot_be_written_is_one_line(server: FlakyServer, root: Path, tmp_path: Path) -> None:
    get(tiny(server.url))
    locks = list(root.glob(".*.lock"))
    for lock in locks:
        lock.unlink()
    with without_rights(root, root / "tiny"):
        get(tiny(server.url))
        assert store.damaged(tiny(server.url)) == [], "what is prepared needs no writing"
        message = refusal(replace(tiny(server.url), name="second"), UsageError)
    assert f"{root}: cannot be written (Permission denied): check CINCGAN_DATA and permissions" in message
    assert len(server.seen) == 1


def test_a_file_that_cannot_be_read_is_one_line(server: FlakyServer, root: Path) -> None:
    get(tiny(server.url))
    (root / "tiny" / "2.png").chmod(0)
    with without_rights(root):
        assert store.damaged(tiny(server.url)) == [f"{root / 'tiny' / '2.png'}: cannot be read (Permission denied)"]
    (root / "tiny" / ".manifest.json").unlink()
    for lock in root.glob(".*.lock"):
        lock.chmod(0o666)
    with without_rights(root):
        message = refusal(tiny(server.url), UsageError)
    assert f"{root / 'tiny' / '2.png'}: cannot be read or written (Permission denied)" in message


LARGE = make_zip([(f"tiny/{name}", bytes([number]) * 250_000) for number, name in enumerate(NAMES)])


@pytest.mark.parametrize("is_known", [True, False], ids=["published", "pinned"])
def test_a_file_too_large_for_the_disk_keeps_the_download(server: FlakyServer, root: Path, is_known: bool) -> None:
    server.content = LARGE
    archive = tiny(server.url, hashlib.sha256(LARGE).hexdigest() if is_known else None)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        message = refusal(archive, UsageError)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert message == f"{root / 'tiny'}: cannot be written (File too large): check permissions and free space"
    assert left(root) == [".tiny.download"] and store.fetched(archive) == len(LARGE)
    get(archive)
    assert len(server.seen) == 1 and store.damaged(archive) == []
    assert ".tiny.download" not in left(root)


def test_a_full_disk_keeps_the_download(server: FlakyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)], capture_output=True, check=False)  # noqa: S607
    if mounted.returncode:
        pytest.skip("mounting a small disk takes root's rights")
    try:
        monkeypatch.setenv("CINCGAN_DATA", str(disk / "data"))
        server.content = LARGE
        message = refusal(tiny(server.url), UsageError)
        assert "cannot be written (No space left on device): check permissions and free space" in message
        assert left(disk / "data") == [".tiny.download"]
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)  # noqa: S607
        get(tiny(server.url))
        assert len(server.seen) == 1 and store.damaged(tiny(server.url)) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)  # noqa: S607
