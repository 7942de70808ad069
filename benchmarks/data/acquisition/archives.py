"""Downloaded archives to folders: unpacked whole or not at all, hostile and damaged ones refused."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.core.errors import UsageError
from benchmarks.core.files import is_alive
from benchmarks.data.acquisition.members import (
    ArchiveRefused,
    Inspection,
    Limits,
    Member,
    holds_members,
    open_archive,
    wanted_files,
)

__all__ = ["ArchiveRefused", "Entry", "Finish", "Limits", "Report", "check", "extract", "sweep"]

REPORT_SECONDS = 0.25


@dataclass(frozen=True)
class Entry:
    """An extracted file, for a manifest."""

    bytes: int
    sha256: str


Finish = Callable[[Path, dict[str, Entry]], None]
Report = Callable[[int, int], None]


def _nothing(*_: object) -> None:
    """What is done where the caller asks for nothing."""


def extract(
    archive: Path,
    target: Path,
    *,
    inside: str = "",
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    finish: Finish = _nothing,
    report: Report = _nothing,
) -> dict[str, Entry]:
    """Extract the regular files under the folder ``inside``, their paths relative to it, into the new folder ``target``.

    The format is found by content: zip (stored or deflated), tar, tar.gz, tar.bz2, tar.xz. Files are written to a hidden folder
    beside ``target``, which gets its name in one step when everything is there; then what stood there before is removed. If
    anything fails, the hidden folder is removed and what stood there stays. Modes are 0644 and 0755 under the umask; owners,
    times and empty folders are not restored. ``__MACOSX`` and ``.DS_Store`` are left out. Members outside of ``inside`` are not
    extracted, but make the archive refused like all others. Two processes must not extract to one target at the same time.

    Args:
        archive: the file.
        target: the folder to make; a folder or file of that name is replaced.
        inside: a folder in the archive, its parts separated by ``/``, wherever it lies; empty for the whole archive.
        limits: how much is too much.
        finish: called with the hidden folder and its entries before it gets its name. May add files, may refuse by raising.
        report: called a few times a second with two numbers of bytes, how far it is and of how much: unpacked bytes for a zip,
            which declares them; bytes of the archive for a tar, which does not.

    Returns:
        Size and sha256 of every extracted file by its path under ``target``, with ``/``, in the archive's order.

    Raises:
        ArchiveRefused: the archive is damaged, holds something unsafe, has no such folder or two of them, or is over a limit.
        UsageError: the archive cannot be read, or the target's folder cannot be written or is full.
    """
    unpacked, replaced = _beside(target)
    try:
        with open_archive(archive, limits) as file:
            inspection = Inspection(archive, limits, tuple(part for part in inside.split("/") if part))
            target.parent.mkdir(parents=True, exist_ok=True)
            unpacked.mkdir(mode=0o755)
            entries = _unpack(wanted_files(file, inspection), unpacked, inspection, report)
        finish(unpacked, entries)
        _install(unpacked, target, replaced)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror or error}): check permissions and free space") from error
    finally:
        _remove(unpacked)
    return entries


def check(archive: Path) -> None:
    """See quickly whether a file is a zip or tar archive at all: a zip's directory, a tar's first header.

    Raises:
        ArchiveRefused: it is none, or damaged there, or empty.
        UsageError: it cannot be read.
    """
    with open_archive(archive, Limits()) as file:
        inspection = Inspection(archive, Limits(), ())
        if not holds_members(file, inspection):
            raise inspection.refused_empty()


def sweep(folder: Path) -> None:
    """Remove what killed extractions of this machine left beside their targets in ``folder``; running ones are left alone.

    Where a process died between moving an old target aside and putting the new one in its place, the old one is put back.
    """
    pattern = re.compile(rf"\.(.+)\.{re.escape(_host())}-(\d{{1,9}})-[0-9a-f]{{8}}\.(extracting|replaced)", re.DOTALL)
    for path in sorted(folder.glob(".*")):
        match = pattern.fullmatch(path.name)
        if match is None or is_alive(int(match[2])):
            continue
        if match[3] == "replaced" and not os.path.lexists(folder / match[1]):
            with suppress(OSError):
                path.rename(folder / match[1])
        else:
            _remove(path)


def _unpack(files: Iterator[Member], folder: Path, inspection: Inspection, report: Report) -> dict[str, Entry]:
    """Write all files into ``folder``."""
    entries: dict[str, Entry] = {}
    made = {folder}
    due = 0.0

    def reported(chunks: Iterator[bytes]) -> Iterator[bytes]:
        nonlocal due
        for chunk in chunks:
            yield chunk
            if time.monotonic() >= due:
                report(inspection.done, inspection.total)
                due = time.monotonic() + REPORT_SECONDS

    for path, chunks in files:
        _make_folder((folder / path).parent, made)
        entries[path] = _write(folder / path, reported(chunks))
    if not entries:
        raise inspection.refused_empty()
    report(inspection.total, inspection.total)
    return entries


def _make_folder(folder: Path, made: set[Path]) -> None:
    """Make it and those above it: ``Path.mkdir`` would not give those its mode."""
    if folder not in made:
        _make_folder(folder.parent, made)
        folder.mkdir(mode=0o755)
        made.add(folder)


def _write(path: Path, chunks: Iterator[bytes]) -> Entry:
    digest, size = hashlib.sha256(), 0
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o644)) as file:
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        file.flush()
        os.fsync(file.fileno())
    return Entry(size, digest.hexdigest())


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", platform.node())


def _beside(target: Path) -> tuple[Path, Path]:
    """Where files are unpacked, and where an old target waits; the names say whose they are."""
    owner = f".{target.name}.{_host()}-{os.getpid()}-{secrets.token_hex(4)}"
    return target.with_name(f"{owner}.extracting"), target.with_name(f"{owner}.replaced")


def _install(unpacked: Path, target: Path, replaced: Path) -> None:
    """Give the new folder its name. What stood there is removed afterwards, or put back."""
    try:
        if os.path.lexists(target):
            target.rename(replaced)
        unpacked.rename(target)
    finally:
        if os.path.lexists(target):
            _remove(replaced)
        elif os.path.lexists(replaced):
            replaced.rename(target)


def _remove(path: Path) -> None:
    """Remove a folder or a file, if it is there and as far as it can be."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
