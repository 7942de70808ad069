"""Locks between processes, by lock files. The kernel releases a lock when its process ends, however it ends."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.core.errors import BenchmarkError, UsageError

POLL_SECONDS = 0.05
_HELD = frozenset({errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK})  # another process holds the lock
_UNSUPPORTED = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})


class Busy(BenchmarkError):
    """Another process has held the lock for all the time that was to be waited."""


class NoLock(UsageError):
    """There can be no lock: the folder cannot be written, or its file system has no locks."""


@contextmanager
def locked(path: Path, mend: str, *, limit: float | None = None, on_wait: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold the lock of a lock file in the block. The file stays; the folder is made.

    Args:
        path: the lock file.
        mend: how to mend a folder that cannot have locks, for the error.
        limit: seconds to wait while another process holds the lock; None to wait as long as it takes.
        on_wait: called once if another process holds the lock and there is time to wait.

    Raises:
        Busy: another process still holds the lock after ``limit`` seconds.
        NoLock: the folder cannot be written, or its file system has no locks.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock_file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise NoLock(f"{path.parent}: cannot be written ({error.strerror}): {mend}") from error
    try:
        _wait_for(lock_file, path, mend, limit, on_wait)
        try:
            yield
        finally:
            with suppress(OSError):
                _release(lock_file)
    finally:
        os.close(lock_file)


def _wait_for(lock_file: int, path: Path, mend: str, limit: float | None, on_wait: Callable[[], object]) -> None:
    """Acquire the lock of an open file within ``limit`` seconds."""
    started, has_waited = time.monotonic(), False
    while not _is_acquired(lock_file, path, mend):
        if limit is not None and time.monotonic() - started >= limit:
            raise Busy(f"{path}: another process holds this lock")
        if not has_waited:
            on_wait()
            has_waited = True
        time.sleep(POLL_SECONDS)


def _is_acquired(lock_file: int, path: Path, mend: str) -> bool:
    """Try once to acquire the lock. False if another process holds it."""
    try:
        _acquire(lock_file)
    except OSError as error:
        if error.errno in _HELD:
            return False
        problem = "its file system has no locks" if error.errno in _UNSUPPORTED else "cannot be locked"
        raise NoLock(f"{path.parent}: {problem} ({error.strerror}): {mend}") from error
    return True


if sys.platform == "win32":
    import msvcrt

    def _acquire(lock_file: int) -> None:
        msvcrt.locking(lock_file, msvcrt.LK_NBLCK, 1)

    def _release(lock_file: int) -> None:
        os.lseek(lock_file, 0, os.SEEK_SET)
        msvcrt.locking(lock_file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _acquire(lock_file: int) -> None:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _release(lock_file: int) -> None:
        fcntl.flock(lock_file, fcntl.LOCK_UN)
