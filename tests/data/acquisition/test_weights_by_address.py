"""Weights by their web address: the package index helps out, unpublished hashes are pinned, and files of the user are placed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import prepare as command
from benchmarks.core.errors import UsageError, WeightsMissing
from benchmarks.data.acquisition import download as downloads
from benchmarks.data.acquisition.pins import WrongHash, pins
from benchmarks.data.acquisition.weights import (
    WeightCard,
    WeightFile,
    cached,
    cached_path,
    damaged,
    fetch,
    load_weight_card,
    place,
)
from tests.conftest import ROOT
from tests.helpers.flaky_server import FlakyServer, Handler, answer, cut, drip, serving
from tests.helpers.weight_cards import (
    TRUNK,
    Index,
    empty_cards,  # noqa: F401
    left_in_cache,
    made_up_index,  # noqa: F401
    make_card,
    make_file,
    only_this_index,  # noqa: F401
    write_card,
)

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
    """Message of the error that fetching the card ends with."""
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
    assert (
        f"its sha256 {hashlib.sha256(TRUNK).hexdigest()} does not begin with the digits in the name trunk-00000000.pth" in message
    )
    assert left_in_cache(tmp_path) == []
    assert fetch(make_card(good))["trunk"].name == f"trunk-{DIGITS}.pth"
    cached_path(bad).write_bytes(TRUNK)
    assert cached(make_card(bad)) == {"trunk": None}, "not even where it was put by hand"


def test_an_unpublished_hash_is_pinned_and_another_file_refused(web: FlakyServer, tmp_path: Path) -> None:
    file = on_web(web, sha256=None)
    path = fetch(make_card(file))["trunk"]
    assert pins(cache(tmp_path)) == {"trunk.pth": hashlib.sha256(TRUNK).hexdigest()}
    path.unlink()
    web.content = OTHER
    message = refusal(make_card(file))
    assert hashlib.sha256(OTHER).hexdigest() in message
    mend = f"if that was wrong, or the publisher replaced it, remove trunk.pth from {cache(tmp_path) / 'pins.json'}"
    assert mend in message and not path.exists()
    web.always = answer(404)
    assert "pins.json" not in refusal(make_card(file))
    (tmp_path / "own.pth").write_bytes(OTHER)
    with pytest.raises(WrongHash, match="or the publisher replaced it") as caught:
        place(file, tmp_path / "own.pth")
    assert [caught.value.actual, caught.value.expected] == [hashlib.sha256(content).hexdigest() for content in (OTHER, TRUNK)]
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
    code = f"from benchmarks.data.acquisition.weights import *; print(fetch({card!r})['trunk'])"
    line = [sys.executable, "-c", code]
    processes = [subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    with ThreadPoolExecutor(3) as pool:
        paths = {files["trunk"] for files in pool.map(fetch, [card] * 3)}
    outputs = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert paths == {cached_path(card.files[0])} and outputs == {str(cached_path(card.files[0]))}
    assert len(web.seen) == 1 and cached_path(card.files[0]).read_bytes() == TRUNK


# Files of the user


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
    with pytest.raises(
        WrongHash, match=rf"own: its sha256 \w+ does not begin with the digits in .* trunk-{DIGITS}.pth: download"
    ):
        place(on_web(web, f"trunk-{DIGITS}.pth", None), tmp_path / "own")
    assert left_in_cache(tmp_path) == []
