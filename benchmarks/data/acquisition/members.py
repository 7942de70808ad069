"""What is in a downloaded zip or tar: its wanted files one after the other, everything else about it checked or refused.

``zipfile`` and ``tarfile`` read the formats. What they leave open is here: which names are safe on every file system, what
counts as too much, and when a member is not what its header says.
"""

from __future__ import annotations

import bz2
import copy
import gzip
import io
import lzma
import re
import stat
import struct
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from benchmarks.core.errors import BenchmarkError, UsageError

CHUNK = 1 << 20  # bytes that are in memory at a time
RATIO_FREE = 1 << 20  # bytes that may come out before their compression ratio is looked at
TAR_HEADER = 1 << 14  # bytes of one member's headers; tarfile reads them whole, and digits in quadratic time

NAME_BYTES, PART_BYTES, DEPTH = 1024, 255, 32  # of a path, of a part of it, of its folders
RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE)  # devices on Windows

UNSAFE = "do not use it; get the archive from its publisher"
DAMAGED = "delete it and download it again"

UNPACKERS: dict[bytes, Callable[[Any], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
SPECIAL = {
    stat.S_IFLNK: "symbolic link",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
    tarfile.SYMTYPE: "symbolic link",
    tarfile.LNKTYPE: "hard link",
    tarfile.CHRTYPE: "device",
    tarfile.BLKTYPE: "device",
    tarfile.FIFOTYPE: "FIFO",
}


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold; every member counts, extracted or not."""

    members: int = 100_000
    member_bytes: int = 1 << 30
    total_bytes: int = 64 << 30
    ratio: float = 200.0  # unpacked bytes to packed ones, of a zip's member and of the archive


class ArchiveRefused(BenchmarkError):
    """The archive is hostile, damaged or not what was expected. One line: archive, member, reason, how to mend it."""


Member = tuple[str, Iterator[bytes]]  # a wanted file: its path under the target, its content


class Inspection:
    """What is known of one archive while it is gone through: names, numbers, and how far it is."""

    def __init__(self, archive: Path, limits: Limits, inside: tuple[str, ...]) -> None:
        self.archive = archive
        self.limits = limits
        self.inside = inside
        self.above: tuple[str, ...] | None = None  # where the folder ``inside`` was found
        self.packed = archive.stat().st_size  # bytes
        self.members = self.bytes = 0
        # By path as the most forgiving file system sees it: the last part as spelled, and whether it is a folder.
        self.seen: dict[str, tuple[str, bool]] = {}
        self.done = self.total = 0  # for the report

    def refused(self, reason: str, member: str | None = None, mend: str = UNSAFE) -> ArchiveRefused:
        """The error to raise."""
        shown = member if member is None or len(member) <= 80 else f"{member[:77]}..."
        return ArchiveRefused(f"{self.archive}: {'' if shown is None else f'member {shown!a}: '}{reason}: {mend}")

    @contextmanager
    def parsing(self, member: str | None = None, what: str = "damaged or unreadable") -> Iterator[None]:
        """Whatever zipfile, tarfile and the decompressors trip over in here means that the archive is damaged."""
        try:
            yield
        except BenchmarkError:
            raise
        except Exception as error:  # struct, index, value, recursion … errors: parsers let through what broken headers lead to
            reason = " ".join(str(error).split()) or type(error).__name__
            raise self.refused(f"{what} ({ascii(reason[:120])[1:-1]})", member, DAMAGED) from error

    def admit(self, name: str, size: int, is_folder: bool) -> str:
        """Check a member by its header. Its path under the target, or nothing if it is not to be extracted."""
        self.members += 1
        self.bytes += size
        self._check_amounts(name, size)
        parts = self._split(name, is_folder)
        self._claim(name, parts, is_folder)
        depth = len(self.inside)
        start = next((start for start in range(len(parts) - depth) if parts[start : start + depth] == self.inside), None)
        if is_folder or "__MACOSX" in parts or parts[-1] == ".DS_Store" or start is None:
            return ""
        if self.above not in (None, parts[:start]):
            raise self.refused(f"a second folder '{'/'.join(self.inside)}'", name)
        self.above = parts[:start]
        return "/".join(parts[start + depth :])

    def check_ratio(self, name: str | None, unpacked: int, packed: int) -> None:
        """Refuse what grows too much, whether a header says so or it happens."""
        if unpacked > self.limits.ratio * packed + RATIO_FREE:
            raise self.refused(f"over the limit of {self.limits.ratio:g} times its packed size", name)

    def _check_amounts(self, name: str, size: int) -> None:
        if self.members > self.limits.members:
            raise self.refused(f"over the limit of {self.limits.members} members")
        if not 0 <= size <= self.limits.member_bytes:
            raise self.refused(f"{size} bytes are over the limit of {self.limits.member_bytes} for a member", name)
        if self.bytes > self.limits.total_bytes:
            raise self.refused(f"over the limit of {self.limits.total_bytes} bytes in all", name)
        self.check_ratio(None, self.bytes, self.packed)

    def _split(self, name: str, is_folder: bool) -> tuple[str, ...]:
        """The parts of a safe name; a leading ``./`` is dropped, as ``tar c .`` writes it."""
        path = name.removesuffix("/") if is_folder else name
        if is_folder and path == ".":
            return ()
        path = path.removeprefix("./")
        parts = tuple(path.split("/"))
        reason = "is absolute" if path.startswith("/") else next(filter(None, map(_unsafe, parts)), "")
        if reason or len(parts) > DEPTH or len(path.encode()) > NAME_BYTES:
            raise self.refused(f"its name {reason or 'is too long'}", name)
        return parts

    def _claim(self, name: str, parts: tuple[str, ...], is_folder: bool) -> None:
        """Refuse a path that another member has already, on any file system."""
        key = ""
        for depth, part in enumerate(parts, 1):
            key += "/" + unicodedata.normalize("NFC", unicodedata.normalize("NFD", part).casefold())
            this = (part, is_folder or depth < len(parts))
            before = self.seen.setdefault(key, this)
            if before is this or before == this == (part, True):
                continue
            if before[0] != part:
                raise self.refused("another name differs only in case or Unicode form", name)
            raise self.refused("is there twice" if before == this else "is both a file and a folder", name)

    def refused_empty(self) -> ArchiveRefused:
        """The error where nothing was extracted."""
        if not self.inside:
            return self.refused("holds no files", mend=DAMAGED)
        folders = sorted(part for key, (part, is_folder) in self.seen.items() if is_folder and key.count("/") == 1)
        known = ", ".join(map(ascii, folders[:10])) + (" …" if len(folders) > 10 else "")
        return self.refused(f"no files under '{'/'.join(self.inside)}'", mend=f"folders at its top: {known or 'none'}")


def _unsafe(part: str) -> str:
    """Why a part of a path is unsafe on some file system; empty where it is safe."""
    if part in ("", ".", ".."):
        return f"has the part '{part}'" if part else "is empty or has an empty part"
    if {unicodedata.category(character) for character in part} & {"Cc", "Cs", "Zl", "Zp"}:
        return "has control characters or is no valid UTF-8"
    if "\\" in part or ":" in part:
        return "has a backslash or a colon"
    if part.endswith((".", " ")) or RESERVED.fullmatch(part):
        return "means something else on Windows"
    return "is too long" if len(part.encode()) > PART_BYTES else ""


class Archive(io.FileIO):
    """The file, read so that zipfile cannot be made to hold a huge central directory in memory."""

    cap = CHUNK

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to ``size`` bytes. Raises ValueError for more than ``cap``."""
        if size is not None and size > self.cap:
            raise ValueError(f"a part of {size} bytes that is read whole")
        return super().read(size) or b""


@contextmanager
def open_archive(archive: Path, limits: Limits) -> Iterator[Archive]:
    """The file, open for the time of a ``with``. Raises UsageError where it cannot be read."""
    try:
        file = Archive(archive)
    except OSError as error:
        raise UsageError(f"{archive}: cannot be read ({error.strerror}): check the path and its permissions") from error
    file.cap = CHUNK + 256 * limits.members
    with file:
        yield file


def _head(file: Archive) -> bytes:
    file.seek(0)
    head = file.read(512)
    file.seek(0)
    return head


def _is_zip(file: Archive) -> bool:
    """By what it begins with; only then by its end, since a tar may end with a zip in it."""
    head = _head(file)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return True
    return not (head.startswith(tuple(UNPACKERS)) or head[257:262] == b"ustar") and zipfile.is_zipfile(file)


def wanted_files(file: Archive, inspection: Inspection) -> Iterator[Member]:
    """The files to extract, one after the other, each to be read to its end before the next.

    A zip is checked as far as its headers tell before the first one, a tar on the way; so its files are only good when the
    iterator has ended.

    Raises:
        ArchiveRefused: at any point of it.
    """
    with inspection.parsing():
        members = _zip_members if _is_zip(file) else _tar_members
    yield from members(file, inspection)


def holds_members(file: Archive, inspection: Inspection) -> bool:
    """Whether there is anything in it, by a zip's directory or a tar's first header. Raises ArchiveRefused if it has none."""
    with inspection.parsing():
        if not _is_zip(file):
            return _open_tar(_TarBytes(file, inspection)).next() is not None
        with zipfile.ZipFile(file) as opened:
            return bool(opened.infolist())


def _zip_members(file: Archive, inspection: Inspection) -> Iterator[Member]:
    with inspection.parsing():
        opened = zipfile.ZipFile(file)
    with opened:
        wanted = []
        for info in opened.infolist():
            is_folder = _check_zip_member(info, inspection)
            path = inspection.admit(info.orig_filename, info.file_size, is_folder)
            wanted += [(path, info)] if path else []
        with inspection.parsing():
            _check_overlaps(file, opened, inspection)
        inspection.total = sum(info.file_size for _, info in wanted)
        for path, info in wanted:
            yield path, _inflated(opened, info, inspection)


def _check_zip_member(info: zipfile.ZipInfo, inspection: Inspection) -> bool:
    """Whether it is a folder. Refuses what is neither folder nor file, and what cannot be read safely."""
    name, kind = info.orig_filename, stat.S_IFMT(info.external_attr >> 16)
    is_folder = name.endswith("/")
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR} or (kind == stat.S_IFDIR and not is_folder):
        raise inspection.refused(f"is no regular file ({SPECIAL.get(kind, 'special')})", name)
    if is_folder and info.file_size:
        raise inspection.refused("is a folder with content", name)
    if info.flag_bits & 0x2061:  # encrypted, patched data, strongly encrypted, masked directory
        raise inspection.refused("is encrypted", name, "get an archive that is not")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:  # zipfile lets the others fill the memory at once
        reason = f"its compression (method {info.compress_type}) is not supported"
        raise inspection.refused(reason, name, "pack it again with deflate, or as tar")
    inspection.check_ratio(name, info.file_size, info.compress_size)
    return is_folder


def _check_overlaps(file: Archive, opened: zipfile.ZipFile, inspection: Inspection) -> None:
    """Refuse members that share bytes: with them a few megabytes unpack to terabytes within every member's ratio."""
    end = 0
    for info in sorted(opened.infolist(), key=lambda info: info.header_offset):
        file.seek(info.header_offset)
        signature, name_bytes, extra_bytes = struct.unpack("<4s22xHH", file.read(30))
        if signature != b"PK\x03\x04":
            raise inspection.refused("has no header where the directory says", info.orig_filename, DAMAGED)
        if info.header_offset < end:
            raise inspection.refused("shares its bytes with another member", info.orig_filename)
        end = info.header_offset + 30 + name_bytes + extra_bytes + info.compress_size
        if end > opened.start_dir:
            raise inspection.refused("reaches into the directory", info.orig_filename)


def _inflated(opened: zipfile.ZipFile, info: zipfile.ZipInfo, inspection: Inspection) -> Iterator[bytes]:
    """A member's content. Refused as soon as it is more than the header says, which is within the limits, and if it is less."""
    unbelieving = copy.copy(info)
    unbelieving.file_size = 1 << 62  # or else zipfile ends there without a word
    size = 0
    with inspection.parsing(info.orig_filename):
        stream = opened.open(unbelieving)
    with stream:
        while True:
            with inspection.parsing(info.orig_filename):
                chunk = stream.read(CHUNK)
            size += len(chunk)
            if size > info.file_size or (not chunk and size < info.file_size):
                raise inspection.refused("does not have the size that its header says", info.orig_filename)
            if not chunk:
                return
            inspection.done += len(chunk)
            yield chunk


class _TarBytes:
    """The unpacked bytes of a tar, forwards only: what tarfile reads headers from, and all that goes by is counted."""

    def __init__(self, file: Archive, inspection: Inspection) -> None:
        head = _head(file)
        unpack = next((unpack for magic, unpack in UNPACKERS.items() if head.startswith(magic)), None)
        self.file = file
        self.unpacked: IO[bytes] = unpack(file) if unpack else cast("IO[bytes]", file)
        self.inspection = inspection
        self.position = 0
        self.header_bytes = 0  # since the last member
        self.block = b""  # read last for a header

    def tell(self) -> int:
        """Where it stands."""
        return self.position

    def read(self, size: int) -> bytes:
        """Header blocks, for tarfile, which believes any size that a header gives."""
        self.header_bytes += size
        if size < 0 or self.header_bytes > TAR_HEADER:
            raise self.inspection.refused(f"a header of a member is larger than {TAR_HEADER} bytes")
        self.block = self.take(size)
        return self.block

    def seek(self, position: int) -> int:
        """Skip content, for tarfile; never back."""
        for _ in self.content(position - self.position, None):
            pass
        return self.position

    def take(self, size: int) -> bytes:
        """Up to ``size`` bytes, none at the end."""
        with self.inspection.parsing():
            data = self.unpacked.read(size)
        self.position += len(data)
        self.inspection.done = self.file.tell()
        self.inspection.check_ratio(None, self.position, self.inspection.done)
        return data

    def content(self, size: int, name: str | None) -> Iterator[bytes]:
        """The next ``size`` bytes, in chunks."""
        while size > 0:
            chunk = self.take(min(size, CHUNK))
            if not chunk:
                raise self.inspection.refused("the archive ends before its content does", name, DAMAGED)
            size -= len(chunk)
            yield chunk


def _open_tar(stream: _TarBytes) -> tarfile.TarFile:
    with stream.inspection.parsing(what="no zip or tar archive, or damaged at its start"):
        opened = tarfile.TarFile(fileobj=cast("IO[bytes]", stream), encoding="utf-8", errors="surrogateescape")
    if stream.block == bytes(tarfile.BLOCKSIZE):  # the end mark
        raise stream.inspection.refused_empty()
    return opened


def _tar_members(file: Archive, inspection: Inspection) -> Iterator[Member]:
    inspection.total = inspection.packed
    stream = _TarBytes(file, inspection)
    opened = _open_tar(stream)
    while True:
        stream.header_bytes = 0
        with inspection.parsing():
            info = opened.next()
        if info is None:
            break
        path = inspection.admit(info.name, 0 if info.isdir() else info.size, _check_tar_member(info, inspection))
        if path:
            yield path, stream.content(info.size, info.name)
    if stream.block != bytes(tarfile.BLOCKSIZE):  # tarfile takes a broken header for the end
        raise inspection.refused("damaged, or cut off before its end mark", mend=DAMAGED)
    while stream.take(CHUNK):  # to the checksum of what packs it
        pass


def _check_tar_member(info: tarfile.TarInfo, inspection: Inspection) -> bool:
    """Whether it is a folder. Refuses what is neither folder nor file."""
    if info.sparse is not None or any(key.startswith("GNU.sparse") for key in info.pax_headers):
        raise inspection.refused("is no regular file (sparse)", info.name)
    if info.type not in {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE}:
        raise inspection.refused(f"is no regular file ({SPECIAL.get(info.type, 'special')})", info.name)
    return info.type == tarfile.DIRTYPE
