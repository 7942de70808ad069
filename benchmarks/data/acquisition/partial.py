"""Partial files of downloads, the notes on their origin, and the conditions under which a server may continue them."""

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
from benchmarks.core.secrets import address_without_secrets

if TYPE_CHECKING:
    import httpx

VALIDATOR = r'^("[!#-~]*"|[A-Z][a-z]{2}, [A-Za-z0-9: +-]+)\Z'  # a strong ETag, or a date


@dataclass(frozen=True)
class Note:
    """Origin of a partial file.

    Attributes:
        url: address without secrets.
        validator: strong ETag, or date of the last change.
        total: bytes of the whole file.
    """

    url: str
    validator: Annotated[str, msgspec.Meta(pattern=VALIDATOR)]
    total: int


class Part:
    """A mirror's partial file and the note beside it. Without its note a partial file cannot be continued."""

    def __init__(self, target: Path, url: str) -> None:
        stem = f".{target.name}.{hashlib.sha256(url.encode()).hexdigest()[:12]}"
        self.url, self.path, self.json = (
            address_without_secrets(url),
            target.with_name(f"{stem}.part"),
            target.with_name(f"{stem}.json"),
        )

    def size(self) -> int:
        """Size of the partial file in bytes; 0 if there is none."""
        status = stamp(self.path)
        return status[0] if status else 0

    def note(self, size: int | None) -> Note | None:
        """The note, if it is of this address and fits the partial file and a whole of ``size`` bytes; else None."""
        try:
            note = msgspec.json.decode(self.json.read_bytes(), type=Note)
        except (OSError, ValueError, msgspec.MsgspecError):
            return None
        return note if note.url == self.url and size in (None, note.total) and 0 < self.size() <= note.total > 1 else None

    def open(self, start: int, validator: str | None, total: int | None) -> FileIO:
        """Open the partial file for writing behind its first ``start`` bytes. At 0 both files are begun anew, the note last."""
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
        """Remove the partial file and its note."""
        with on_disk(self.path.parent):
            self.json.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)


def stamp(path: Path) -> tuple[int, int, int] | None:
    """Size in bytes, inode and time of the last change, which differ if a file was replaced; None if it is missing."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_ino, status.st_mtime_ns


@contextmanager
def on_disk(folder: Path, missing: int | None = None) -> Iterator[None]:
    """Turn an OSError in the block into a UsageError with the folder and the bytes still to be written there."""
    try:
        yield
    except OSError as error:
        needed = "more space" if missing is None else f"{missing} bytes more"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UsageError(
                f"{folder}: the disk is full: make room for {needed} and run again: bytes that have come are kept"
            ) from error
        reason = error.strerror or one_line(error)
        raise UsageError(f"{folder}: cannot be written ({reason}): check permissions and limits ({needed} needed)") from error


def one_line(error: BaseException) -> str:
    """Message of an error in one line; its class where it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def remove_parts(target: Path) -> None:
    """Remove partial files and notes of a target, also of mirrors that are no longer named and of killed processes."""
    ours = re.compile(rf"\.?\.{re.escape(target.name)}\.[0-9a-f]{{12}}\.(part|json)((\.[0-9a-f]{{8}})?\.[0-9]+\.tmp)?")
    with suppress(OSError):
        for path in target.parent.iterdir():
            if ours.fullmatch(path.name):
                path.unlink(missing_ok=True)


def whole_number(text: str) -> int | None:
    """Value of a header as a whole number; None if it is none."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def validator_of(headers: httpx.Headers) -> str | None:
    """Strong ETag of a response or, without one, its date of the last change: equal for equal files. None if it has neither."""
    validators = (headers.get("etag", ""), headers.get("last-modified", ""))
    return next((validator for validator in validators if re.search(VALIDATOR, validator)), None)


def is_continued(response: httpx.Response, note: Note, offset: int) -> bool:
    """True if a response to a range request continues the same file, so that the partial file may be kept."""
    if response.status_code != 206:
        return response.status_code != 416
    span = re.fullmatch(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", response.headers.get("content-range", ""))
    if span is None or validator_of(response.headers) != note.validator:
        return False
    first, last, total = (int(number) for number in span.groups())
    length = whole_number(response.headers.get("content-length", ""))
    return first == offset <= last < total == note.total and length in (None, last - first + 1)
