"""Weight cards and the fetching of their files, against a real package index on the loopback interface."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchmarks.data import package_index
from benchmarks.data.cards import dataset_names
from benchmarks.data.package_index import pip_settings
from benchmarks.data.weights import WeightCard, WeightFile, cached_path, fetch, load_weight_card
from benchmarks.errors import UsageError, WeightsMissing

TRUNK = b"made-up trunk " * 4096
HEADS = b"made-up heads"
CLOSED = "http://127.0.0.1:1/simple"


class Index:
    """A package index: a folder, served as PEP 503 has it, and the paths that were asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[str] = []
        (folder / "files").mkdir()
        handler = partial(self._handler(), directory=str(folder))
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/simple"

    def _handler(self) -> type[SimpleHTTPRequestHandler]:
        requests = self.requests

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, format: str, *arguments: Any) -> None:
                requests.append(self.path)

        return Handler

    def add(self, project: str, archive: str, content: bytes, *, fragment: str = "") -> None:
        page = self.folder / "simple" / project / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(f'<!DOCTYPE html><html><body><a href="/files/{archive}{fragment}">{archive}</a></body></html>')
        (self.folder / "files" / archive).write_bytes(content)


def make_sdist(members: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return buffer.getvalue()


def make_wheel(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def make_file(role: str = "trunk", **changes: str) -> WeightFile:
    trunk = WeightFile(
        role="trunk",
        project="made_up",
        version="1.0",
        archive="made_up-1.0.tar.gz",
        member="made_up-1.0/made_up/trunk.ckpt",
        sha256=hashlib.sha256(TRUNK).hexdigest(),
        licence="none",
    )
    heads = replace(
        trunk,
        role="heads",
        project="made-up-heads",
        archive="made_up_heads-1.0-py3-none-any.whl",
        member="made_up_heads/heads.pth",
        sha256=hashlib.sha256(HEADS).hexdigest(),
    )
    return replace({"trunk": trunk, "heads": heads}[role], **changes)


def make_card(*files: WeightFile) -> WeightCard:
    return WeightCard("made-up", "Made up", "none", "none", files or (make_file("trunk"), make_file("heads")))


@pytest.fixture(autouse=True)
def only_this_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """An empty cache, and no index but the one a test names: nothing of the machine's pip settings."""
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path / "cache"))
    if request.node.get_closest_marker("network"):
        return
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", CLOSED)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """A running index that serves both made-up files."""
    (tmp_path / "index").mkdir()
    index = Index(tmp_path / "index")
    index.add("made-up", "made_up-1.0.tar.gz", make_sdist({"made_up-1.0/made_up/trunk.ckpt": TRUNK}))
    index.add("made-up-heads", "made_up_heads-1.0-py3-none-any.whl", make_wheel({"made_up_heads/heads.pth": HEADS}))
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    thread = threading.Thread(target=index.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield index
    index.server.shutdown()
    thread.join()
    index.server.server_close()


def missing(card: WeightCard) -> str:
    """The one line that fetching the card ends with."""
    with pytest.raises(WeightsMissing) as caught:
        fetch(card)
    message = str(caught.value)
    assert "\n" not in message
    assert card.files[0].sha256 in message and str(cached_path(card.files[0])) in message
    assert caught.value.exit_code == 2
    return message


def left_in_cache(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.suffix != ".lock")


def test_takes_the_members_out_of_an_sdist_and_a_wheel(index: Index, tmp_path: Path) -> None:
    files = fetch(make_card())
    assert {role: path.read_bytes() for role, path in files.items()} == {"trunk": TRUNK, "heads": HEADS}
    assert left_in_cache(tmp_path) == ["heads.pth", "trunk.ckpt"]


def test_a_full_cache_needs_neither_network_nor_pip(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fetch(make_card())
    asked = len(index.requests)
    assert asked == 4
    monkeypatch.setattr(package_index, "pip_settings", lambda: pytest.fail("asked for pip's settings"))
    assert fetch(make_card()) == first
    assert len(index.requests) == asked


def test_a_damaged_cached_file_is_fetched_again(index: Index) -> None:
    path = fetch(make_card())["trunk"]
    path.write_bytes(TRUNK[:-1])
    assert fetch(make_card())["trunk"].read_bytes() == TRUNK


def test_a_damaged_cached_file_is_not_returned_when_offline(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch(make_card())["trunk"].write_bytes(b"damaged")
    monkeypatch.setenv("PIP_INDEX_URL", CLOSED)
    assert "trunk" in missing(make_card())


def test_a_file_placed_by_hand_is_enough() -> None:
    file = make_file()
    cached_path(file).parent.mkdir(parents=True)
    cached_path(file).write_bytes(TRUNK)
    assert fetch(make_card(file)) == {"trunk": cached_path(file)}


def test_wrong_hash(index: Index, tmp_path: Path) -> None:
    index.add("made-up", "made_up-1.0.tar.gz", make_sdist({"made_up-1.0/made_up/trunk.ckpt": b"other"}))
    assert hashlib.sha256(b"other").hexdigest() in missing(make_card())
    assert left_in_cache(tmp_path) == []


def test_the_index_itself_declares_another_hash(index: Index) -> None:
    sdist = make_sdist({"made_up-1.0/made_up/trunk.ckpt": TRUNK})
    index.add("made-up", "made_up-1.0.tar.gz", sdist, fragment="#sha256=" + "0" * 64)
    assert "HashMismatchError" in missing(make_card())


def test_unknown_project(index: Index) -> None:
    message = missing(make_card(make_file(project="nowhere", archive="nowhere-1.0.tar.gz")))
    assert "has no nowhere-1.0.tar.gz" in message and "404" in message


def test_other_version_only(index: Index) -> None:
    assert "has no made_up-2.0.tar.gz" in missing(make_card(make_file(version="2.0", archive="made_up-2.0.tar.gz")))


def test_offline(capfd: pytest.CaptureFixture[str]) -> None:
    message = missing(make_card())
    assert "ConnectError" in message and "run python -m benchmarks.prepare made-up with a network" in message
    assert capfd.readouterr() == ("", "")


def test_damaged_archive(index: Index, tmp_path: Path) -> None:
    sdist = make_sdist({"made_up-1.0/made_up/trunk.ckpt": os.urandom(1 << 16)})
    index.add("made-up", "made_up-1.0.tar.gz", sdist[: len(sdist) // 2])
    missing(make_card())
    assert left_in_cache(tmp_path) == []


def test_nothing_of_the_distribution_runs(index: Index, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    setup = f"import pathlib; pathlib.Path({str(trap)!r}).touch()".encode()
    subprocess.run([sys.executable, "-c", setup.decode()], check=True)
    assert trap.exists(), "the trap does not work"
    trap.unlink()
    members = {
        "setup.py": setup,
        "made_up/__init__.py": setup,
        "pyproject.toml": b"",
        "../escaped": b"x",
        "made_up/trunk.ckpt": TRUNK,
    }
    index.add("made-up", "made_up-1.0.tar.gz", make_sdist({f"made_up-1.0/{name}": content for name, content in members.items()}))
    assert fetch(make_card())["trunk"].read_bytes() == TRUNK
    assert not trap.exists()
    assert left_in_cache(tmp_path) == ["heads.pth", "trunk.ckpt"]


def test_a_link_is_no_member(index: Index, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(TRUNK)
    member = "made_up-1.0/made_up/trunk.ckpt"
    index.add("made-up", "made_up-1.0.tar.gz", make_sdist({}, links={member: str(tmp_path / "secret")}))
    assert "no regular file" in missing(make_card())


def test_a_link_in_a_wheel_is_no_member(index: Index) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("made_up_heads/heads.pth")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, HEADS)
    index.add("made-up-heads", "made_up_heads-1.0-py3-none-any.whl", buffer.getvalue())
    assert "no regular file" in missing(make_card(make_file("heads")))


@pytest.mark.parametrize("role", ["trunk", "heads"])
def test_a_member_by_another_path_is_not_taken(index: Index, role: str) -> None:
    assert "no regular file" in missing(make_card(make_file(role, member="trunk.ckpt")))


@pytest.mark.parametrize("limit", [100, len(TRUNK) - 1])
def test_oversize(index: Index, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(package_index, "SIZE_LIMIT", limit)
    assert f"larger than {limit} bytes" in missing(make_card())


def test_an_index_out_of_reach_does_not_hide_the_next(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", CLOSED)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"{CLOSED} {index.url}")
    assert fetch(make_card())["trunk"].read_bytes() == TRUNK


def test_find_links_without_an_index(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index.folder / "files"))
    assert fetch(make_card())["heads"].read_bytes() == HEADS
    assert index.requests == []


def test_no_source_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "true")
    assert "pip is set to use no index" in missing(make_card())


def test_settings_come_from_pips_files_and_the_environment_over_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = http://global.invalid\ntrusted-host =\n  one.invalid\n  two.invalid\n"
        "[install]\nindex-url = http://install.invalid\ncert = /install.pem\n[list]\nproxy = unrelated\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.setenv("PIP_CERT", "/environment.pem")
    settings = pip_settings()
    assert settings["index-url"] == "http://install.invalid"
    assert settings["cert"] == "/environment.pem"
    assert settings["trusted-host"].split() == ["one.invalid", "two.invalid"]
    assert "proxy" not in settings


def test_unreadable_certificates_are_named(index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "absent.pem"))
    assert "absent.pem cannot be read" in missing(make_card())


def test_credentials_are_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", CLOSED.replace("127", "user:secret@127"))
    assert "secret" not in missing(make_card())


def test_a_cache_that_cannot_be_written(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path / "file"))
    missing(make_card())


def test_several_at_once_download_once(index: Index) -> None:
    card = make_card(make_file())
    with ThreadPoolExecutor(4) as pool:
        paths = {files["trunk"] for files in pool.map(fetch, [card] * 4)}
    assert [path.read_bytes() for path in paths] == [TRUNK]
    assert sum("made_up-1.0.tar.gz" in path for path in index.requests) == 1


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_the_cards(net: str) -> None:
    card = load_weight_card(f"lpips-{net}")
    assert card.name == f"lpips-{net}"
    assert [file.role for file in card.files] == ["trunk", "trunk", "heads"]
    assert card.files[0].url == f"https://download.pytorch.org/models/{cached_path(card.files[0]).name}"
    assert all(file.licence for file in card.files)
    assert card.name not in dataset_names()


def test_an_unknown_card_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'lpips-alex'"):
        load_weight_card("lpips-alx")


@pytest.mark.network
def test_the_users_own_index_has_the_heads() -> None:
    card = load_weight_card("lpips-alex")
    heads = replace(card, files=tuple(file for file in card.files if file.role == "heads"))
    assert fetch(heads)["heads"].stat().st_size == 6009
