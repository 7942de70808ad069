"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

from benchmarks.core.errors import BenchmarkError, NotWritten

BLOCK = 1 << 20  # bytes read at a time
TEMPORARY = re.compile(r"\..+?(?:\.([0-9a-f]{8}))?\.([0-9]+)\.tmp(-journal)?")  # who writes; SQLite has journals
ABANDONED = 86400.0  # seconds after which a temporary of another machine, whose processes cannot be seen, is nobody's

_MEND = {
    errno.ENOSPC: "make room there and run again",
    errno.EDQUOT: "make room there or have the quota raised, and run again",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f) and run again",
    errno.EROFS: "it is mounted read-only: mount it writable or choose another folder",
    errno.EIO: "check the disk",
}


def cache_root() -> Path:
    """The folder in ``CINCGAN_CACHE``, or else the user's cache folder, whether it is there or not."""
    from platformdirs import user_cache_dir

    return Path(os.environ.get("CINCGAN_CACHE") or user_cache_dir("cincgan-benchmark", appauthor=False)).absolute()


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return path if path.exists() else existing(path.parent)


def hash_file(path: Path, size: int | None = None, report: Callable[[int], None] = lambda done: None) -> hashlib._Hash:
    """The SHA-256 of a file, or of its first ``size`` bytes; ``report`` is told the bytes that are done."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK if size is None else min(BLOCK, size - done)):
            digest.update(block)
            done += len(block)
            report(done)
    return digest


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file so that it is there whole or not at all: temporary file beside it, fsync, rename.

    Raises:
        NotWritten: the folder cannot be written, or the disk is full; what stood at ``path`` is untouched.
    """
    temporary = temporary_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BenchmarkError:
        raise
    except Exception as error:
        cause = error if isinstance(error, OSError) else _disk_error(error)
        if cause is None:
            raise
        mend = _MEND.get(cause.errno or 0, "check permissions and free space")
        raise NotWritten(f"{path}: cannot be written ({cause.strerror}): {mend}") from cause
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_atomically(path, lambda file: file.write(text.encode()))


def temporary_path(path: Path) -> Path:
    """Where this process writes what will be ``path``; hidden, and ``sweep`` knows it."""
    return path.with_name(f".{path.name}.{_machine()}.{os.getpid()}.tmp")


@cache
def _machine() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def sweep(folder: Path) -> None:
    """Remove what processes that are no more have left half-written in a folder and all below it.

    The caller has not begun to write there: what bears its own number is an earlier process's. What processes of other
    machines write there is left to them for a day.
    """
    for path in folder.rglob(".*.tmp*"):
        found = TEMPORARY.fullmatch(path.name)
        with suppress(OSError):
            if found and _is_left(path, found[1] or _machine(), int(found[2])):
                path.unlink()


def _is_left(path: Path, machine: str, process: int) -> bool:
    if machine != _machine():
        return time.time() - path.stat().st_mtime > ABANDONED
    return process == os.getpid() or not is_alive(process)


def is_alive(process: int) -> bool:
    """Whether a process of that number runs on this machine; where that cannot be asked, it does."""
    if os.name == "nt":  # where os.kill would end it
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # someone else's
        return True
    return True


def _disk_error(error: BaseException | None) -> OSError | None:
    """The failing disk behind an error of another kind: ``torch.save`` raises a RuntimeError over it."""
    while error is not None and not (isinstance(error, OSError) and error.errno in _MEND):
        error = error.__cause__ or error.__context__
    return error
