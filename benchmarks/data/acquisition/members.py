"""The reader of zip and tar archives: yields the wanted files one after the other and refuses hostile or damaged archives.

``zipfile`` and ``tarfile`` parse the formats. ``Inspection`` adds the checks that they leave out, and this module those that need
a member's headers or content: overlapping members, special files, sizes that differ from the headers.
"""

from __future__ import annotations

import bz2
import copy
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from benchmarks.core.errors import UsageError
from benchmarks.data.acquisition.inspection import DAMAGED, Inspection, Limits

CHUNK = 1 << 20  # bytes that are in memory at a time
TAR_HEADER = 1 << 14  # bytes of headers of one member; tarfile reads them whole, and parses digits in quadratic time

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

Member = tuple[str, Iterator[bytes]]  # path under the target folder, content in chunks


class ArchiveFile(io.FileIO):
    """An archive file with a cap on single reads, so that zipfile does not load a huge central directory into memory."""

    cap = CHUNK

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to ``size`` bytes. Raises ValueError for more than ``cap``."""
        if size is not None and size > self.cap:
            raise ValueError(f"a part of {size} bytes that is read whole")
        return super().read(size) or b""


@contextmanager
def open_archive(archive: Path, limits: Limits) -> Iterator[ArchiveFile]:
    """Open an archive file for a ``with`` block. Raises UsageError if it cannot be read."""
    try:
        file = ArchiveFile(archive)
    except OSError as error:
        raise UsageError(f"{archive}: cannot be read ({error.strerror}): check the path and its permissions") from error
    file.cap = CHUNK + 256 * limits.members
    with file:
        yield file


def _head(file: ArchiveFile) -> bytes:
    file.seek(0)
    head = file.read(512)
    file.seek(0)
    return head


def _is_zip(file: ArchiveFile) -> bool:
    """True if the file is a zip: by its first bytes, then by its last ones. A tar whose last member is a zip is none."""
    head = _head(file)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return True
    return not (head.startswith(tuple(UNPACKERS)) or head[257:262] == b"ustar") and zipfile.is_zipfile(file)


def wanted_files(file: ArchiveFile, inspection: Inspection) -> Iterator[Member]:
    """Yield the wanted files, each to be read to its end before the next.

    All headers of a zip are checked before the first file, those of a tar along the way: no file of a tar is to be trusted before
    the iterator has ended.

    Raises:
        ArchiveRefused: at any point of the iteration.
    """
    with inspection.parsing():
        members = _zip_members if _is_zip(file) else _tar_members
    yield from members(file, inspection)


def holds_members(file: ArchiveFile, inspection: Inspection) -> bool:
    """True if the archive has members, by a zip's directory or a tar's first header. Raises ArchiveRefused if it is damaged."""
    with inspection.parsing():
        if not _is_zip(file):
            return _open_tar(_TarBytes(file, inspection)).next() is not None
        with zipfile.ZipFile(file) as opened:
            return bool(opened.infolist())


def _zip_members(file: ArchiveFile, inspection: Inspection) -> Iterator[Member]:
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
    """True if a member is a folder. Special files, encrypted members and unsupported compressions are refused."""
    name, kind = info.orig_filename, stat.S_IFMT(info.external_attr >> 16)
    is_folder = name.endswith("/")
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR} or (kind == stat.S_IFDIR and not is_folder):
        raise inspection.refused(f"is no regular file ({SPECIAL.get(kind, 'special')})", name)
    if is_folder and info.file_size:
        raise inspection.refused("is a folder with content", name)
    if info.flag_bits & 0x2061:  # encrypted, patched data, strongly encrypted, masked directory
        raise inspection.refused("is encrypted", name, "get an archive that is not")
    if info.compress_type not in {
        zipfile.ZIP_STORED,
        zipfile.ZIP_DEFLATED,
    }:  # zipfile unpacks the others without bounds on memory
        reason = f"its compression (method {info.compress_type}) is not supported"
        raise inspection.refused(reason, name, "pack it again with deflate, or as tar")
    inspection.check_ratio(name, info.file_size, info.compress_size)
    return is_folder


def _check_overlaps(file: ArchiveFile, opened: zipfile.ZipFile, inspection: Inspection) -> None:
    """Refuse members that share bytes: a few megabytes could unpack to terabytes, each member within its ratio."""
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
    """Content of a member, in chunks. Refused once it is larger than the header says, and at its end if it is smaller."""
    unbounded = copy.copy(info)
    unbounded.file_size = 1 << 62  # zipfile would stop silently at the size in the header
    size = 0
    with inspection.parsing(info.orig_filename):
        stream = opened.open(unbounded)
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
    """Stream of a tar's unpacked bytes, forwards only. tarfile reads headers from it; every byte is counted."""

    def __init__(self, file: ArchiveFile, inspection: Inspection) -> None:
        head = _head(file)
        unpack = next((unpack for magic, unpack in UNPACKERS.items() if head.startswith(magic)), None)
        self.file = file
        self.unpacked: IO[bytes] = unpack(file) if unpack else cast("IO[bytes]", file)
        self.inspection = inspection
        self.position = 0
        self.header_bytes = 0  # since the last member
        self.block = b""  # last block read for a header

    def tell(self) -> int:
        """Position in the unpacked bytes."""
        return self.position

    def read(self, size: int) -> bytes:
        """Read header blocks for tarfile, which trusts any size in a header: their sum per member is limited."""
        self.header_bytes += size
        if size < 0 or self.header_bytes > TAR_HEADER:
            raise self.inspection.refused(f"a header of a member is larger than {TAR_HEADER} bytes")
        self.block = self.take(size)
        return self.block

    def seek(self, position: int) -> int:
        """Skip content forwards, for tarfile."""
        for _ in self.content(position - self.position, None):
            pass
        return self.position

    def take(self, size: int) -> bytes:
        """Read up to ``size`` bytes; empty at the end."""
        with self.inspection.parsing():
            data = self.unpacked.read(size)
        self.position += len(data)
        self.inspection.done = self.file.tell()
        self.inspection.check_ratio(None, self.position, self.inspection.done)
        return data

    def content(self, size: int, name: str | None) -> Iterator[bytes]:
        """Yield the next ``size`` bytes in chunks."""
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


def _tar_members(file: ArchiveFile, inspection: Inspection) -> Iterator[Member]:
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
    if stream.block != bytes(tarfile.BLOCKSIZE):  # tarfile takes a broken header for the end of the archive
        raise inspection.refused("damaged, or cut off before its end mark", mend=DAMAGED)
    while stream.take(CHUNK):  # on to the checksum of the compressed stream
        pass


def _check_tar_member(info: tarfile.TarInfo, inspection: Inspection) -> bool:
    """True if a member is a folder. Links, devices and sparse files are refused."""
    if info.sparse is not None or any(key.startswith("GNU.sparse") for key in info.pax_headers):
        raise inspection.refused("is no regular file (sparse)", info.name)
    if info.type not in {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE}:
        raise inspection.refused(f"is no regular file ({SPECIAL.get(info.type, 'special')})", info.name)
    return info.type == tarfile.DIRTYPE
