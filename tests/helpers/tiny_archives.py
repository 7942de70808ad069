"""Fixtures of the tests of archives: four small images, alone and packed, their server, an empty data folder."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.core.errors import BenchmarkError
from benchmarks.data.acquisition import download as downloads
from benchmarks.data.acquisition import manifest, store
from benchmarks.data.acquisition.archive import Archive
from benchmarks.data.fields import Hash
from tests.helpers.archive_makers import make_zip
from tests.helpers.flaky_server import FlakyServer, Handler, serving
from tests.helpers.stand_ins import photograph

NAMES = ("1.png", "2.png", "3.png", "4.png")
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"
CLOSED = "http://127.0.0.1:1"
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def picture(seed: int, side: int = 32) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(photograph(seed, side)).save(buffer, "png")
    return buffer.getvalue()


IMAGES = {name: picture(seed) for seed, name in enumerate(NAMES)}
ZIP = make_zip([(f"top/tiny/{name}", content) for name, content in IMAGES.items()])
OTHER = make_zip([(f"top/tiny/{name}", picture(seed + 10)) for seed, name in enumerate(NAMES)])
SHA256 = hashlib.sha256(ZIP).hexdigest()


@pytest.fixture(name="root", autouse=True)
def empty_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Data folder of the archives, not made yet; short pauses, and no proxy between a test and its server."""
    for name in ("CINCGAN_DATA", "CINCGAN_OFFLINE", *PROXIES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 0.01)
    return tmp_path / "cache" / "datasets"


@pytest.fixture(name="server")
def zip_server() -> Iterator[FlakyServer]:
    with serving(ZIP) as running:
        yield running


def tiny(url: str, sha256: Hash | None = None) -> Archive:
    return Archive("tiny", (url,), None, sha256, "tiny")


def by_file(server: FlakyServer) -> Archive:
    return Archive("singles", (server.url.replace("file.zip", "{}"),))


def get(archive: Archive, names: Sequence[str] = NAMES, local_file: Path | None = None) -> list[str]:
    """Prepare the archive. Returns the reported activities."""
    said: list[str] = []
    store.prepare(archive, names, local_file, lambda what, done, of: said.append(what))
    return said


def refusal(archive: Archive, kind: type[BenchmarkError], names: Sequence[str] = NAMES, local_file: Path | None = None) -> str:
    """Message of the error that preparing ends with."""
    with pytest.raises(kind) as caught:
        get(archive, names, local_file)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def contents(archive: Archive) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.folder(archive).iterdir() if path.name != manifest.NAME}


def left(root: Path) -> list[str]:
    """Names of all entries but locks."""
    return sorted(path.name for path in root.iterdir() if not path.name.endswith(".lock"))


def serve_by_name(handler: Handler) -> None:
    """Each image under its own name, and the archive under every other."""
    content = IMAGES.get(handler.path.removeprefix("/"), ZIP)
    start = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
    size = len(content)
    span = {"Content-Range": f"bytes {start}-{size - 1}/{size}"} if start else {}
    handler.send_head(206 if start else 200, {"ETag": '"one"', "Content-Length": str(size - start), **span})
    handler.wfile.write(content[start:])
