"""Fixtures of the tests of downloads: a file and its server, a new target, downloads that end early."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.core.errors import UsageError
from benchmarks.data.acquisition import download as module
from benchmarks.data.acquisition.download import DownloadFailed, Remote, download
from tests.conftest import ROOT
from tests.helpers.flaky_server import FlakyServer, cut, serving

CONTENT = random.Random(1).randbytes(300_000)  # noqa: S311
OTHER = random.Random(2).randbytes(300_000)  # noqa: S311
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OLD = b"the old good file"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses, and no proxy between a test and its server."""
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture(name="server")
def content_server() -> Iterator[FlakyServer]:
    with serving(CONTENT) as running:
        yield running


@pytest.fixture(name="target")
def new_target(tmp_path: Path) -> Path:
    return tmp_path / "new" / "file.zip"


def remote(*servers: FlakyServer | str, size: int | None = len(CONTENT), sha256: str | None = SHA256) -> Remote:
    return Remote("file.zip", tuple(at if isinstance(at, str) else at.url for at in servers), size, sha256)


def unknown(server: FlakyServer) -> Remote:
    return remote(server, size=None, sha256=None)


def failure(wanted: Remote, target: Path, kind: type[UsageError] = DownloadFailed) -> str:
    """Message of a failing download, after a check that the target is as before."""
    before = target.read_bytes() if target.exists() else None
    with pytest.raises(kind) as caught:
        download(wanted, target)
    assert (target.read_bytes() if target.exists() else None) == before
    assert "\n" not in str(caught.value) and caught.value.exit_code == 2
    return str(caught.value)


def left_over(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir() if path.suffix != ".lock" and path != target)


def part_of(target: Path) -> Path:
    (part,) = target.parent.glob(".*.part")
    return part


def interrupted(server: FlakyServer, target: Path, at: int, wanted: Remote | None = None) -> None:
    """Leave a partial file of ``at`` bytes, like a killed call, and forget the requests so far."""

    def stop(done: int, total: int | None) -> None:
        if done >= at:
            raise KeyboardInterrupt

    tricks, server.tricks = server.tricks, [cut(at)]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, "REPORT_SECONDS", 0.0)
        download(wanted or remote(server), target, stop)
    assert part_of(target).stat().st_size == at
    server.tricks = tricks
    server.seen.clear()


SCRIPT = """
import sys
from pathlib import Path
from benchmarks.data.acquisition.download import Remote, download
url, sha256, target = sys.argv[1:]
print(download(Remote("file.zip", (url,), None, sha256 or None), Path(target)))
"""


def process(
    server: FlakyServer, target: Path, sha256: str = SHA256, before: Callable[[], None] | None = None
) -> subprocess.Popen[str]:
    line = [sys.executable, "-c", SCRIPT, server.url, sha256, str(target)]
    pipe = subprocess.PIPE
    return subprocess.Popen(line, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, preexec_fn=before)
