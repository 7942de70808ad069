"""What the first download of a file hashed to, where nobody publishes a checksum: later downloads must match it."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.core.errors import UsageError
from benchmarks.core.files import write_text
from benchmarks.core.strict import build
from benchmarks.data.fields import Hash

FILE = "pins.json"


def pins(folder: Path) -> dict[str, str]:
    """SHA-256 by name, as pinned in a folder. Raises UsageError where the file is corrupt."""
    path = folder / FILE
    try:
        return build(dict[str, Hash], json.loads(path.read_text(encoding="utf-8")), FILE)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, UsageError) as error:
        raise UsageError(f"{path}: corrupt ({error}): restore it, or delete it to trust the next downloads") from error


def pin(folder: Path, name: str, sha256: str) -> None:
    """Remember a name's SHA-256, where none is remembered yet."""
    from filelock import FileLock

    with FileLock(folder / f".{FILE}.lock"):
        for leftover in folder.glob(f".{FILE}.*.tmp"):  # of a process that was killed, for the lock is held
            leftover.unlink(missing_ok=True)
        known = pins(folder)
        if name not in known:
            write_text(folder / FILE, json.dumps({**known, name: sha256}, indent=1, sort_keys=True) + "\n")


def unpin(folder: Path, name: str) -> str:
    """How to mend a file that is no longer the pinned one."""
    return f"pinned by the first download: if the publisher replaced it on purpose, remove {name} from {folder / FILE}"
