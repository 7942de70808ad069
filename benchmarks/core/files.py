"""Atomic writing of files: a reader never sees a part of a file."""

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

from benchmarks.core.errors import BenchmarkError, NotWritten, UsageError

BLOCK = 1 << 20  # bytes read at a time
TEMPORARY = re.compile(r"\..+?(?:\.([0-9a-f]{8}))?\.([0-9]+)\.tmp(-journal)?")  # machine and process; SQLite has journals
ABANDONED = 86400.0  # seconds after which a temporary file of another machine, whose processes are unknown, is removed

_MEND = {
    errno.ENOSPC: "make room there and run again",
    errno.EDQUOT: "make room there or have the quota raised, and run again",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f) and run again",
    errno.EROFS: "it is mounted read-only: mount it writable or choose another folder",
    errno.EIO: "check the disk",
}


def cache_root() -> Path:
    """Folder of the cache, ``CINCGAN_CACHE`` or a folder in the user's cache, whether it exists or not.

    Raises:
        UsageError: ``CINCGAN_CACHE`` is not set, and the user has no home folder.
    """
    from platformdirs import user_cache_dir

    if named := named_folder("CINCGAN_CACHE"):
        return named
    with suppress(RuntimeError):  # by newer versions of platformdirs if the user has no home folder; older ones answer ~ as it is
        folder = Path(user_cache_dir("cincgan-benchmark", appauthor=False))
        if folder.is_absolute():
            return folder
    raise UsageError("no folder for the cache, for HOME names no absolute folder: set CINCGAN_CACHE to one")


def named_folder(variable: str) -> Path | None:
    """Absolute folder that an environment variable names, which may begin with ``~``; None if the variable is not set.

    Raises:
        UsageError: it begins with ``~``, and that user has no home folder.
    """
    named = os.environ.get(variable)
    try:
        return Path(named).expanduser().absolute() if named else None
    except RuntimeError as error:
        raise UsageError(f"{variable}={named}: this home folder is unknown: give an absolute path") from error


def real_path(path: Path) -> Path:
    """Absolute path without symbolic links. Links that form a loop stay as they are, where ``Path.resolve`` raises errors."""
    return Path(os.path.realpath(path))


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists. Raises OSError if a folder above it cannot be searched."""
    return path if path.exists() else existing(path.parent)


def hash_file(path: Path, size: int | None = None, report: Callable[[int], None] = lambda done: None) -> hashlib._Hash:
    """SHA-256 of a file, or of its first ``size`` bytes. ``report`` is called with the number of bytes hashed so far."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK if size is None else min(BLOCK, size - done)):
            digest.update(block)
            done += len(block)
            report(done)
    return digest


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file completely or not at all: temporary file beside it, fsync, rename.

    Raises:
        NotWritten: the folder cannot be written, or the disk is full; an older file at ``path`` is untouched.
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


def check_writable(path: Path) -> None:
    """Raise NotWritten, with the name of the path, if a file could not be written there, or in the folder that is there."""
    probe = path / ".writable" if path.is_dir() else path.with_name(f".{path.name}.writable")
    try:
        write_text(probe, " " * 4096)  # a full disk still takes an empty file
    except NotWritten as error:
        raise NotWritten(str(error).replace(str(probe), str(path))) from error
    probe.unlink()


def temporary_path(path: Path) -> Path:
    """Hidden temporary file of this process for ``path``; ``sweep`` recognises it by its name."""
    return path.with_name(f".{path.name}.{_machine()}.{os.getpid()}.tmp")


@cache
def _machine() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def sweep(folder: Path) -> None:
    """Remove temporary files of ended processes in a folder and its subfolders.

    The caller must not have begun to write there: a file with its own process number is of an earlier process with that number.
    Temporary files of other machines are removed after a day.
    """
    for path in folder.rglob(".*.tmp*"):
        name = TEMPORARY.fullmatch(path.name)
        with suppress(OSError):
            if name and _is_left(path, name[1] or _machine(), int(name[2])):
                path.unlink()


def _is_left(path: Path, machine: str, process: int) -> bool:
    if machine != _machine():
        return time.time() - path.stat().st_mtime > ABANDONED
    return process == os.getpid() or not is_alive(process)


def is_alive(process: int) -> bool:
    """True if a process of that number runs on this machine; True if that cannot be determined."""
    if os.name == "nt":  # os.kill would end the process there
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # a process of another user
        return True
    return True


def _disk_error(error: BaseException | None) -> OSError | None:
    """The OSError of a disk among an error's causes: ``torch.save`` raises a RuntimeError over it. None without one."""
    while error is not None and not (isinstance(error, OSError) and error.errno in _MEND):
        error = error.__cause__ or error.__context__
    return error
