"""Downloads against servers that drop, lie, stall and change their files, in real processes and on a really full disk."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from benchmarks.data import download as module
from benchmarks.data.download import DownloadFailed, Remote, download
from benchmarks.errors import UsageError
from tests.conftest import ROOT
from tests.flaky_server import FlakyServer, Handler, Trick, answer, chunked, cut, drip, serving

CONTENT = random.Random(1).randbytes(300_000)  # noqa: S311
OTHER = random.Random(2).randbytes(300_000)  # noqa: S311
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CLOSED = "http://127.0.0.1:1/file.zip"
PAGE = b"\n<!-- proxy -->\n<!DOCTYPE html><html><body>Please log in</body></html>"
DATES = ("Mon, 05 Jan 2026 10:00:00 GMT", "Tue, 06 Jan 2026 10:00:00 GMT")
OLD = b"the old good file"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses, and no proxy between a test and its server."""
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def server() -> Iterator[FlakyServer]:
    with serving(CONTENT) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new" / "file.zip"


def remote(*servers: FlakyServer | str, size: int | None = len(CONTENT), sha256: str | None = SHA256) -> Remote:
    return Remote("file.zip", tuple(at if isinstance(at, str) else at.url for at in servers), size, sha256)


def unknown(server: FlakyServer) -> Remote:
    return remote(server, size=None, sha256=None)


def failure(wanted: Remote, target: Path, kind: type[UsageError] = DownloadFailed) -> str:
    """The one line that a download ends with; what stood under the final name is still there, or still nothing."""
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
    """Leave a partial file of ``at`` bytes, as a call that was ended does, and forget the requests so far."""

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


def test_the_file_is_brought_checked_and_alone(server: FlakyServer, target: Path) -> None:
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


def test_ten_dropped_connections_are_resumed_where_they_broke(server: FlakyServer, target: Path) -> None:
    points = [17, 1000, 20_000, 20_001, 65_536, 100_000, 131_072, 200_000, 299_998, 299_999]
    server.tricks = [cut(point) for point in points]
    assert download(remote(server), target) == SHA256
    assert server.ranges() == [None, *(f"bytes={point}-" for point in points)]
    assert {headers.get("if-range") for headers in server.seen[1:]} == {'"one"'}


def test_drops_without_progress_end(server: FlakyServer, target: Path) -> None:
    server.always = cut(5000)
    message = failure(remote(server), target)
    assert "broke off" in message and f"({1 + module.FRUITLESS_TRIES} tries)" in message
    server.has_ranges = False  # the same bytes again and again are no progress
    assert f"({1 + module.FRUITLESS_TRIES} tries)" in failure(remote(server), target.with_name("other"))


def test_tries_are_bounded_even_with_progress(server: FlakyServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRIES", 9)
    server.tricks = [cut(10 * number) for number in range(1, 100)]
    assert "(9 tries)" in failure(remote(server), target)
    assert len(server.seen) == 9


SCRIPT = """
import sys
from pathlib import Path
from benchmarks.data.download import Remote, download
url, sha256, target = sys.argv[1:]
print(download(Remote("file.zip", (url,), None, sha256 or None), Path(target)))
"""


def process(
    server: FlakyServer, target: Path, sha256: str = SHA256, before: Callable[[], None] | None = None
) -> subprocess.Popen[str]:
    line = [sys.executable, "-c", SCRIPT, server.url, sha256, str(target)]
    pipe = subprocess.PIPE
    return subprocess.Popen(line, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, preexec_fn=before)


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_killed_process_leaves_what_the_next_call_goes_on_with(server: FlakyServer, target: Path) -> None:
    server.tricks = [drip(5000, 0.02)]
    with process(server, target) as running:
        wait_for(lambda: any(path.stat().st_size > 50_000 for path in target.parent.glob(".*.part")))
        running.send_signal(signal.SIGKILL)
    there = part_of(target).stat().st_size
    assert 50_000 < there < 300_000 and not target.exists()
    assert download(remote(server), target) == SHA256
    assert server.ranges() == [None, f"bytes={there}-"]


def test_a_complete_partial_file_costs_one_byte(server: FlakyServer, target: Path) -> None:
    interrupted(server, target, len(CONTENT))
    assert download(remote(server), target) == SHA256
    assert server.ranges() == ["bytes=299999-"]


def test_a_server_without_ranges_sends_all_again(server: FlakyServer, target: Path) -> None:
    server.has_ranges = False
    server.tricks = [cut(100_000)]
    assert download(remote(server), target) == SHA256
    assert server.ranges() == [None, "bytes=100000-"]


@pytest.mark.parametrize(
    ("first", "then"),
    [(('"one"', None), ('"two"', None)), ((None, DATES[0]), (None, DATES[1])), (('W/"one"', DATES[0]), (None, DATES[1]))],
)
def test_a_file_that_changed_is_fetched_anew(
    server: FlakyServer, target: Path, first: tuple[str | None, str | None], then: tuple[str | None, str | None]
) -> None:
    server.etag, server.modified = first
    server.content = OTHER
    interrupted(server, target, 100_000, unknown(server))
    server.content = CONTENT
    server.etag, server.modified = then
    assert download(unknown(server), target) == SHA256
    assert server.ranges() == ["bytes=100000-"]
    assert server.seen[0]["if-range"] == (first[0] if first[0] == '"one"' else first[1])


@pytest.mark.parametrize(
    ("etag", "modified"), [('W/"one"', None), (None, None), ("one", None), (None, "yesterday"), ('"ä"', None)]
)
def test_without_a_strong_validator_nothing_is_resumed(
    server: FlakyServer, target: Path, etag: str | None, modified: str | None
) -> None:
    server.etag, server.modified = etag, modified
    server.tricks = [cut(100_000)]
    assert download(remote(server), target) == SHA256
    assert server.ranges() == [None, None]


@pytest.mark.parametrize(
    "range_", ["bytes 99999-299999/300000", "bytes 100000-299999/300001", "bytes 100000-299999/*", "nonsense", None]
)
def test_a_content_range_that_lies_is_not_believed(server: FlakyServer, target: Path, range_: str | None) -> None:
    interrupted(server, target, 100_000)
    server.tricks = [lambda handler: handler.send_file(Content_Range=range_, Content_Length=None)]
    assert download(unknown(server), target) == SHA256
    assert server.ranges() == ["bytes=100000-", None]


@pytest.mark.parametrize("changes", [{"ETag": '"two"'}, {"ETag": None}, {"Content_Length": "200001"}])
def test_a_continuation_must_be_of_the_same_file(server: FlakyServer, target: Path, changes: dict[str, str | None]) -> None:
    interrupted(server, target, 100_000)
    server.tricks = [lambda handler: handler.send_file(**changes)]  # type: ignore[arg-type]
    assert download(remote(server), target) == SHA256
    assert server.ranges() == ["bytes=100000-", None]


def test_a_note_does_not_outlive_the_file_that_it_is_about(server: FlakyServer, target: Path) -> None:
    server.content = OTHER
    interrupted(server, target, 100_000)
    server.content, server.etag = CONTENT, None
    server.tricks = [cut(150_000)]
    assert download(remote(server), target) == SHA256
    assert server.ranges() == ["bytes=100000-", None]


def test_an_answer_416_starts_anew(server: FlakyServer, target: Path) -> None:
    interrupted(server, target, 100_000)
    server.tricks = [answer(416)]
    assert download(remote(server), target) == SHA256
    assert server.ranges() == ["bytes=100000-", None]


def test_a_partial_file_damaged_on_disk_is_fetched_once_more_from_zero(server: FlakyServer, target: Path) -> None:
    interrupted(server, target, 100_000)
    part_of(target).write_bytes(b"damaged" + CONTENT[7:100_000])
    assert download(remote(server), target) == SHA256
    assert server.ranges() == ["bytes=100000-", None]
    interrupted(server, target.with_name("other"), 100_000)
    server.content = OTHER
    assert "sha256" in failure(remote(server), target.with_name("other"))
    assert server.ranges() == ["bytes=100000-", None]


@pytest.mark.parametrize(
    "state", ["no note", "garbage", "other address", "too long", "no part", "empty part", "header", "note half written", "type"]
)
def test_any_state_on_disk_is_survived(server: FlakyServer, target: Path, state: str) -> None:
    interrupted(server, target, 100_000)
    part, (note,) = part_of(target), target.parent.glob(".*.json")
    content = json.loads(note.read_text())
    actions: dict[str, Callable[[], object]] = {
        "no note": note.unlink,
        "garbage": lambda: note.write_bytes(b'{"url": "\xff'),
        "other address": lambda: note.write_text(json.dumps(content | {"url": "http://nowhere.invalid"})),
        "too long": lambda: part.write_bytes(bytes(300_001)),
        "no part": part.unlink,
        "empty part": lambda: part.write_bytes(b""),
        "header": lambda: note.write_text(json.dumps(content | {"validator": '"a"\r\nX: "b"'})),
        "note half written": lambda: note.rename(note.with_name(f".{note.name}.123.tmp")),
        "type": lambda: note.write_text(json.dumps(content | {"total": "300000"})),
    }
    actions[state]()
    assert download(remote(server), target) == SHA256
    assert server.ranges() == [None]
    assert left_over(target) == []


TWICE = CONTENT + CONTENT
FAILURES: dict[str, tuple[Trick, str]] = {
    "404": (answer(404, b"gone"), "answered 404 Not Found"),
    "206 without being asked": (answer(206, CONTENT), "answered 206"),
    "304": (answer(304), "answered 304"),
    "500 for ever": (answer(500), f"answered 500 Internal Server Error ({module.FRUITLESS_TRIES} tries)"),
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
    monkeypatch.setattr(module, "FRUITLESS_TRIES", 2)
    server.always = drip(100, 0.03)
    assert "stalled: " in failure(remote(server), target.with_name("other"))
    assert len(server.seen) == 4


def test_a_silent_server_times_out(server: FlakyServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", 0.2)
    server.tricks = [drip(100_000, 0.6), lambda handler: time.sleep(0.6)]
    assert download(remote(server), target) == SHA256
    assert server.ranges() == [None, "bytes=100000-", "bytes=100000-"]


@pytest.mark.parametrize("sha256", [SHA256, ""])
def test_of_two_processes_one_downloads_and_the_other_waits(server: FlakyServer, target: Path, sha256: str) -> None:
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


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    folder.mkdir()
    line = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(line, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no mount command")
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S607


def test_a_disk_that_fills_up_keeps_what_has_come(server: FlakyServer, target: Path) -> None:
    with small_disk(target.parent, 1 << 20):
        ballast = target.with_name("ballast")

        def fill_up(handler: Handler) -> None:
            handler.send_file(100_000)
            wait_for(lambda: part_of(target).stat().st_size == 100_000)
            with suppress(OSError), ballast.open("wb", buffering=0) as file:
                while file.write(bytes(4096)) == 4096:
                    pass
            handler.wfile.write(CONTENT[100_000:])

        server.tricks = [fill_up]
        message = failure(remote(server), target, UsageError)
        assert f"{target.parent}: the disk is full: make room for " in message and "bytes more" in message
        there = part_of(target).stat().st_size
        assert 100_000 <= there < 300_000
        ballast.unlink()
        assert download(remote(server), target) == SHA256
        assert server.ranges() == [None, f"bytes={there}-"]


def test_a_limit_on_file_sizes_is_one_line_and_keeps_what_has_come(server: FlakyServer, target: Path) -> None:
    with process(server, target, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))) as running:
        _, errors = running.communicate(timeout=30)
    assert f"{target.parent}: cannot be written (File too large): check permissions and limits" in errors.splitlines()[-1]
    assert part_of(target).stat().st_size == 100_000 and not target.exists()
    assert download(remote(server), target) == SHA256
    assert server.ranges() == [None, "bytes=100000-"]


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
