"""Members of wheels and sdists: read exactly by the reader of all archives, which refuses hostile and damaged ones."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from benchmarks.data.acquisition import package_index
from benchmarks.data.acquisition.package_index import NotObtained, read_member
from tests.conftest import file_size_limit
from tests.helpers.archive_makers import BIG, CLASHES, FORMATS, HOSTILE, LONG, NASTY, PICTURE, make, tree
from tests.helpers.weight_cards import make_sdist

MEMBER = "package/weights.bin"


def refused(folder: Path, content: bytes, member: str = MEMBER) -> str:
    """Message of a refusal, after checks that no file has changed and that it was quick."""
    archive = folder / "package-1.0.tar.gz"
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.write_bytes(content)
    before, began = tree(folder), time.monotonic()
    with pytest.raises(NotObtained) as caught, file_size_limit(32 << 20):
        read_member(archive, member)
    assert time.monotonic() - began < 5
    assert tree(folder) == before
    message = str(caught.value)
    assert message.isprintable() and message.startswith("package-1.0.tar.gz "), "the folder is a temporary one: not named"
    return message


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_member_comes_out_exactly_whatever_the_archive_is_called(suffix: str, position: int, tmp_path: Path) -> None:
    members = [("setup.py", b"raise SystemExit"), ("package/other.bin", PICTURE)]
    members.insert(position, (MEMBER, BIG))
    (tmp_path / "package-1.0.whl").write_bytes(make(suffix, members))
    assert read_member(tmp_path / "package-1.0.whl", MEMBER) == BIG


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_or_damaged_package_is_refused_whichever_member_is_wanted(kind: str, tmp_path: Path) -> None:
    content, reason = HOSTILE[kind]
    expected = ("has no regular file", "") if kind == "zip: empty" else ("is refused: ", reason)
    for number, member in enumerate(("sound", "member", "a")):
        message = refused(tmp_path / f"{number}", content, member)
        assert all(part in message for part in expected), message


@pytest.mark.parametrize("suffix", ["zip", "tar.gz"])
@pytest.mark.parametrize("names", [*((name,) for name in NASTY + LONG), *CLASHES], ids=ascii)
def test_unsafe_names_beside_the_member_are_refused(suffix: str, names: tuple[str, ...], tmp_path: Path) -> None:
    members = [(MEMBER, PICTURE), *((name, b"hostile") for name in names)]
    assert "is refused: member " in refused(tmp_path, make(suffix, members))


@pytest.mark.parametrize("name", ["other", f"elsewhere/{MEMBER}", f"{MEMBER}/part", MEMBER.upper()])
def test_a_member_is_found_by_its_whole_path_only(name: str, tmp_path: Path) -> None:
    message = refused(tmp_path, make_sdist({name: PICTURE}))
    assert message == f"package-1.0.tar.gz has no regular file {MEMBER}"


def test_the_limit_on_sizes_holds_for_every_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_index, "SIZE_LIMIT", len(PICTURE))
    for name in (MEMBER, "package/other.bin"):
        content = make("zip", [(MEMBER, PICTURE), (name, PICTURE + b"x")] if name != MEMBER else [(name, PICTURE + b"x")])
        assert f"over the limit of {len(PICTURE)} for a member" in refused(tmp_path / name.replace("/", "-"), content)


def test_an_archive_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotObtained, match="cannot be read"):
        read_member(tmp_path / "absent.whl", MEMBER)


def test_a_pip_that_cannot_be_asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lost = subprocess.CompletedProcess([], 1, stdout="", stderr="/usr/bin/python: No module named pip\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: lost)
    monkeypatch.setenv("PIP_INDEX_URL", "http://index.invalid")
    package_index._say_once.cache_clear()
    for _ in range(2):
        assert package_index.pip_settings()["index-url"] == "http://index.invalid"
    reason = "/usr/bin/python: No module named pip"
    assert (
        capsys.readouterr().err
        == f"settings of pip's files are not read ({reason}): PIP_INDEX_URL and other variables of pip are\n"
    )
