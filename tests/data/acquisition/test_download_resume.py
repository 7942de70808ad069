"""Downloads that go on where they stopped: dropped connections, killed processes, full disks, files that change meanwhile."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from benchmarks.core.errors import UsageError
from benchmarks.data.acquisition import download as module
from benchmarks.data.acquisition.download import download
from tests.helpers.downloads import (
    CONTENT,
    OTHER,
    SHA256,
    content_server,  # noqa: F401
    failure,
    impatient,  # noqa: F401
    interrupted,
    left_over,
    new_target,  # noqa: F401
    part_of,
    process,
    remote,
    unknown,
)
from tests.helpers.flaky_server import FlakyServer, Handler, answer, cut, drip, wait_for

DATES = ("Mon, 05 Jan 2026 10:00:00 GMT", "Tue, 06 Jan 2026 10:00:00 GMT")


def test_ten_dropped_connections_are_resumed_where_they_broke(server: FlakyServer, target: Path) -> None:
    points = [17, 1000, 20_000, 20_001, 65_536, 100_000, 131_072, 200_000, 299_998, 299_999]
    server.tricks = [cut(point) for point in points]
    assert download(remote(server), target) == SHA256
    assert server.ranges() == [None, *(f"bytes={point}-" for point in points)]
    assert {headers.get("if-range") for headers in server.seen[1:]} == {'"one"'}


def test_drops_without_progress_end(server: FlakyServer, target: Path) -> None:
    server.always = cut(5000)
    message = failure(remote(server), target)
    assert "broke off" in message and f"({1 + module.TRIES_WITHOUT_PROGRESS} tries)" in message
    server.has_ranges = False  # the same bytes again and again are no progress
    assert f"({1 + module.TRIES_WITHOUT_PROGRESS} tries)" in failure(remote(server), target.with_name("other"))


def test_tries_are_bounded_even_with_progress(server: FlakyServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRIES", 9)
    server.tricks = [cut(10 * number) for number in range(1, 100)]
    assert "(9 tries)" in failure(remote(server), target)
    assert len(server.seen) == 9


def test_a_killed_process_leaves_what_the_next_call_goes_on_with(server: FlakyServer, target: Path) -> None:
    server.tricks = [drip(5000, 0.02)]
    with process(server, target) as running:
        wait_for(lambda: any(path.stat().st_size > 50_000 for path in target.parent.glob(".*.part")))
        running.send_signal(signal.SIGKILL)
    size = part_of(target).stat().st_size
    assert 50_000 < size < 300_000 and not target.exists()
    assert download(remote(server), target) == SHA256
    assert server.ranges() == [None, f"bytes={size}-"]


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
            wait_for(lambda: any(path.stat().st_size == 100_000 for path in target.parent.glob(".*.part")))
            with suppress(OSError), ballast.open("wb", buffering=0) as file:
                while file.write(bytes(4096)) == 4096:
                    pass
            handler.wfile.write(CONTENT[100_000:])

        server.tricks = [fill_up]
        message = failure(remote(server), target, UsageError)
        assert f"{target.parent}: the disk is full: make room for " in message and "bytes more" in message
        size = part_of(target).stat().st_size
        assert 100_000 <= size < 300_000
        ballast.unlink()
        assert download(remote(server), target) == SHA256
        assert server.ranges() == [None, f"bytes={size}-"]


def test_a_limit_on_file_sizes_is_one_line_and_keeps_what_has_come(server: FlakyServer, target: Path) -> None:
    with process(server, target, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))) as running:
        _, errors = running.communicate(timeout=30)
    assert f"{target.parent}: cannot be written (File too large): check permissions and limits" in errors.splitlines()[-1]
    assert part_of(target).stat().st_size == 100_000 and not target.exists()
    assert download(remote(server), target) == SHA256
    assert server.ranges() == [None, "bytes=100000-"]
