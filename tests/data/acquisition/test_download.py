"""Downloads, whole and checked or not at all, from servers that refuse, lie and stall, and by several at once."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from benchmarks.core.errors import UsageError
from benchmarks.data.acquisition import download as module
from benchmarks.data.acquisition.download import DownloadFailed, download
from tests.helpers.downloads import (
    CONTENT,
    OLD,
    OTHER,
    SHA256,
    content_server,  # noqa: F401
    failure,
    impatient,  # noqa: F401
    interrupted,
    left_over,
    new_target,  # noqa: F401
    process,
    remote,
    unknown,
)
from tests.helpers.flaky_server import FlakyServer, Trick, answer, chunked, cut, drip, serving, wait_for

CLOSED = "http://127.0.0.1:1/file.zip"
PAGE = b"\n<!-- proxy -->\n<!DOCTYPE html><html><body>Please log in</body></html>"


def test_a_file_is_downloaded_checked_and_without_leftovers(server: FlakyServer, target: Path) -> None:
    checked: list[bytes] = []
    assert download(remote(server), target, check=lambda path: checked.append(path.read_bytes())) == SHA256
    assert target.read_bytes() == CONTENT == checked[0]
    assert left_over(target) == []
    assert server.seen[0]["accept-encoding"] == "identity" and server.ranges() == [None]


def test_an_upper_case_hash_and_an_unknown_one_do_as_well(server: FlakyServer, target: Path) -> None:
    assert download(remote(server, sha256=SHA256.upper()), target) == SHA256
    assert download(unknown(server), target.with_name("other")) == SHA256
    server.tricks = [chunked(CONTENT)]
    assert download(unknown(server), target.with_name("third")) == SHA256


def test_a_file_with_the_right_hash_is_not_asked_for(server: FlakyServer, target: Path) -> None:
    download(remote(server), target)
    figures: list[tuple[int, int | None]] = []
    assert download(remote(server), target, lambda *figure: figures.append(figure)) == SHA256
    assert len(server.seen) == 1 and figures == [(300_000, 300_000)]


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_another_file_under_the_name_is_replaced_when_the_new_one_is_complete(
    server: FlakyServer, target: Path, sha256: str | None
) -> None:
    target.parent.mkdir()
    target.write_bytes(OLD)
    during: list[bytes] = []
    download(remote(server, sha256=sha256), target, check=lambda _: during.append(target.read_bytes()))
    assert during == [OLD] and target.read_bytes() == CONTENT


TWICE = CONTENT + CONTENT
FAILURES: dict[str, tuple[Trick, str]] = {
    "404": (answer(404, b"gone"), "answered 404 Not Found"),
    "206 without being asked": (answer(206, CONTENT), "answered 206"),
    "304": (answer(304), "answered 304"),
    "500 for ever": (answer(500), f"answered 500 Internal Server Error ({module.TRIES_WITHOUT_PROGRESS} tries)"),
    "redirect loop": (answer(302, Location="/again"), "redirects more than 10 times"),
    "redirect to ftp": (
        answer(302, Location="ftp://127.0.0.1/file"),
        "leads to an address that is neither http nor https but 'ftp'",
    ),
    "redirect to a file": (
        answer(301, Location="file:///etc/hostname"),
        "leads to an address that is neither http nor https but 'file'",
    ),
    "redirect to nonsense": (answer(302, Location="http://a:b/"), "broke off"),
    "HTML by its type": (answer(200, bytes(300_000), Content_Type="text/html; charset=utf-8"), "sent an HTML page, not the file"),
    "HTML by its content": (chunked(PAGE), "sent an HTML page, not the file"),
    "wrong length": (answer(200, CONTENT[:-1]), "announces 299999 bytes, not 300000"),
    "truncated": (answer(200, CONTENT[:-1], Content_Length="300000"), "broke off"),
    "truncated without a length": (chunked(CONTENT[:-1]), "sent only 299999 of 300000 bytes"),
    "wrong hash": (answer(200, OTHER), f"sent a file with sha256 {hashlib.sha256(OTHER).hexdigest()}, not {SHA256}"),
    "more than known": (chunked(TWICE), "sent more than 300000 bytes"),
    "compressed": (answer(200, CONTENT, Content_Encoding="gzip"), "sent the file in content encoding 'gzip'"),
    "nothing": (lambda handler: None, "broke off"),
    "no HTTP": (lambda handler: (handler.wfile.write(b"220 ready\r\n"), None)[1], "broke off"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_bad_mirror_is_named_with_its_reason_and_the_next_one_is_taken(server: FlakyServer, target: Path, name: str) -> None:
    trick, words = FAILURES[name]
    target.parent.mkdir()
    with serving(b"") as bad:
        bad.always = trick
        message = failure(remote(bad), target)
        assert f"{bad.url}: {words}" in message
        assert message.endswith(": check the network and run again, which goes on where it stopped")
        target.write_bytes(OLD)
        failure(remote(bad), target)
        assert download(remote(bad, server), target) == SHA256
    assert left_over(target) == []


def test_servers_out_of_reach_and_addresses_that_are_none(server: FlakyServer, target: Path) -> None:
    urls = (CLOSED, "http://user:pass/word@127.0.0.1/", "ftp://127.0.0.1/f", "https://", "http://nowhere.invalid/f")
    message = failure(remote(*urls), target)
    assert all(words in message for words in ("cannot be reached", "no valid address", "but 'ftp'")) and "word@" not in message
    assert download(remote(*urls, server), target) == SHA256
    assert "it has none" in failure(remote(), target.with_name("other"))


def test_sizes_that_nobody_named_are_bounded(server: FlakyServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIZE_LIMIT", 299_999)
    assert "announces 300000 bytes, not at most 299999" in failure(unknown(server), target)
    server.tricks = [chunked(CONTENT)]
    assert "sent more than 299999 bytes" in failure(unknown(server), target)
    server.content = b""
    assert "sent 0 bytes" in failure(unknown(server), target)


def test_a_check_that_raises_is_the_mirrors_fault(server: FlakyServer, target: Path) -> None:
    def check(path: Path) -> None:
        if path.read_bytes() != CONTENT:
            raise ValueError("no zip\narchive")

    with serving(OTHER) as bad:
        wanted = remote(bad, size=None, sha256=None)
        with pytest.raises(DownloadFailed, match=r"fails its check \(no zip archive\)"):
            download(wanted, target, check=check)
        assert left_over(target) == [] and not target.exists()
        assert download(remote(bad, server, size=None, sha256=None), target, check=check) == SHA256


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_passing_trouble_is_waited_out(server: FlakyServer, target: Path, status: int) -> None:
    server.tricks = [answer(status), answer(status), cut(1000), answer(status)]
    assert download(remote(server), target) == SHA256
    assert server.ranges() == [None, None, None, "bytes=1000-", "bytes=1000-"]


def test_retry_after_is_respected_within_bounds(server: FlakyServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_RETRY_AFTER_SECONDS", 0.5)
    server.tricks = [
        answer(503, Retry_After="3600"),
        answer(503, Retry_After="²"),
        answer(429, Retry_After="Fri, 01 Jan 2100 00:00:00 GMT"),
    ]
    start = time.monotonic()
    assert download(remote(server), target) == SHA256
    assert 1.0 <= time.monotonic() - start < 5.0


def test_a_redirect_is_followed_with_the_range(server: FlakyServer, target: Path) -> None:
    with serving(b"") as front:
        front.always = answer(302, Location=server.url)
        server.tricks = [cut(100_000)]
        assert download(remote(front), target) == SHA256
        assert len(front.seen) == 2 and server.ranges() == [None, "bytes=100000-"]


def test_a_slow_drip_counts_as_stalled(server: FlakyServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALL_SECONDS", 0.2)
    server.tricks = [drip(100, 0.03)]
    assert download(remote(server), target) == SHA256
    assert server.ranges()[0] is None and server.ranges()[1] is not None
    monkeypatch.setattr(module, "TRIES_WITHOUT_PROGRESS", 2)
    server.always = drip(100, 0.03)
    assert "stalled: " in failure(remote(server), target.with_name("other"))
    assert len(server.seen) == 4


def test_a_silent_server_times_out(server: FlakyServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", 0.2)
    server.tricks = [drip(100_000, 0.6), lambda handler: time.sleep(0.6)]
    assert download(remote(server), target) == SHA256
    assert server.ranges() == [None, "bytes=100000-", "bytes=100000-"]


@pytest.mark.parametrize("sha256", [SHA256, ""])
def test_two_processes_download_once_and_the_second_waits(server: FlakyServer, target: Path, sha256: str) -> None:
    server.tricks = [drip(10_000, 0.08)]
    first = process(server, target, sha256)
    wait_for(lambda: len(server.seen) == 1)
    second = process(server, target, sha256)
    for running in (first, second):
        assert running.communicate(timeout=30) == (f"{SHA256}\n", "")
    assert server.ranges() == [None]


def test_threads_wait_for_each_other_too(server: FlakyServer, target: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: download(remote(server), target), range(4))) == {SHA256}
    assert len(server.seen) == 1


def test_reports_are_monotone_regular_and_end_with_the_size(server: FlakyServer, target: Path) -> None:
    server.has_ranges = False  # the second try starts at zero
    server.tricks = [lambda handler: handler.send_file(150_000, 5000, 0.04), drip(5000, 0.02)]
    figures: list[tuple[int, int | None]] = []
    times: list[float] = []

    def report(done: int, total: int | None) -> None:
        figures.append((done, total))
        times.append(time.monotonic())

    download(remote(server), target, report)
    assert figures == sorted(figures) and figures[-1] == (300_000, 300_000)
    assert {total for _, total in figures} == {300_000}
    gaps = [after - before for before, after in pairwise(times[:-1])]
    assert len(gaps) >= 5 and min(gaps) >= 0.1 and median(gaps) <= 0.5


def test_credentials_are_sent_and_never_shown(server: FlakyServer, target: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    url = server.url.replace("//", "//someone:se%40cret@")
    server.tricks = [answer(404)]
    message = failure(remote(url, CLOSED.replace("//", "//someone:se@cret@")), target)
    assert "cret" not in message and "someone" not in message and "//***@127.0.0.1:" in message
    interrupted(server, target, 1000, remote(url))
    assert all(b"cret" not in path.read_bytes() for path in target.parent.glob(".*.json"))
    download(remote(url), target)
    assert server.seen[0]["authorization"] == "Basic c29tZW9uZTpzZUBjcmV0"
    assert "cret" not in caplog.text


def test_credentials_do_not_go_to_another_host(server: FlakyServer, target: Path) -> None:
    with serving(b"") as front:
        front.always = answer(302, Location=server.url)
        download(remote(front.url.replace("//", "//someone:secret@")), target)
        assert "authorization" in front.seen[0] and "authorization" not in server.seen[0]


def test_proxy_variables_are_honoured(server: FlakyServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("http_proxy", server.url)
    assert download(remote("http://nowhere.invalid/file"), target) == SHA256
    assert server.seen[0][":path"] == "http://nowhere.invalid/file"
    monkeypatch.setenv("http_proxy", "nonsense://user:secret@proxy")
    assert "secret" not in failure(remote("http://nowhere.invalid/f"), target.with_name("other"), UsageError)


def test_too_little_room_is_found_before_the_body_is_read(server: FlakyServer, target: Path) -> None:
    huge = 1 << 62
    server.always = answer(200, CONTENT, Content_Length=str(huge))
    message = failure(remote(server, size=huge), target, UsageError)
    assert str(target.parent) in message and f"make room for {huge} bytes more" in message
    assert len(server.seen) == 1


def test_a_folder_that_cannot_be_written_is_one_line(server: FlakyServer, target: Path) -> None:
    download(remote(server), target)  # and all imports are made before rights are given up
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "closed").mkdir(0o000)
        folder.chmod(0o555)
        if root:
            os.seteuid(65534)
        try:
            message = failure(remote(server), folder / "file.zip", UsageError)
            deeper = failure(remote(server), folder / "new" / "file.zip", UsageError)
            with pytest.raises(UsageError, match=r"closed: cannot be written \(Permission denied\)"):
                download(remote(server), folder / "closed" / "file.zip")
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)
    assert f"{folder}: cannot be written (Permission denied)" in message and "cannot be written" in deeper
    assert len(server.seen) == 1


def test_a_name_that_is_a_folder_and_a_folder_that_is_a_file(server: FlakyServer, target: Path) -> None:
    target.mkdir(parents=True)
    with pytest.raises(UsageError, match="is a folder"):
        download(remote(server), target)
    (target / "file").write_bytes(OLD)
    with pytest.raises(UsageError, match="cannot be written"):
        download(remote(server), target / "file" / "file.zip")
    assert server.seen == [] and (target / "file").read_bytes() == OLD
