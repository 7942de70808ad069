"""Extraction of archives to folders: whole or not at all; hostile and damaged archives are refused."""

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
from benchmarks.data.acquisition.inspection import Inspection, Limits
from benchmarks.data.acquisition.members import Member, holds_members, open_archive, wanted_files

REPORT_SECONDS = 0.25  # between two progress reports


@dataclass(frozen=True)
class Entry:
    """Size and SHA-256 of an extracted file, for a manifest."""

    bytes: int
    sha256: str


Finish = Callable[[Path, dict[str, Entry]], None]
ProgressCallback = Callable[[int, int], None]


def _nothing(*_: object) -> None:
    """The default callback."""


def extract(
    archive: Path,
    target: Path,
    *,
    inside: str = "",
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    finish: Finish = _nothing,
    report: ProgressCallback = _nothing,
) -> dict[str, Entry]:
    """Extract the regular files under the folder ``inside``, their paths relative to it, into the new folder ``target``.

    The format is found by content: zip (stored or deflated), tar, tar.gz, tar.bz2, tar.xz. Files are written to a hidden folder
    beside ``target``, which is renamed to ``target`` once complete; a previous ``target`` is then removed. On failure the hidden
    folder is removed and the previous ``target`` stays. Modes are 0644 and 0755 under the umask; owners,
    times and empty folders are not restored. ``__MACOSX`` and ``.DS_Store`` are left out. Members outside of ``inside`` are not
    extracted, but make the archive refused like all others. Two processes must not extract to one target at the same time.

    Args:
        archive: the file.
        target: the folder to make; a folder or file of that name is replaced.
        inside: a folder in the archive, its parts separated by ``/``, wherever it lies; empty for the whole archive.
        limits: on the archive's members.
        finish: called with the hidden folder and its entries before it gets its name. May add files, may refuse by raising.
        report: called a few times a second with the bytes done and the bytes in all: unpacked bytes for a zip, which declares
            them; bytes of the archive for a tar, which does not.

    Returns:
        Size and SHA-256 of every extracted file by its path under ``target``, with ``/``, in the archive's order.

    Raises:
        ArchiveRefused: the archive is damaged or unsafe, has no folder ``inside`` or two of them, or is over a limit.
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
    """Check quickly that a file is a zip or tar archive with members, by a zip's directory or a tar's first header.

    Raises:
        ArchiveRefused: the file is no archive, is damaged in that part, or is empty.
        UsageError: the file cannot be read.
    """
    with open_archive(archive, Limits()) as file:
        inspection = Inspection(archive, Limits(), ())
        if not holds_members(file, inspection):
            raise inspection.refused_empty()


def sweep(folder: Path) -> None:
    """Remove leftovers of killed extractions of this machine beside their targets in ``folder``; running ones are left alone.

    If a process died between moving an old target aside and putting the new one in its place, the old one is put back.
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


def _unpack(files: Iterator[Member], folder: Path, inspection: Inspection, report: ProgressCallback) -> dict[str, Entry]:
    """Write all files into ``folder``. Raises ArchiveRefused if there are none."""
    entries: dict[str, Entry] = {}
    folders = {folder}
    due = 0.0  # time of the next report

    def reported(chunks: Iterator[bytes]) -> Iterator[bytes]:
        nonlocal due
        for chunk in chunks:
            yield chunk
            if time.monotonic() >= due:
                report(inspection.done, inspection.total)
                due = time.monotonic() + REPORT_SECONDS

    for path, chunks in files:
        _make_folder((folder / path).parent, folders)
        entries[path] = _write(folder / path, reported(chunks))
    if not entries:
        raise inspection.refused_empty()
    report(inspection.total, inspection.total)
    return entries


def _make_folder(folder: Path, existing: set[Path]) -> None:
    """Create a folder and the folders above it, all with one mode, which ``Path.mkdir(parents=True)`` does not give to those."""
    if folder not in existing:
        _make_folder(folder.parent, existing)
        folder.mkdir(mode=0o755)
        existing.add(folder)


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
    """Hidden paths beside a target: of the folder to unpack to, and of the old target; their names have machine and process."""
    owner = f".{target.name}.{_host()}-{os.getpid()}-{secrets.token_hex(4)}"
    return target.with_name(f"{owner}.extracting"), target.with_name(f"{owner}.replaced")


def _install(unpacked: Path, target: Path, replaced: Path) -> None:
    """Rename the unpacked folder to ``target``. An old target is removed afterwards, or put back if renaming fails."""
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
    """Remove a folder or a file as far as possible, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
