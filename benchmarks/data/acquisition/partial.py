"""Partial files of downloads: what they are a part of, and whether a server may continue them."""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from benchmarks.core.errors import UsageError
from benchmarks.core.files import write_atomically

if TYPE_CHECKING:
    import httpx

VALIDATOR = r'^("[!#-~]*"|[A-Z][a-z]{2}, [A-Za-z0-9: +-]+)\Z'  # a strong ETag, or a date


@dataclass(frozen=True)
class Note:
    """What a partial file is a part of."""

    url: str
    validator: Annotated[str, msgspec.Meta(pattern=VALIDATOR)]
    total: int  # bytes


class Part:
    """A mirror's partial file and the note beside it. Without its note it cannot be continued."""

    def __init__(self, target: Path, url: str) -> None:
        stem = f".{target.name}.{hashlib.sha256(url.encode()).hexdigest()[:12]}"
        self.url, self.path, self.json = url, target.with_name(f"{stem}.part"), target.with_name(f"{stem}.json")

    def size(self) -> int:
        """Bytes that are there."""
        found = stamp(self.path)
        return found[0] if found else 0

    def note(self, size: int | None) -> Note | None:
        """The note, where it can be of use for a file of ``size`` bytes."""
        try:
            note = msgspec.json.decode(self.json.read_bytes(), type=Note)
        except (OSError, ValueError, msgspec.MsgspecError):
            return None
        return note if note.url == self.url and size in (None, note.total) and 0 < self.size() <= note.total > 1 else None

    def open(self, start: int, validator: str | None, total: int | None) -> FileIO:
        """Write behind the first ``start`` bytes. A note never stands beside another file's bytes."""
        if start == 0:
            self.json.unlink(missing_ok=True)
            self.path.write_bytes(b"")
            if validator is not None and total is not None:
                content = msgspec.json.encode(Note(self.url, validator, total))
                write_atomically(self.json, lambda file: file.write(content))
        file = FileIO(self.path, "r+")  # unbuffered: nothing is lost with the process
        file.seek(start)
        return file

    def discard(self) -> None:
        """Remove the file and its note."""
        with on_disk(self.path.parent):
            self.json.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)


def stamp(path: Path) -> tuple[int, int, int] | None:
    """What differs between a file and one that was put into its place; the size comes first."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_ino, status.st_mtime_ns


@contextmanager
def on_disk(folder: Path, missing: int | None = None) -> Iterator[None]:
    """Turns an OSError into one line that names the folder and the bytes that are missing there."""
    try:
        yield
    except OSError as error:
        needed = "more space" if missing is None else f"{missing} bytes more"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UsageError(
                f"{folder}: the disk is full: make room for {needed} and run again: what has come is kept"
            ) from error
        reason = error.strerror or one_line(error)
        raise UsageError(f"{folder}: cannot be written ({reason}): check permissions and limits ({needed} needed)") from error


def one_line(error: BaseException) -> str:
    """What an error says, or what it is where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def remove_parts(target: Path) -> None:
    """Remove a target's partial files: also those of mirrors no longer named, and what a killed process left of a note."""
    ours = re.compile(rf"\.?\.{re.escape(target.name)}\.[0-9a-f]{{12}}\.(part|json)((\.[0-9a-f]{{8}})?\.[0-9]+\.tmp)?")
    with suppress(OSError):
        for path in target.parent.iterdir():
            if ours.fullmatch(path.name):
                path.unlink(missing_ok=True)


def whole_number(text: str) -> int | None:
    """The number that a header's value is, or None."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def validator_of(headers: httpx.Headers) -> str | None:
    """What proves that a file is the same later on: its strong ETag, or else when it was modified last."""
    found = [value for value in (headers.get("etag", ""), headers.get("last-modified", "")) if re.search(VALIDATOR, value)]
    return found[0] if found else None


def is_continued(response: httpx.Response, note: Note, offset: int) -> bool:
    """Whether an answer to a request for the rest lets a partial file stand: not if it is about the rest of another."""
    if response.status_code != 206:
        return response.status_code != 416
    found = re.fullmatch(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", response.headers.get("content-range", ""))
    if found is None or validator_of(response.headers) != note.validator:
        return False
    first, last, total = (int(number) for number in found.groups())
    length = whole_number(response.headers.get("content-length", ""))
    return first == offset <= last < total == note.total and length in (None, last - first + 1)
