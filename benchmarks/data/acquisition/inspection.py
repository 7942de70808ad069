"""Checks of archives: limits, names that are safe on every file system, and the error for an archive that is refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.core.errors import BenchmarkError

RATIO_FREE = 1 << 20  # unpacked bytes below which the compression ratio is not checked
NAME_BYTES, PART_BYTES, DEPTH = 1024, 255, 32  # limits: bytes of a path, bytes of one part of it, number of parts
# Names of devices on Windows.
RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE)

UNSAFE = "do not use it; get the archive from its publisher"
DAMAGED = "delete it and download it again"


@dataclass(frozen=True)
class Limits:
    """Limits on an archive; every member counts, extracted or not."""

    members: int = 100_000
    member_bytes: int = 1 << 30
    total_bytes: int = 64 << 30
    ratio: float = 200.0  # unpacked bytes over packed bytes, of each member of a zip and of the whole archive


class ArchiveRefused(BenchmarkError):
    """The archive is hostile, damaged or not the expected one. The message is one line: archive, member, reason, mend.

    Attributes:
        reason: member and reason alone.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


class Inspection:
    """State of one pass through an archive: the names seen so far, counts, and progress.

    Args:
        archive: the file.
        limits: on its members.
        inside: parts of the path of the folder whose files are wanted; empty for all files.
    """

    def __init__(self, archive: Path, limits: Limits, inside: tuple[str, ...]) -> None:
        self.archive = archive
        self.limits = limits
        self.inside = inside
        self.above: tuple[str, ...] | None = None  # path of the folder that holds the folder ``inside``
        self.packed = archive.stat().st_size  # bytes
        self.members = self.bytes = 0
        # By path without case and Unicode form, as on the most forgiving file system: last part as spelled, is a folder.
        self.seen: dict[str, tuple[str, bool]] = {}
        self.done = self.total = 0  # bytes, for progress reports

    def refused(self, reason: str, member: str | None = None, mend: str = UNSAFE) -> ArchiveRefused:
        """Return the error for a reason, for the caller to raise."""
        shown = member if member is None or len(member) <= 80 else f"{member[:77]}..."
        about = reason if shown is None else f"member {shown!a}: {reason}"
        return ArchiveRefused(f"{self.archive}: {about}: {mend}", about)

    @contextmanager
    def parsing(self, member: str | None = None, what: str = "damaged or unreadable") -> Iterator[None]:
        """Turn every exception of zipfile, tarfile or a decompressor in the block into ArchiveRefused: the archive is damaged."""
        try:
            yield
        except BenchmarkError:
            raise
        except Exception as error:  # struct, index, value, recursion … errors: parsers let through what broken headers lead to
            reason = " ".join(str(error).split()) or type(error).__name__
            raise self.refused(f"{what} ({ascii(reason[:120])[1:-1]})", member, DAMAGED) from error

    def admit(self, name: str, size: int, is_folder: bool) -> str:
        """Check a member by its header.

        Returns:
            The member's path under the target folder; empty if it is not to be extracted.

        Raises:
            ArchiveRefused: its name is unsafe or taken, or a limit is exceeded.
        """
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
        """Refuse a compression ratio over the limit, announced by a header or measured while unpacking."""
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
        """Parts of a member's name without a leading ``./``, which ``tar c .`` writes. Unsafe names are refused."""
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
        """Refuse a path that is the same as another member's on some file system."""
        key = ""
        for depth, part in enumerate(parts, 1):
            key += "/" + unicodedata.normalize("NFC", unicodedata.normalize("NFD", part).casefold())
            this = (part, is_folder or depth < len(parts))
            before = self.seen.setdefault(key, this)
            if before is this or before == this == (part, True):
                continue
            if before[0] != part:
                raise self.refused("another name differs only in case or Unicode form", name)
            raise self.refused("appears twice" if before == this else "is both a file and a folder", name)

    def refused_empty(self) -> ArchiveRefused:
        """Return the error for an archive without wanted files."""
        if not self.inside:
            return self.refused("holds no files", mend=DAMAGED)
        folders = sorted(part for key, (part, is_folder) in self.seen.items() if is_folder and key.count("/") == 1)
        shown = ", ".join(map(ascii, folders[:10])) + (" …" if len(folders) > 10 else "")
        return self.refused(f"no files under '{'/'.join(self.inside)}'", mend=f"folders at its top: {shown or 'none'}")


def _unsafe(part: str) -> str:
    """Reason why a part of a path is unsafe on some file system; empty if it is safe everywhere."""
    if part in ("", ".", ".."):
        return f"has the part '{part}'" if part else "is empty or has an empty part"
    if {unicodedata.category(character) for character in part} & {"Cc", "Cs", "Zl", "Zp"}:
        return "has control characters or is no valid UTF-8"
    if "\\" in part or ":" in part:
        return "has a backslash or a colon"
    if part.endswith((".", " ")) or RESERVED.fullmatch(part):
        return "means something else on Windows"
    return "is too long" if len(part.encode()) > PART_BYTES else ""
