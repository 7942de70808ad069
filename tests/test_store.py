"""Archives on this machine: pinned, fetched file by file, interrupted, killed, full disks, several processes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import inventory
from benchmarks import prepare as command
from benchmarks.data import download as downloads
from benchmarks.data import store
from benchmarks.data.cards import Archive, Hash
from benchmarks.data.download import DownloadFailed
from benchmarks.data.members import ArchiveRefused
from benchmarks.data.pins import pins
from benchmarks.data.pixels import stack
from benchmarks.errors import BenchmarkError, UsageError
from tests.archive_makers import make_zip
from tests.conftest import ROOT
from tests.flaky_server import FlakyServer, Handler, answer, cut, drip, serving
from tests.stand_ins import PACKAGES, photograph

NAMES = ("1.png", "2.png", "3.png", "4.png")
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"
CLOSED = "http://127.0.0.1:1"
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def picture(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(photograph(seed, 32)).save(buffer, "png")
    return buffer.getvalue()


IMAGES = {name: picture(seed) for seed, name in enumerate(NAMES)}
ZIP = make_zip([(f"top/tiny/{name}", content) for name, content in IMAGES.items()])
OTHER = make_zip([(f"top/tiny/{name}", picture(seed + 10)) for seed, name in enumerate(NAMES)])
SHA256 = hashlib.sha256(ZIP).hexdigest()


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the archives, not there yet; short pauses, and no proxy between a test and its server."""
    for name in ("CINCGAN_DATA", "CINCGAN_OFFLINE", *PROXIES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 0.01)
    return tmp_path / "cache" / "datasets"


@pytest.fixture
def server() -> Iterator[FlakyServer]:
    with serving(ZIP) as running:
        yield running


def tiny(url: str, sha256: Hash | None = None) -> Archive:
    return Archive("tiny", (url,), None, sha256, "tiny")


def by_file(server: FlakyServer) -> Archive:
    return Archive("singles", (server.url.replace("file.zip", "{}"),))


def get(archive: Archive, names: Sequence[str] = NAMES, given: Path | None = None) -> list[str]:
    """Prepare the archive; what was reported."""
    said: list[str] = []
    store.prepare(archive, names, given, lambda what, done, of: said.append(what))
    return said


def refusal(archive: Archive, kind: type[BenchmarkError], names: Sequence[str] = NAMES, given: Path | None = None) -> str:
    """The one line that preparing ends with."""
    with pytest.raises(kind) as caught:
        get(archive, names, given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def contents(archive: Archive) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.folder(archive).iterdir() if path.name != store.MANIFEST}


def left(root: Path) -> list[str]:
    """What lies there, locks aside."""
    return sorted(path.name for path in root.iterdir() if not path.name.endswith(".lock"))


# Pins


def test_what_nobody_has_published_is_pinned_and_another_one_refused(server: FlakyServer, root: Path) -> None:
    archive = tiny(server.url)
    get(archive)
    assert contents(archive) == IMAGES and left(root) == ["pins.json", "tiny"]
    assert json.loads((root / "pins.json").read_text()) == {"tiny": SHA256}

    server.content = OTHER
    (store.folder(archive) / "2.png").unlink()
    message = refusal(archive, DownloadFailed)
    assert hashlib.sha256(OTHER).hexdigest() in message and SHA256 in message
    assert f"if the publisher replaced it on purpose, remove tiny from {root / 'pins.json'}" in message
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


def test_a_file_of_the_user_is_held_against_the_pin(server: FlakyServer, root: Path, tmp_path: Path) -> None:
    get(tiny(server.url))
    (store.folder(tiny(server.url)) / "1.png").unlink()
    (tmp_path / "own.zip").write_bytes(OTHER)
    message = refusal(tiny(server.url), BenchmarkError, given=tmp_path / "own.zip")
    assert SHA256 in message and f"remove tiny from {root / 'pins.json'}" in message
    (tmp_path / "own.zip").write_bytes(ZIP)
    get(tiny(server.url), given=tmp_path / "own.zip")
    assert contents(tiny(server.url)) == IMAGES and len(server.seen) == 1


@pytest.mark.parametrize("sent", [PAGE, ZIP[:-30], b"", b"junk" * 99], ids=["html", "cut", "empty", "junk"])
def test_what_is_no_archive_is_never_pinned(server: FlakyServer, root: Path, sent: bytes) -> None:
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
    assert "2 files of tiny are not in it, such as 5.png" in message and f"the card means the archive of {server.url}" in message
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


def test_what_an_interrupted_download_left_goes_when_the_user_gives_the_file(
    server: FlakyServer, root: Path, tmp_path: Path
) -> None:
    server.always = cut(len(ZIP) // 2)
    server.has_ranges = False
    refusal(tiny(server.url), DownloadFailed)
    assert any(name.endswith(".part") for name in left(root)) and store.fetched(tiny(server.url)) == len(ZIP) // 2
    (tmp_path / "own.zip").write_bytes(ZIP)
    get(tiny(server.url), given=tmp_path / "own.zip")
    assert left(root) == ["pins.json", "tiny"] and (tmp_path / "own.zip").read_bytes() == ZIP


def test_wrong_files_of_the_user(server: FlakyServer, root: Path, tmp_path: Path) -> None:
    (tmp_path / "page.zip").write_bytes(PAGE)
    assert "no such file: give the archive tiny" in refusal(tiny(server.url), UsageError, given=tmp_path / "absent.zip")
    assert "page.zip" in refusal(tiny(server.url), ArchiveRefused, given=tmp_path / "page.zip")
    wrong = refusal(tiny(server.url, SHA256), BenchmarkError, given=tmp_path / "page.zip")
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


# File by file


def test_files_come_one_by_one_and_their_content_is_pinned(server: FlakyServer, root: Path) -> None:
    server.content = IMAGES["1.png"]
    archive = by_file(server)
    get(archive)
    assert [request[":path"] for request in server.seen] == [f"/{name}" for name in NAMES]
    assert contents(archive) == dict.fromkeys(NAMES, IMAGES["1.png"]), "neither locks nor parts are in the folder"
    assert left(root) == ["pins.json", "singles"]
    manifest = store.read_manifest(archive)
    assert manifest is not None and pins(root) == {"singles": manifest.digest} and store.damaged(archive) == []
    get(archive)
    assert len(server.seen) == 4


def test_a_server_that_dies_midway_is_asked_only_for_the_rest(server: FlakyServer, root: Path) -> None:
    server.content = IMAGES["1.png"]
    server.tricks, server.always = [Handler.send_file, Handler.send_file, cut(200)], answer(404)
    archive = by_file(server)
    message = refusal(archive, DownloadFailed)
    assert message.startswith("3.png: no mirror gave the file") and f"put it to {root / '.singles.files' / '3.png'}" in message
    assert not (root / "singles").exists() and pins(root) == {}
    server.seen.clear()
    server.always = Handler.send_file
    get(archive)
    assert [request[":path"] for request in server.seen] == ["/3.png", "/4.png"]
    assert store.damaged(archive) == [] and left(root) == ["pins.json", "singles"]


def test_what_is_no_image_is_refused(server: FlakyServer, root: Path) -> None:
    server.content = b"no image at all"
    assert "cannot be decoded" in refusal(by_file(server), DownloadFailed)
    server.content = PAGE
    assert "HTML page" in refusal(by_file(server), DownloadFailed)
    assert pins(root) == {} and not (root / "singles").exists()
    assert [path.name for path in (root / ".singles.files").iterdir() if path.suffix == ".png"] == []


def test_a_damaged_file_alone_comes_again_in_its_place(server: FlakyServer, root: Path) -> None:
    server.content = IMAGES["1.png"]
    archive = by_file(server)
    get(archive)
    (root / "singles" / "1.png").unlink()
    (root / "singles" / "3.png").write_bytes(b"cut")
    server.always = answer(404)
    refusal(archive, DownloadFailed)
    assert sorted(contents(archive).keys() & set(NAMES)) == ["2.png", "3.png", "4.png"], "what is there stays"
    server.always = Handler.send_file
    server.seen.clear()
    get(archive)
    assert [request[":path"] for request in server.seen] == ["/1.png", "/3.png"]
    assert contents(archive) == dict.fromkeys(NAMES, IMAGES["1.png"]) and store.damaged(archive) == []


def test_files_that_the_publisher_has_replaced_are_refused(server: FlakyServer, root: Path) -> None:
    server.content = IMAGES["1.png"]
    archive = by_file(server)
    get(archive)
    (root / "singles" / "1.png").unlink()
    server.content = IMAGES["2.png"]
    refusal(archive, DownloadFailed)
    assert not (root / "singles" / "1.png").exists() and (root / "singles" / "2.png").read_bytes() == IMAGES["1.png"]
    (root / "singles").rename(root / "away")
    for _ in range(2):
        message = refusal(archive, BenchmarkError)
        assert f"remove singles from {root / 'pins.json'}" in message and f"{root / '.singles.files'}: its files have" in message
    assert len(server.seen) == 4 + 1 + 4 and not (root / "singles").exists()
    (root / "pins.json").write_text("{}")
    get(archive)
    assert len(server.seen) == 4 + 1 + 4 and contents(archive) == dict.fromkeys(NAMES, IMAGES["2.png"])


def test_an_archive_for_what_comes_file_by_file_is_refused(server: FlakyServer, root: Path, tmp_path: Path) -> None:
    message = refusal(by_file(server), UsageError, given=tmp_path / "singles.zip")
    assert f"single files: unpack it to {root / 'singles'}" in message and server.seen == []


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
        for given in (None, tmp_path / "own.zip"):
            message = refusal(archive, UsageError, given=given)
            assert "unpacked by hand, but 1 files are missing, such as 3.png: complete it, or move it away" in message
        (folder / "3.png").write_bytes(IMAGES["3.png"])
        get(archive)
        stamps = {path: path.stat().st_mtime_ns for path in before if path.name != "3.png"}
        assert stamps.items() <= before.items() and contents(archive) == {**IMAGES, "notes.txt": b"mine"}
    assert server.seen == [] and pins(root) == {}


def test_a_file_or_a_link_to_nothing_in_the_folders_place_stays(server: FlakyServer, root: Path) -> None:
    root.mkdir(parents=True)
    (root / "tiny").symlink_to(root / "unmounted")
    assert "is no folder, or a link to none: move it away" in refusal(tiny(server.url), UsageError)
    assert (root / "tiny").is_symlink()
    (root / "tiny").unlink()
    (root / "tiny").write_text("mine")
    assert "is no folder" in refusal(tiny(server.url), UsageError)
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
    """Folders that cannot be written by this process, be it root's or not."""
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


def test_what_cannot_be_read_is_one_line(server: FlakyServer, root: Path) -> None:
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


# Processes that die or meet

KILLED = """\
import os, shutil, signal, sys
from functools import partial
from pathlib import Path
from benchmarks.data import decode, store
from benchmarks.data import download as downloads
from benchmarks.data.cards import Archive
from benchmarks.data.pins import pins
import filelock, httpx, httpcore, msgspec, PIL.Image  # before any fork

root, cards = Path(os.environ["CINCGAN_DATA"]), []
zipped, single, every = sys.argv[1], sys.argv[2], int(sys.argv[3])
names = ["1.png", "2.png", "3.png", "4.png"]
plain = Archive("tiny", (zipped,), None, None, "tiny")
singles = Archive("singles", (single,))
events = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "shutil.rmtree", "fcntl.flock"}
downloads.PAUSE_SECONDS = 0.01
os.fsync = lambda file: None  # a process dies here, no machine
httpx.Client = partial(httpx.Client, verify=False)  # certificates, which no server here has, take long to load

def in_child(work):
    child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            print("child:", repr(error), flush=True)
            os._exit(1)
    return os.waitpid(child, 0)[1]

def prepare(archive, report):
    store.prepare(archive, names, None, report)

def killed_at(archive, moment):
    count = 0
    def tick(*_):
        nonlocal count
        count += 1
        if count == moment:
            os.kill(os.getpid(), signal.SIGKILL)
    def hook(event, arguments):
        if event in events and str(root) in str(arguments[:1]) or event == "fcntl.flock":
            tick()
    sys.addaudithook(hook)
    prepare(archive, tick)

def shown():
    return sorted(path.name for path in root.rglob("*") if not path.name.endswith(".lock"))

def damage():
    prepare(plain, lambda *_: None)
    (root / "tiny" / "1.png").write_bytes(b"cut")

for label, archive, begin in (("zip", plain, None), ("damaged zip", plain, damage), ("singles", singles, None)):
    moment = step = 0
    while True:
        moment += every
        shutil.rmtree(root, ignore_errors=True)
        if begin:
            in_child(begin)
        status = in_child(lambda: killed_at(archive, moment))
        if status == 0:
            break
        assert os.WIFSIGNALED(status), (label, moment, status)
        step += 1
        there = store.missing(archive, names) == []
        status = in_child(lambda: prepare(archive, lambda *_: None))
        assert status == 0, (label, moment, status)
        expected = sorted([archive.name, "pins.json", ".manifest.json", *names])
        assert shown() == expected, (label, moment, shown())
        assert store.damaged(archive) == [] and list(pins(root)) == [archive.name], (label, moment)
    print(label, step)
"""


def killed(server: FlakyServer, root: Path, every: int) -> dict[str, int]:
    """Prepare, killed at each ``every``-th moment, and prepare again. How many moments there were, by kind of archive."""
    url = server.url.replace("file.zip", "")
    server.always = lambda handler: serve_by_name(handler)
    line = [sys.executable, "-c", KILLED, f"{url}file.zip", f"{url}{{}}", str(every)]
    done = subprocess.run(
        line, cwd=ROOT, env={**os.environ, "CINCGAN_DATA": str(root)}, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {label: int(count) for label, _, count in (text.rpartition(" ") for text in done.stdout.splitlines())}


def serve_by_name(handler: Handler) -> None:
    """Each image under its own name, and the archive under every other."""
    content = IMAGES.get(handler.path.removeprefix("/"), ZIP)
    start = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
    size = len(content)
    span = {"Content-Range": f"bytes {start}-{size - 1}/{size}"} if start else {}
    handler.send_head(206 if start else 200, {"ETag": '"one"', "Content-Length": str(size - start), **span})
    handler.wfile.write(content[start:])


def test_a_kill_at_some_moments_leaves_nothing_that_the_next_call_does_not_mend(server: FlakyServer, root: Path) -> None:
    moments = killed(server, root, 7)
    assert set(moments) == {"zip", "damaged zip", "singles"} and min(moments.values()) > 3


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_nothing_that_the_next_call_does_not_mend(server: FlakyServer, root: Path) -> None:
    moments = killed(server, root, 1)
    assert set(moments) == {"zip", "damaged zip", "singles"} and min(moments.values()) > 30


@pytest.mark.parametrize("kind", ["zip", "singles"])
def test_a_kill_during_the_download_costs_only_the_rest(server: FlakyServer, root: Path, kind: str) -> None:
    server.content = ZIP if kind == "zip" else IMAGES["1.png"]
    archive = tiny(server.url) if kind == "zip" else by_file(server)
    server.tricks = [drip(200, 0.05)] if kind == "zip" else [Handler.send_file, drip(50, 0.05)]
    imports = "from benchmarks.data import store; from benchmarks.data.cards import Archive"
    code = f"{imports}; store.prepare({archive!r}, {NAMES}, None, print)"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL) as running:
        wait_for(
            lambda: (
                not server.tricks
                and list(root.rglob("*.part")) != []
                and max(p.stat().st_size for p in root.rglob("*.part")) > 300
            )
        )
        running.kill()
    get(archive)
    assert (server.ranges()[-1] if kind == "zip" else server.ranges()[2]) not in (None, "bytes=0-")
    assert len(server.seen) == (2 if kind == "zip" else 5)
    assert store.damaged(archive) == [] and left(root) == sorted(["pins.json", archive.name])


def wait_for(happens: object, seconds: float = 20.0) -> None:
    assert callable(happens)
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "does not happen"
        time.sleep(0.01)


# The command

CARD = """\
name = "{name}"
title = "Made up"
kind = "image-folders"
scale = 4
licence = "none"
citation = "none"
notes = ""

[test_hr]
archive = "{name}"
pattern = "{{}}.png"
first = 1
last = 4

[[archives]]
name = "{name}"
urls = ["{url}"]
inside = "{inside}"
"""


@dataclass
class Project:
    """A copy of the project with data sets of its own."""

    folder: Path
    cache: Path

    def add(self, name: str, url: str, inside: str = "") -> None:
        card = CARD.format(name=name, url=url, inside=inside)
        (self.folder / "datasets" / f"{name}.toml").write_text(card, encoding="utf-8")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "benchmarks.prepare", *arguments]
        return subprocess.Popen(line, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        with self.start(*arguments) as running:
            output, errors = running.communicate(timeout=60)
        assert "Traceback" not in errors
        return running.returncode, output, errors


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / "project" / package, ignore=shutil.ignore_patterns("__pycache__"))
    return Project(tmp_path / "project", tmp_path / "cache")


def test_two_processes_at_once_download_once(server: FlakyServer, project: Project, root: Path) -> None:
    project.add("tiny", server.url, "tiny")
    server.tricks = [drip(len(ZIP) // 20, 0.1)]
    with project.start("tiny") as first:
        wait_for(lambda: server.seen)
        with project.start("tiny") as second:
            outcomes = [running.communicate(timeout=60) for running in (first, second)]
    assert [first.returncode, second.returncode, len(server.seen)] == [0, 0, 1]
    assert [output for output, _ in outcomes] == [f"tiny: ready, {root / 'tiny'}\n"] * 2
    assert "tiny: wait for another process" in outcomes[1][1] and "wait" not in outcomes[0][1]
    assert left(root) == ["pins.json", "tiny"]


def test_one_that_fails_does_not_stop_the_other(server: FlakyServer, project: Project, root: Path) -> None:
    project.add("alive", server.url, "tiny")
    project.add("dead", f"{CLOSED}/dead.zip")
    project.add("hostile", server.url.replace("file", "other"), "elsewhere")
    code, output, errors = project("dead", "alive")
    assert (code, output) == (2, f"alive: ready, {root / 'alive'}\n")
    assert errors.startswith("error: dead: no mirror gave the file") and errors.count("error:") == 1
    code, output, errors = project("hostile", "alive")
    assert (code, output) == (1, f"alive: ready, {root / 'alive'}\n") and "no files under 'elsewhere'" in errors
    assert project("hostile", "dead", "alive")[0] == 2


def test_one_corrupt_manifest_does_not_hide_the_rest(server: FlakyServer, project: Project, root: Path) -> None:
    project.add("broken", server.url, "tiny")
    project.add("other", server.url, "tiny")
    assert project("broken")[0] == 0
    path = root / "broken" / ".manifest.json"
    path.write_text("{")
    code, output, _ = project("--list")
    assert code == 0 and "broken" in output and "other" in output
    code, output, errors = project("broken", "other")
    assert (code, output) == (2, f"other: ready, {root / 'other'}\n") and errors.startswith(f"error: {path}: corrupt manifest")
    code, output, errors = project("--verify")
    assert (code, errors.count("\n")) == (1, 1) and errors.startswith(f"{path}: corrupt manifest")
    assert "1 problems: remove what has changed, then prepare it again" in output
    path.unlink()
    assert project("broken")[0] == 0 and project("--verify")[0] == 0


def test_what_comes_file_by_file_goes_on_by_the_command(server: FlakyServer, project: Project, root: Path) -> None:
    project.add("singles", server.url.replace("file.zip", "{}"))
    server.always = serve_by_name
    server.tricks = [serve_by_name, serve_by_name, answer(404)]
    dry = project("singles", "--dry-run")
    assert dry[:2] == (0, f"singles: missing, ? MB from {server.url.replace('file.zip', '{}')}\n") and server.seen == []
    code, output, errors = project("singles")
    assert (code, output) == (2, "") and errors.splitlines()[-1].startswith("error: 3.png: no mirror gave the file")
    code, output, _ = project("singles")
    assert (code, output) == (0, f"singles: ready, {root / 'singles'}\n")
    assert [request[":path"] for request in server.seen] == [f"/{number}.png" for number in (1, 2, 3, 3, 4)]
    assert project("singles", "--verify")[:2] == (0, "1 verified, 0 problems\n")
    (root / "singles" / "1.png").write_bytes(b"changed")
    code, _, errors = project("singles", "--verify")
    assert (code, errors) == (1, f"{root / 'singles' / '1.png'}: changed\n")


def test_verify_finds_a_flipped_byte_among_decoded_images(project: Project) -> None:
    stack("00", lambda: [np.full((4, 4, 3), 7, np.uint8)])
    assert project("--verify")[0] == 0
    path = project.cache / "pixels" / "00.pixels"
    path.write_bytes(b"\x06" + path.read_bytes()[1:])
    code, output, errors = project("--verify")
    assert (code, errors) == (1, f"{path}: changed: remove it, and it is made anew\n") and "1 problems" in output
    path.unlink()
    assert project("--verify")[0] == 0


def test_room_is_counted_for_all_archives_together(
    server: FlakyServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archives = [replace(tiny(server.url), name=name, bytes=400) for name in ("one", "two")]
    items = [inventory.ArchiveItem(a.name, {}, "none", a.bytes, server.url, store.folder(a), a, NAMES) for a in archives]
    monkeypatch.setattr(inventory, "items", lambda names: items)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(0, 0, 1_100))
    assert command.main(["one", "two"]) == 2
    assert "GB are needed and" in capsys.readouterr().err and server.seen == []
    store.data_root().mkdir(parents=True)
    (store.data_root() / ".one.download").write_bytes(b"x" * 400)
    (store.data_root() / ".two.download").write_bytes(b"x" * 400)
    assert command.main(["one", "two"]) == 2
    assert "GB are needed" not in capsys.readouterr().err, "what is here already needs no room; then nothing came of it"
