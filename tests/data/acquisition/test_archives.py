"""Archives: sound ones are extracted exactly; hostile and damaged ones are refused and leave no file."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import platform
import re
import shutil
import signal
import stat
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.core.errors import BenchmarkError, UsageError
from benchmarks.data.acquisition.extraction import Entry, check, extract, sweep
from benchmarks.data.acquisition.inspection import ArchiveRefused, Limits
from tests.conftest import ROOT, file_size_limit
from tests.helpers.archive_makers import (
    BIG,
    CLASHES,
    FORMATS,
    HOSTILE,
    HUGE,
    LONG,
    NASTY,
    PICTURE,
    SOUND_ZIP,
    Record,
    deflated_zeros,
    files,
    header,
    make,
    make_tar,
    prepare,
    record,
    tar_of,
    tree,
    zip_of,
)


def refused(folder: Path, content: bytes, limits: Limits = Limits(), inside: str = "") -> str:  # noqa: B008 (frozen)
    """Message of a refusal, after checks that no file has changed and that it was quick."""
    archive, target = prepare(folder, content)
    before, began = tree(folder), time.monotonic()
    with pytest.raises(ArchiveRefused) as caught, file_size_limit(32 << 20):
        extract(archive, target, limits=limits, inside=inside)
    assert time.monotonic() - began < 5
    assert tree(folder) == before
    message = str(caught.value)
    assert caught.value.exit_code == 1
    assert message.isprintable() and message.startswith(f"{archive}: ")
    return message


@pytest.mark.parametrize("suffix", FORMATS)
def test_files_come_out_exactly_whatever_the_archive_is_called(suffix: str, tmp_path: Path) -> None:
    members = [("./", b""), ("./a.png", PICTURE), ("sub/", b""), ("sub/über 1.png", b""), ("sub/deep/c", BIG)]
    if suffix == "zip":
        members = members[1:]
    archive, target = prepare(tmp_path, make(suffix, members))
    check(archive)
    figures: list[tuple[int, int]] = []
    entries = extract(archive, target, report=lambda done, total: figures.append((done, total)))
    expected = {"a.png": PICTURE, "sub/über 1.png": b"", "sub/deep/c": BIG}
    assert files(target) == expected
    assert entries == {name: Entry(len(content), hashlib.sha256(content).hexdigest()) for name, content in expected.items()}
    assert figures == sorted(figures) and len({total for _, total in figures}) == 1 and figures[-1][0] == figures[-1][1]
    assert sorted(path.name for path in target.parent.iterdir()) == ["target"]


@pytest.mark.parametrize("suffix", ["zip", "tar.gz"])
def test_only_what_is_inside_and_no_litter(suffix: str, tmp_path: Path) -> None:
    names = ["set/x/1.png", "set/x/sub/2.png", "set/xy/3.png", "other/4.png", "set/x.txt"]
    names += ["set/x/.DS_Store", "__MACOSX/set/x/._1.png", "set/x/__MACOSX/._1.png"]
    archive, target = prepare(tmp_path, make(suffix, [(name, name.encode()) for name in names]))
    extract(archive, target, inside="set/x")
    assert files(target) == {"1.png": b"set/x/1.png", "sub/2.png": b"set/x/sub/2.png"}
    with pytest.raises(ArchiveRefused, match=r"no files under 'sets': folders at its top: '__MACOSX', 'other', 'set'$"):
        extract(archive, target, inside="sets")
    with pytest.raises(ArchiveRefused, match="no files under"):
        extract(archive, target, inside="set/x.txt")


@pytest.mark.parametrize("suffix", ["zip", "tar"])
def test_the_folder_inside_may_lie_anywhere_but_once(suffix: str, tmp_path: Path) -> None:
    members = [("images/x/set/a.png", b"a"), ("images/x/set/deep/b.png", b"b"), ("images/x/c.png", b"c")]
    archive, target = prepare(tmp_path / "once", make(suffix, members))
    extract(archive, target, inside="set")
    assert files(target) == {"a.png": b"a", "deep/b.png": b"b"}
    assert "a second folder 'set'" in refused(tmp_path / "twice", make(suffix, [*members, ("set/d.png", b"d")]), inside="set")


def test_modes_follow_the_umask_and_not_the_archive(tmp_path: Path) -> None:
    contents = [zip_of(record(b"a/b", mode=0o104777)), tar_of(name="a/b", mode=0o6777)]
    for number, (content, umask) in enumerate([(contents[0], 0o002), (contents[1], 0o077)]):
        archive, before = tmp_path / "archive", os.umask(umask)
        archive.write_bytes(content)
        try:
            extract(archive, tmp_path / f"{number}")
        finally:
            os.umask(before)
        modes = [stat.S_IMODE((tmp_path / f"{number}" / name).stat().st_mode) for name in ("", "a", "a/b")]
        assert modes == [0o755 & ~umask, 0o755 & ~umask, 0o644 & ~umask]


def test_zips_as_other_programs_write_them(tmp_path: Path) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as opened:  # sizes behind the data, 64-bit fields, a comment
        opened.comment = b"made up"
        with opened.open("a.png", "w", force_zip64=True) as member:
            member.write(PICTURE)
    for content in (
        pipe.getvalue(),
        b"#!/bin/sh\n" + pipe.getvalue(),
        zip_of(Record(b"a.png", PICTURE, 5000, zlib.crc32(PICTURE), 0)),
    ):
        (tmp_path / "archive").write_bytes(content)
        extract(tmp_path / "archive", tmp_path / "target")
        assert files(tmp_path / "target") == {"a.png": PICTURE}


def test_a_tar_of_many_members_is_no_zip_because_its_last_one_is(tmp_path: Path) -> None:
    members = [(f"{number}", b"") for number in range(100)] + [("last.zip", SOUND_ZIP)]
    (tmp_path / "archive").write_bytes(make_tar(members))
    extract(tmp_path / "archive", tmp_path / "target")
    assert files(tmp_path / "target") == dict(members)


@pytest.mark.parametrize("suffix", ["zip", "tar"])
@pytest.mark.parametrize("names", [*((name,) for name in NASTY + LONG), *CLASHES], ids=ascii)
def test_names_that_are_not_safe_everywhere(suffix: str, names: tuple[str, ...], tmp_path: Path) -> None:
    members = [("sound/picture.png", PICTURE), *((name, b"hostile") for name in names)]
    assert "member " in refused(tmp_path / "all", make(suffix, members))
    assert "member " in refused(tmp_path / "sound", make(suffix, members), inside="sound")


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_and_damaged_archives(kind: str, tmp_path: Path) -> None:
    content, reason = HOSTILE[kind]
    assert reason in refused(tmp_path, content)


def test_a_gigabyte_of_zeros_in_a_small_tar_is_stopped_on_the_way(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, wbits=31)
    start = packer.compress(header(size=HUGE)) + packer.flush(zlib.Z_FULL_FLUSH)
    archive = start + deflated_zeros(HUGE)  # what follows is no picture, so the whole is large enough for its header
    assert "200 times" in refused(tmp_path, archive + os.urandom(6 << 20))


@pytest.mark.parametrize("suffix", ["zip", "tar.gz"])
@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(members=3), "over the limit of 3 members"),
        (Limits(member_bytes=len(BIG) - 1), f"{len(BIG)} bytes are over the limit of {len(BIG) - 1} for a member"),
        (Limits(total_bytes=len(BIG)), f"over the limit of {len(BIG)} bytes in all"),
        (Limits(ratio=0.5), "over the limit of 0.5 times"),
    ],
)
def test_limits(suffix: str, limits: Limits, reason: str, tmp_path: Path) -> None:
    content = make(suffix, [("a", b""), ("b", b""), ("c", PICTURE), ("big", BIG)])
    assert reason in refused(tmp_path / "all", content, limits)
    assert reason in refused(tmp_path / "inside", content, limits, inside="d")
    exact = Limits(members=4, member_bytes=len(BIG), total_bytes=len(BIG) + len(PICTURE), ratio=1)
    extract(tmp_path / "all" / "data.bin", tmp_path / "target", limits=exact)
    assert len(files(tmp_path / "target")) == 4


def test_a_directory_of_very_many_empty_members_is_not_even_read(tmp_path: Path) -> None:
    entries, directory = 200_000, record(b"x" * 100, b"").central(0)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, entries * len(directory), 0, 0)
    assert "read whole" in refused(tmp_path, directory * entries + end, Limits(members=50_000))


def test_check_is_quick_and_sees_what_is_no_archive(tmp_path: Path) -> None:
    for number, (content, reason) in enumerate(HOSTILE.values()):
        path = tmp_path / f"{number}"
        path.write_bytes(content)
        if "no zip or tar archive" in reason or "holds no files" in reason:
            with pytest.raises(ArchiveRefused, match=reason):
                check(path)
    (tmp_path / "cut.zip").write_bytes(SOUND_ZIP[:-30])
    with pytest.raises(ArchiveRefused):
        check(tmp_path / "cut.zip")
    with pytest.raises(UsageError, match="cannot be read"):
        check(tmp_path / "absent.zip")


names = st.text("abxyz019_-é日. ", min_size=1, max_size=6).filter(lambda name: not name.endswith((".", " ")))
trees = st.recursive(st.binary(max_size=2000), lambda inner: st.dictionaries(names, inner, min_size=1, max_size=4), max_leaves=12)


def flat(tree: bytes | dict[str, Any], path: str = "") -> dict[str, bytes]:
    """Files of a tree by path."""
    if isinstance(tree, bytes):
        return {path: tree}
    return {name: content for part, inner in tree.items() for name, content in flat(inner, f"{path}/{part}").items()}


@settings(deadline=None, max_examples=60)
@given(trees, st.sampled_from(FORMATS))
def test_any_sound_tree_comes_out_exactly(tree: bytes | dict[str, Any], suffix: str) -> None:
    expected = {f"top{name}": content for name, content in flat(tree).items()}
    with TemporaryDirectory() as folder:
        (Path(folder) / "archive").write_bytes(make(suffix, list(expected.items())))
        entries = extract(Path(folder) / "archive", Path(folder) / "target")
        assert files(Path(folder) / "target") == expected
    assert {name: entry.sha256 for name, entry in entries.items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in expected.items()
    }


PIECES = ["a", "b", "c", "d1", "日", "-"] * 3
PIECES += ["A", "..", ".", "/", "/", "\\", ":", " ", "nul", "aux.", "\n", "é", "e\u0301", "c:", "\u202e", "x" * 200]
nasty = st.lists(st.sampled_from(PIECES), max_size=4).map("".join).filter(lambda name: not name.endswith("/"))


@settings(deadline=None, max_examples=300)
@given(st.lists(nasty, min_size=1, max_size=3), st.sampled_from(["zip", "tar"]))
def test_any_nasty_names_come_out_safely_or_not_at_all(names: list[str], suffix: str) -> None:
    contents = {name: f"{number}".encode() for number, name in enumerate(names)}
    with TemporaryDirectory() as folder:
        archive, target = prepare(
            Path(folder) / "a" / "b", make(suffix, [(name, contents[name]) for name in names if name[-1:] != "/"])
        )
        before = tree(Path(folder))
        try:
            extract(archive, target)
        except ArchiveRefused:
            assert tree(Path(folder)) == before
            assert not all(re.fullmatch("[a-d1]+", name) for name in names) or len(set(names)) < len(names)
            return
        expected = {name.removeprefix("./"): content for name, content in contents.items()}
        assert files(target) == expected
        shutil.rmtree(target)
        assert {name: content for name, content in before.items() if "target" not in name} == tree(Path(folder))
    windows = [PureWindowsPath(name) for name in expected]
    assert not any(path.anchor or path.is_reserved() or ".." in path.parts for path in windows)
    assert len(set(windows)) == len(windows)  # which compare without case


def test_the_callback_may_add_files_and_refuse_the_folder(tmp_path: Path) -> None:
    archive, target = prepare(tmp_path, SOUND_ZIP)

    def fail(folder: Path, entries: dict[str, Entry]) -> None:
        raise BenchmarkError("not the set")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def add(folder: Path, entries: dict[str, Entry]) -> None:
        assert files(target) == {"old": b"old"} and set(files(folder)) == set(entries) == {"a", "b"}
        (folder / "manifest").write_bytes(b"checked")

    before = tree(tmp_path)
    with pytest.raises(BenchmarkError, match="not the set"):
        extract(archive, target, finish=fail)
    for stop in ({"finish": interrupt}, {"report": interrupt}):
        with pytest.raises(KeyboardInterrupt):
            extract(archive, target, **stop)  # type: ignore[arg-type]
    assert tree(tmp_path) == before
    extract(archive, target, finish=add)
    assert files(target) == {"a": PICTURE, "b": PICTURE, "manifest": b"checked"}
    assert [path.name for path in target.parent.iterdir()] == ["target"]


def cannot_write(archive: Path, target: Path) -> None:
    """Check that extracting ends with one line and leaves no file beside the target."""
    before = tree(target.parent)
    with pytest.raises(UsageError, match="cannot be written") as caught:
        extract(archive, target)
    assert str(caught.value).isprintable() and caught.value.exit_code == 2
    assert tree(target.parent) == before


def test_a_file_that_cannot_grow(tmp_path: Path) -> None:
    archive, target = prepare(tmp_path, make_tar([("small", PICTURE), ("big", BIG)]))
    with file_size_limit(1 << 20):
        cannot_write(archive, target)
    cannot_write(archive, archive / "target")


def test_an_old_target_is_put_back_when_the_new_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(path: Path, new: Path) -> None:
        if path.name.endswith(".extracting"):
            raise OSError(errno.EIO, "Input/output error")
        path.replace(new)

    archive, target = prepare(tmp_path, SOUND_ZIP)
    monkeypatch.setattr(Path, "rename", rename)
    cannot_write(archive, target)


def test_a_full_disk_and_one_that_is_read_only(tmp_path: Path) -> None:
    mount, unmount, disk = shutil.which("mount"), shutil.which("umount"), tmp_path / "disk"
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if not mount or not unmount or subprocess.run([mount, *options], capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        archive, _ = prepare(tmp_path, make_tar([("small", PICTURE), ("big", BIG)]))
        (disk / "target").mkdir()
        cannot_write(archive, disk / "target")
        subprocess.run([mount, "-o", "remount,ro", str(disk)], check=True)
        cannot_write(archive, disk / "target")
    finally:
        subprocess.run([unmount, str(disk)], check=True)


KILLED = {
    "while it writes": "extract(archive, target, report=lambda *_: stop())",
    "in finish": "extract(archive, target, finish=lambda *_: stop())",
    "between the two renames": """Path.rename = lambda self, new: stop() if new == target else os.rename(self, new)
extract(archive, target)""",
}


@pytest.mark.parametrize("moment", KILLED)
@pytest.mark.parametrize("existed", [True, False])
def test_leftovers_of_a_killed_process_are_swept(moment: str, existed: bool, tmp_path: Path) -> None:
    archive, target = prepare(tmp_path, SOUND_ZIP)
    if not existed:
        shutil.rmtree(target)
    before = tree(tmp_path)
    code = "\n".join(
        [
            "import os, sys, time\nfrom pathlib import Path\nfrom benchmarks.data.acquisition.extraction import extract",
            "def stop():\n    print('now', flush=True)\n    time.sleep(60)",
            f"archive, target = Path({str(archive)!r}), Path({str(target)!r})",
            KILLED[moment],
        ]
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "now\n"
        running = tree(tmp_path)
        sweep(target.parent)
        assert tree(tmp_path) == running != before
        process.send_signal(signal.SIGKILL)
    assert files(target) == ({"old": b"old"} if existed and "renames" not in moment else {})
    sweep(target.parent)
    assert tree(tmp_path) == before


def test_sweep_leaves_other_files_alone(tmp_path: Path) -> None:
    process = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True)
    dead, host = process.stdout.strip(), re.sub("[^A-Za-z0-9-]", "-", platform.node())
    for name in (".hidden", "target", f".target.elsewhere-{dead}-0123abcd.extracting", f".target.{host}-{dead}-0123abcd.partial"):
        (tmp_path / name).mkdir()
    before = tree(tmp_path)
    sweep(tmp_path)
    assert tree(tmp_path) == before
    sweep(tmp_path / "absent")
    (tmp_path / f".target.{host}-{dead}-0123abcd.extracting").mkdir()
    sweep(tmp_path)
    assert tree(tmp_path) == before
