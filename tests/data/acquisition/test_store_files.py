"""Data sets of single files: each file is checked and kept, missing files alone are requested, the content is pinned."""

from __future__ import annotations

from pathlib import Path

from benchmarks.core.errors import UsageError
from benchmarks.data.acquisition import store
from benchmarks.data.acquisition.download import DownloadFailed
from benchmarks.data.acquisition.pins import WrongHash, pins
from tests.helpers.flaky_server import FlakyServer, Handler, answer, cut
from tests.helpers.tiny_archives import (
    IMAGES,
    NAMES,
    PAGE,
    by_file,
    contents,
    empty_root,  # noqa: F401
    get,
    left,
    refusal,
    zip_server,  # noqa: F401
)


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


def test_a_file_that_is_no_image_is_refused(server: FlakyServer, root: Path) -> None:
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
        message = refusal(archive, WrongHash)
        assert f"remove singles from {root / 'pins.json'}" in message and f"{root / '.singles.files'}: its files have" in message
    assert len(server.seen) == 4 + 1 + 4 and not (root / "singles").exists()
    (root / "pins.json").write_text("{}")
    get(archive)
    assert len(server.seen) == 4 + 1 + 4 and contents(archive) == dict.fromkeys(NAMES, IMAGES["2.png"])


def test_an_archive_for_what_comes_file_by_file_is_refused(server: FlakyServer, root: Path, tmp_path: Path) -> None:
    message = refusal(by_file(server), UsageError, local_file=tmp_path / "singles.zip")
    assert f"single files: unpack it to {root / 'singles'}" in message and server.seen == []
