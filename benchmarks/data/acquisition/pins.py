"""Pins: SHA-256 of first downloads, where no checksum is published. Later downloads must match them."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.core.errors import BenchmarkError, UsageError
from benchmarks.core.files import write_text
from benchmarks.core.locks import locked
from benchmarks.core.strict import build
from benchmarks.data.fields import Hash

FILE = "pins.json"


class WrongHash(BenchmarkError):
    """Content has another SHA-256 than the card or the pin says.

    Attributes:
        actual: SHA-256 of the content.
        expected: SHA-256 of the card or the pin.
    """

    def __init__(self, message: str, actual: str = "", expected: str = "") -> None:
        super().__init__(message)
        self.actual, self.expected = actual, expected


def pins(folder: Path) -> dict[str, str]:
    """SHA-256 by name, as pinned in a folder. Raises UsageError if the file of pins is corrupt."""
    path = folder / FILE
    try:
        return build(dict[str, Hash], json.loads(path.read_text(encoding="utf-8")), FILE)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, UsageError) as error:
        raise UsageError(f"{path}: corrupt ({error}): restore it, or delete it to trust the next downloads") from error


def pin(folder: Path, name: str, sha256: str) -> None:
    """Write a name's SHA-256 to the pins of a folder, unless the name has one."""
    with locked(folder / f".{FILE}.lock", "check permissions, or choose another folder"):
        for leftover in folder.glob(f".{FILE}.*.tmp"):  # of killed processes: no other holds the lock
            leftover.unlink(missing_ok=True)
        pinned = pins(folder)
        if name not in pinned:
            write_text(folder / FILE, json.dumps({**pinned, name: sha256}, indent=1, sort_keys=True) + "\n")


def unpin(folder: Path, name: str) -> str:
    """How a person takes a pin away, for errors."""
    return f"remove {name} from {folder / FILE}"


def unpin_hint(folder: Path, name: str) -> str:
    """Hint for the end of an error about content that differs from its pin."""
    return f"; pinned by the first one: if that was wrong, or the publisher replaced it, {unpin(folder, name)}"
