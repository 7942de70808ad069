"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from benchmarks.errors import UsageError

BLOCK = 1 << 20  # bytes read at a time


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
        UsageError: the folder cannot be written, or the disk is full; what stood at ``path`` is untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}): check permissions and free space") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_atomically(path, lambda file: file.write(text.encode()))
