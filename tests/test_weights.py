"""Weight cards and the fetching of their files, against a real server and a real package index on the loopback interface."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
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

import numpy as np
import pytest
import torch

from benchmarks import prepare as command
from benchmarks.data import download as downloads
from benchmarks.data import package_index, weights
from benchmarks.data.cards import dataset_names
from benchmarks.data.package_index import pip_settings
from benchmarks.data.pins import pins
from benchmarks.data.weights import WeightCard, WeightFile, cached, cached_path, damaged, fetch, load_weight_card, place
from benchmarks.errors import BenchmarkError, UsageError, WeightsMissing
from benchmarks.perceptual import trunk_state
from tests.conftest import ROOT
from tests.flaky_server import FlakyServer, Handler, answer, cut, drip, serving

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


def make_file(role: str = "trunk", **changes: Any) -> WeightFile:
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
    assert f"{card.files[0].sha256}" in message and str(cached_path(card.files[0])) in message
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


# By web address

DIGITS = hashlib.sha256(TRUNK).hexdigest()[:8]
OTHER = b"another trunk " * 4096


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[FlakyServer]:
    """A server of the trunk."""
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 0.01)
    monkeypatch.delenv("CINCGAN_OFFLINE", raising=False)
    with serving(TRUNK) as running:
        yield running


def on_web(server: FlakyServer, name: str = "trunk.pth", sha256: str | None = hashlib.sha256(TRUNK).hexdigest()) -> WeightFile:
    return WeightFile("trunk", "none", sha256, server.url.replace("file.zip", name))


def refusal(card: WeightCard) -> str:
    """The one line that fetching the card ends with."""
    with pytest.raises(WeightsMissing) as caught:
        fetch(card)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "weights"


def test_the_web_address_comes_first(index: Index, web: FlakyServer, tmp_path: Path) -> None:
    card = make_card(on_web(web), make_file())
    assert fetch(card) == {"trunk": cache(tmp_path) / "trunk.pth"}
    assert fetch(card)["trunk"].read_bytes() == TRUNK
    assert (len(web.seen), index.requests) == (1, [])
    assert left_in_cache(tmp_path) == ["trunk.pth"]


@pytest.mark.parametrize("trouble", ["dead", "gone", "other", "cut"])
def test_the_index_helps_out(index: Index, web: FlakyServer, tmp_path: Path, trouble: str) -> None:
    file = on_web(web)
    if trouble == "dead":
        file = replace(file, url="http://127.0.0.1:1/trunk.pth")
    web.content = OTHER if trouble == "other" else TRUNK
    web.has_ranges = False
    web.always = {"gone": answer(404), "cut": cut(1000)}.get(trouble, web.always)
    card = make_card(file, make_file())
    assert fetch(card)["trunk"] == cache(tmp_path) / "made_up-1.0" / "trunk.ckpt"
    asked = len(web.seen), len(index.requests)
    assert cached(card)["trunk"] == fetch(card)["trunk"] and fetch(card)["trunk"].read_bytes() == TRUNK
    assert asked == (len(web.seen), len(index.requests)), "the alternative is enough"


def test_every_source_has_its_say(web: FlakyServer) -> None:
    web.content = OTHER
    message = refusal(make_card(on_web(web), make_file()))
    assert hashlib.sha256(OTHER).hexdigest() in message and "made_up-1.0.tar.gz" in message and "ConnectError" in message
    assert "run python -m benchmarks.prepare made-up with a network, or place the file at" in message


def test_offline_asks_nobody(index: Index, web: FlakyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINCGAN_OFFLINE", "1")
    message = refusal(make_card(on_web(web), make_file()))
    assert "trunk is missing (offline)" in message and str(cached_path(on_web(web))) in message
    cached_path(make_file()).parent.mkdir(parents=True)
    cached_path(make_file()).write_bytes(TRUNK)
    assert fetch(make_card(on_web(web), make_file())) == {"trunk": cached_path(make_file())}
    assert (web.seen, index.requests) == ([], [])


@pytest.mark.parametrize("sha256", [None, hashlib.sha256(TRUNK).hexdigest()], ids=["pinned", "published"])
def test_a_damaged_file_comes_again(web: FlakyServer, tmp_path: Path, sha256: str | None) -> None:
    file = on_web(web, sha256=sha256)
    path = fetch(make_card(file))["trunk"]
    assert damaged([file]) == []
    path.write_bytes(TRUNK[:-1] + b"!")
    assert damaged([file]) == [f"{path}: changed"] and cached(make_card(file)) == {"trunk": None}
    assert fetch(make_card(file))["trunk"].read_bytes() == TRUNK
    assert len(web.seen) == 2


def test_the_digits_in_a_name_are_checked(web: FlakyServer, tmp_path: Path) -> None:
    good, bad = on_web(web, f"trunk-{DIGITS}.pth", None), on_web(web, "trunk-00000000.pth", None)
    message = refusal(make_card(bad))
    assert f"its sha256 is {hashlib.sha256(TRUNK).hexdigest()}, and not as the name trunk-00000000.pth has it" in message
    assert left_in_cache(tmp_path) == []
    assert fetch(make_card(good))["trunk"].name == f"trunk-{DIGITS}.pth"
    cached_path(bad).write_bytes(TRUNK)
    assert cached(make_card(bad)) == {"trunk": None}, "not even where it was put by hand"


def test_what_nobody_has_published_is_pinned_and_another_one_refused(web: FlakyServer, tmp_path: Path) -> None:
    file = on_web(web, sha256=None)
    path = fetch(make_card(file))["trunk"]
    assert pins(cache(tmp_path)) == {"trunk.pth": hashlib.sha256(TRUNK).hexdigest()}
    path.unlink()
    web.content = OTHER
    message = refusal(make_card(file))
    assert hashlib.sha256(OTHER).hexdigest() in message
    mend = f"if the publisher replaced it on purpose, remove trunk.pth from {cache(tmp_path) / 'pins.json'}"
    assert mend in message and not path.exists()
    web.always = answer(404)
    assert "pins.json" not in refusal(make_card(file))
    (tmp_path / "own.pth").write_bytes(OTHER)
    with pytest.raises(BenchmarkError, match="if the publisher replaced it on purpose"):
        place(file, tmp_path / "own.pth")
    (cache(tmp_path) / "pins.json").unlink()
    place(file, tmp_path / "own.pth")
    assert fetch(make_card(file))["trunk"].read_bytes() == OTHER
    assert pins(cache(tmp_path)) == {"trunk.pth": hashlib.sha256(OTHER).hexdigest()}


def test_a_file_that_nobody_has_published_may_be_put_by_hand(web: FlakyServer, tmp_path: Path) -> None:
    file = on_web(web, sha256=None)
    cache(tmp_path).mkdir(parents=True)
    cached_path(file).write_bytes(OTHER)
    assert cached(make_card(file)) == {"trunk": cached_path(file)} and pins(cache(tmp_path)) == {}
    assert fetch(make_card(file)) == {"trunk": cached_path(file)}
    assert pins(cache(tmp_path)) == {"trunk.pth": hashlib.sha256(OTHER).hexdigest()} and web.seen == []
    cached_path(file).write_bytes(TRUNK)
    assert cached(make_card(file)) == {"trunk": None}, "from its first use on it is known"


def test_corrupt_pins_are_one_line(web: FlakyServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache(tmp_path).mkdir(parents=True)
    (cache(tmp_path) / "pins.json").write_text("[")
    with pytest.raises(UsageError, match=r"pins.json: corrupt \(.*\): restore it, or delete it to trust the next downloads"):
        fetch(make_card(on_web(web, sha256=None)))
    assert web.seen == []
    assert fetch(make_card(on_web(web)))["trunk"].read_bytes() == TRUNK, "what is published needs no pins"
    assert command.main(["--list"]) == 0
    assert "edsr-x4-16x64" in capsys.readouterr().out


def test_an_interrupted_download_goes_on(web: FlakyServer, tmp_path: Path) -> None:
    web.tricks, web.always = [cut(20_000)], answer(404)
    refusal(make_card(on_web(web)))
    web.always = Handler.send_file
    assert fetch(make_card(on_web(web)))["trunk"].read_bytes() == TRUNK
    assert web.ranges()[-1] == "bytes=20000-" and left_in_cache(tmp_path) == ["trunk.pth"]


def test_a_query_is_no_part_of_the_name(web: FlakyServer, tmp_path: Path) -> None:
    assert fetch(make_card(on_web(web, "trunk.pth?download=1")))["trunk"] == cache(tmp_path) / "trunk.pth"


def test_threads_and_processes_download_once(web: FlakyServer) -> None:
    web.tricks = [drip(len(TRUNK) // 10, 0.05)]
    card = make_card(on_web(web, sha256=None))
    code = f"from benchmarks.data.weights import *; print(fetch({card!r})['trunk'])"
    line = [sys.executable, "-c", code]
    processes = [subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    with ThreadPoolExecutor(3) as pool:
        paths = {files["trunk"] for files in pool.map(fetch, [card] * 3)}
    outputs = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert paths == {cached_path(card.files[0])} and outputs == {str(cached_path(card.files[0]))}
    assert len(web.seen) == 1 and cached_path(card.files[0]).read_bytes() == TRUNK


# Files of the user


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of weight cards, empty."""
    monkeypatch.setattr(weights, "CARDS", tmp_path / "cards")
    (tmp_path / "cards" / "weights").mkdir(parents=True)
    return tmp_path / "cards" / "weights"


def write_card(cards: Path, *files: dict[str, Any]) -> None:
    lines = [f"{key} = {json.dumps('made-up')}" for key in ("name", "title", "licence", "citation")]
    for file in files:
        lines += ["[[files]]", *(f"{key} = {json.dumps(value)}" for key, value in {"licence": "none", **file}.items())]
    (cards / "made-up.toml").write_text("\n".join(lines), encoding="utf-8")


def test_a_file_of_the_user_by_the_command(
    cards: Path, web: FlakyServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = on_web(web)
    write_card(cards, {"role": "trunk", "url": file.url, "sha256": file.sha256})
    (tmp_path / "any.name").write_bytes(OTHER)
    assert command.main(["made-up", "--from-archive", str(tmp_path / "any.name")]) == 1
    message = capsys.readouterr().err
    assert message.startswith(f"error: {tmp_path / 'any.name'}: its sha256 is ") and message.count("\n") == 1
    assert left_in_cache(tmp_path) == []
    assert command.main(["made-up", "--from-archive", str(tmp_path / "absent")]) == 2
    assert "absent: cannot be read (No such file or directory): give the file trunk.pth" in capsys.readouterr().err
    (tmp_path / "any.name").write_bytes(TRUNK)
    assert command.main(["made-up", "--from-archive", str(tmp_path / "any.name")]) == 0
    assert capsys.readouterr().out == f"made-up/trunk: ready, {cache(tmp_path)}\n"
    assert fetch(load_weight_card("made-up"))["trunk"].read_bytes() == TRUNK
    assert web.seen == [] and command.main(["made-up", "--verify"]) == 0
    cached_path(file).write_bytes(OTHER)
    assert command.main(["made-up", "--verify"]) == 1
    assert capsys.readouterr().err == f"{cached_path(file)}: changed\n"


def test_a_file_of_the_user_is_known_by_an_alternatives_name(
    cards: Path, web: FlakyServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = on_web(web, "second.pth")
    files = [{"role": "trunk", "url": file.url, "sha256": file.sha256} for file in (on_web(web, sha256="0" * 64), second)]
    write_card(cards, *files)
    (tmp_path / "second.pth").write_bytes(TRUNK)
    assert command.main(["made-up", "--from-archive", str(tmp_path / "second.pth")]) == 0, capsys.readouterr().err
    assert cached(load_weight_card("made-up")) == {"trunk": cached_path(second)} and web.seen == []


def test_a_file_of_the_user_must_fit_its_name(web: FlakyServer, tmp_path: Path) -> None:
    (tmp_path / "own").write_bytes(OTHER)
    with pytest.raises(BenchmarkError, match=rf"own: its sha256 is \w+, and not as the name trunk-{DIGITS}.pth has it: download"):
        place(on_web(web, f"trunk-{DIGITS}.pth", None), tmp_path / "own")
    assert left_in_cache(tmp_path) == []


# Cards

INDEX = {"project": "made_up", "version": "1.0", "archive": "made_up-1.0.tar.gz", "member": "trunk.ckpt"}
ADDRESS = {"url": "http://127.0.0.1/trunk.pth"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({**ADDRESS, **INDEX, "sha256": "0" * 64}, "trunk: give a url, or project, version, archive, member and sha256"),
        ({**ADDRESS, "member": "trunk.ckpt"}, "trunk: give a url, or project"),
        ({}, "trunk: give a url, or project"),
        (INDEX, "trunk: give a url, or project"),
        ({**INDEX, "sha256": "0" * 64, "version": ""}, "trunk: give a url, or project"),
        ({**ADDRESS, "sha256": "0" * 63}, "sha256"),
        ({"url": "ftp://127.0.0.1/trunk.pth"}, "url"),
        ({**ADDRESS, "bytes": 0}, "bytes"),
        ({**ADDRESS, "sha265": "0" * 64}, "did you mean 'sha256'"),
    ],
)
def test_cards_that_contradict_themselves_are_one_line(cards: Path, changes: dict[str, Any], message: str) -> None:
    write_card(cards, {"role": "trunk", **changes})
    with pytest.raises(UsageError) as caught:
        load_weight_card("made-up")
    assert message in str(caught.value) and str(cards / "made-up.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_card_needs_files_and_its_own_name(cards: Path) -> None:
    write_card(cards)
    with pytest.raises(UsageError, match="files"):
        load_weight_card("made-up")
    write_card(cards, {"role": "trunk", **ADDRESS})
    assert load_weight_card("made-up").files[0].origin == ADDRESS["url"]
    (cards / "made-up.toml").rename(cards / "other.toml")
    with pytest.raises(UsageError, match="name is 'made-up': it must be the file's, 'other'"):
        load_weight_card("other")


# What is in the files

LAYERS = ["0", "3", "10"]


def write_trunks(folder: Path, count: int = 3) -> tuple[Path, Path]:
    """One trunk twice: as torchvision saves it, and as plain arrays."""
    shapes = [(4 + layer, 3 + layer, 3, 3) for layer in range(count)]
    kernels = [np.random.default_rng(layer).normal(size=shape).astype(np.float32) for layer, shape in enumerate(shapes)]
    biases = [np.random.default_rng(layer).normal(size=shape[0]).astype(np.float32) for layer, shape in enumerate(shapes)]
    state = {"classifier.1.weight": torch.zeros(2, 2), "classifier.1.bias": torch.zeros(2)}
    for name, kernel, bias in reversed(list(zip(LAYERS, kernels, biases, strict=False))):
        state |= {f"features.{name}.weight": torch.from_numpy(kernel), f"features.{name}.bias": torch.from_numpy(bias)}
    torch.save(state, folder / "trunk.pth")
    layers = {
        f"Conv_{layer}": {"kernel": kernel.transpose(2, 3, 1, 0).copy(), "bias": bias}
        for layer, (kernel, bias) in enumerate(zip(kernels, biases, strict=True))
    }
    (folder / "trunk.ckpt").write_bytes(pickle.dumps({"VGG16_0": layers, "NetLinLayer_0": {}}))
    return folder / "trunk.pth", folder / "trunk.ckpt"


def test_torchvisions_file_holds_the_same_trunk_as_plain_arrays(tmp_path: Path) -> None:
    states = [trunk_state(path, LAYERS) for path in write_trunks(tmp_path)]
    assert list(states[0]) == list(states[1]) == [f"{name}.{kind}" for kind in ("weight", "bias") for name in LAYERS]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert [tuple(states[0][f"{name}.weight"].shape) for name in LAYERS] == [(4, 3, 3, 3), (5, 4, 3, 3), (6, 5, 3, 3)]
    fewer = [trunk_state(path, ["a", "b"]) for path in write_trunks(tmp_path)]
    assert torch.equal(fewer[0]["b.weight"], states[0]["3.weight"]) and torch.equal(fewer[1]["b.weight"], states[0]["3.weight"])


def test_a_trunk_with_too_few_layers_is_one_line(tmp_path: Path) -> None:
    for path in write_trunks(tmp_path, 2):
        with pytest.raises(UsageError) as caught:
            trunk_state(path, LAYERS)
        assert str(caught.value) == f"{path}: has 2 convolutions of 3: delete it to have it fetched again"


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("is_zipped", [True, False])
def test_a_malicious_state_is_refused_and_does_not_run(tmp_path: Path, is_zipped: bool) -> None:
    trap, path = tmp_path / "sprung", tmp_path / "trunk.pth"
    torch.save({"features.0.weight": Malicious(trap)}, path, _use_new_zipfile_serialization=is_zipped)
    with pytest.raises(UsageError, match=r"trunk.pth: holds no ImageNet trunk") as caught:
        trunk_state(path, LAYERS)
    assert str(caught.value).endswith("delete it to have it fetched again") and not trap.exists()
    torch.load(path, weights_only=False)
    assert trap.exists(), "the trap does not work"
