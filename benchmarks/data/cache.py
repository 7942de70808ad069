"""A cache of decoded images in memory-mapped files: decoded once, shared by all processes, possibly larger than memory.

A **stack** is a file in the folder ``pixels`` of the cache: the pixels of its images back to back, then the index (JSON: heights
and widths, CRC-32 of the pixels), then a tail of fixed size (length and SHA-256 of the index). The index comes last because
sizes are known only after the images are made. A stack is written to a temporary file and renamed, so it is complete or absent.

The checksum is against damage, not against forgery, and is compared before a process first uses a stack: CRC-32 is the fastest of
the standard library (5 GB a second where SHA-256 with hardware support has 1.2, and decoding a PNG file 0.1).
"""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import struct
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Annotated, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.api.image import Image
from benchmarks.core.errors import BenchmarkError, NotWritten, UsageError
from benchmarks.core.files import cache_root, write_atomically
from benchmarks.core.locks import locked

TAIL = struct.Struct("<Q32s")  # length of the index in bytes, SHA-256 of the index
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})  # errors for want of room
PIECE = 1 << 20  # bytes checked at a time: few enough for a processor's cache
MEND = "set CINCGAN_CACHE to another folder"

Length = Annotated[int, msgspec.Meta(ge=0)]
State = Literal["intact", "damaged", "of another version"]


class _Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Index of a stack: heights and widths in the order of the images, and the CRC-32 of all pixels."""

    sizes: list[tuple[Length, Length]]
    crc32: int


_intact: set[tuple[int, ...]] = set()  # stacks whose pixels this process has checked: device, inode, size, time of writing


def stack(key: str, produce: Callable[[], Iterable[Image]]) -> list[Image]:
    """Images of a stack, as views of one memory-mapped file. A missing stack is made first, with one image in memory at a time.

    If several processes lack the same stack, one makes it and the others wait. A damaged file is made anew, with a line on
    standard error; pixels are checked once in each process.

    Args:
        key: hexadecimal digest of everything that decides the pixels.
        produce: makes the images, ``(H, W, 3)`` uint8 of any sizes; called only if the cache lacks the stack.

    Returns:
        Read-only ``(H, W, 3)`` uint8 arrays. They keep the mapping, which keeps one open file.

    Raises:
        UsageError: the cache folder cannot be read or written, or has no room for the images; the message has the bytes needed.
        BenchmarkError: the written file does not read back.
    """
    path = _folder() / f"{key}.pixels"
    images = _map(path)
    if images is not None:
        return images
    with locked(path.with_name(f".{path.name}.lock"), MEND):
        if _map(path) is None:  # another process may have made it meanwhile
            if path.exists():
                print(f"{path}: damaged, its images are decoded anew", file=sys.stderr)
            _make(path, produce)
    images = _map(path)
    if images is None:
        raise BenchmarkError(f"{path}: reads back other than it was written: check the disk, or {MEND}")
    return images


def release(images: Iterable[Image]) -> None:
    """Give back the memory of images of stacks, whose pixels are read from their files again when they are next used.

    Other images stay as they are, and so do all on systems that offer no way to do it.
    """
    advice = getattr(mmap, "MADV_DONTNEED", None)
    for image in images:
        pixels: NDArray[np.uint8] = image
        while isinstance(pixels.base, np.ndarray):
            pixels = pixels.base
        mapping = getattr(pixels.base, "obj", pixels.base)  # of a memory view
        if advice is not None and isinstance(mapping, mmap.mmap) and image.size:
            start = image.ctypes.data - pixels.ctypes.data
            stop = min(start + image.strides[0] * image.shape[0], len(mapping))
            start -= start % mmap.PAGESIZE
            mapping.madvise(advice, start, stop - start)


def verify() -> Iterator[tuple[Path, State]]:
    """Yield every stack in the cache, and whether its pixels still have the recorded checksum.

    A damaged stack is mended by removing the file: ``stack`` makes it anew. A stack that another process removes meanwhile
    counts as damaged. The index of a stack of another version of this project has other fields: no run uses its pixels, which are
    not read.
    """
    for path in sorted(_folder().glob("*.pixels")):
        try:
            with path.open("rb") as file:
                encoded = _encoded_index(file)
                if encoded is not None and _decoded_index(encoded) is None:
                    yield path, "of another version"
                else:
                    index = _read_index(file)
                    yield path, "intact" if index is not None and _has_intact_pixels(file, index) else "damaged"
        except OSError:
            yield path, "damaged"


def _folder() -> Path:
    return cache_root() / "pixels"


def _map(path: Path) -> list[Image] | None:
    """Images of a stack; None if it is missing, if size and index do not fit, or if its pixels are damaged."""
    try:
        with path.open("rb") as file:
            index = _read_index(file)
            if index is None or not _is_checked(file, index):
                return None
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}): check permissions and limits, or {MEND}") from error
    pixels, offset, images = np.frombuffer(mapping, np.uint8), 0, []
    for height, width in index.sizes:
        images.append(pixels[offset : offset + height * width * 3].reshape(height, width, 3))
        offset += height * width * 3
    return images


def _read_index(file: IO[bytes]) -> _Index | None:
    """Index of an open stack; None if it is damaged, or if the file has another size than the index says."""
    encoded = _encoded_index(file)
    index = _decoded_index(encoded) if encoded is not None else None
    if encoded is None or index is None or _bytes(index.sizes) + len(encoded) + TAIL.size != file.seek(0, 2):
        return None
    return index


def _encoded_index(file: IO[bytes]) -> bytes | None:
    """Bytes of the index of an open stack; None if they have another hash than the tail says."""
    size = file.seek(0, 2)
    if size < TAIL.size:
        return None
    file.seek(size - TAIL.size)
    length, sha256 = TAIL.unpack(file.read(TAIL.size))
    if length > size - TAIL.size:
        return None
    file.seek(size - TAIL.size - length)
    encoded = file.read(length)
    return encoded if hashlib.sha256(encoded).digest() == sha256 else None


def _decoded_index(encoded: bytes) -> _Index | None:
    """The index out of its bytes; None if it has other fields: another version of this project has written it."""
    try:
        return msgspec.json.decode(encoded, type=_Index)
    except msgspec.MsgspecError:
        return None


def _bytes(sizes: Iterable[tuple[int, int]]) -> int:
    return sum(height * width * 3 for height, width in sizes)


def _make(path: Path, produce: Callable[[], Iterable[Image]]) -> None:
    """Write a stack. The caller holds its lock: half-written files are of killed processes, and are removed."""
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        with suppress(OSError):
            leftover.unlink()
    images = iter(produce())
    sizes: list[tuple[int, int]] = []
    try:
        write_atomically(path, lambda file: _write(file, images, sizes))
    except NotWritten as error:
        if not isinstance(error.__cause__, OSError) or error.__cause__.errno not in FULL:
            raise
        needed = _bytes(sizes) + sum(image.nbytes for image in images)
        message = f"no room for decoded images, which need {needed / 1e6:,.1f} MB: free that much, or {MEND}"
        raise UsageError(f"{path.parent}: {message}") from error


def _write(file: IO[bytes], images: Iterable[Image], sizes: list[tuple[int, int]]) -> None:
    checksum = 0
    for image in images:
        sizes.append((image.shape[0], image.shape[1]))
        content = np.ascontiguousarray(image).reshape(-1).data
        file.write(content)
        checksum = zlib.crc32(content, checksum)
    encoded = msgspec.json.encode(_Index(sizes, checksum))
    file.write(encoded)
    file.write(TAIL.pack(len(encoded), hashlib.sha256(encoded).digest()))


def _is_checked(file: IO[bytes], index: _Index) -> bool:
    """True if the pixels of an open stack are intact; read once in each process."""
    status = os.fstat(file.fileno())
    version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    if version not in _intact and _has_intact_pixels(file, index):
        _intact.add(version)
    return version in _intact


def _has_intact_pixels(file: IO[bytes], index: _Index) -> bool:
    file.seek(0)
    checksum, left = 0, _bytes(index.sizes)
    while left:
        piece = file.read(min(left, PIECE))
        if not piece:
            return False
        checksum = zlib.crc32(piece, checksum)
        left -= len(piece)
    return checksum == index.crc32
