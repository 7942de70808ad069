"""Manifests: size and SHA-256 of every file in the folder of a prepared archive."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from benchmarks.core.errors import UsageError
from benchmarks.core.files import write_text
from benchmarks.core.secrets import address_without_secrets
from benchmarks.core.strict import build
from benchmarks.data.acquisition.extraction import Entry

NAME = ".manifest.json"
SCHEMA = 1


@dataclass(frozen=True)
class Manifest:
    """Origin and files of an archive's folder.

    Attributes:
        schema: version of the file format.
        source: address without secrets, or path of the archive, or a note that it was unpacked by hand.
        archive_sha256: SHA-256 of the archive file; None if there was none.
        files: size and SHA-256 by name.
    """

    schema: int
    source: str
    archive_sha256: str | None
    files: Mapping[str, Entry]

    @property
    def digest(self) -> str:
        """SHA-256 of the content: names and hashes of all files."""
        return content_digest({name: entry.sha256 for name, entry in self.files.items()})


def content_digest(hashes: Mapping[str, str]) -> str:
    """SHA-256 over names and their SHA-256."""
    return hashlib.sha256(json.dumps(sorted(hashes.items())).encode()).hexdigest()


def write_manifest(folder: Path, source: str, archive_sha256: str | None, entries: Mapping[str, Entry]) -> None:
    """Write the manifest of a folder atomically."""
    manifest = Manifest(SCHEMA, address_without_secrets(source), archive_sha256, dict(sorted(entries.items())))
    write_text(folder / NAME, json.dumps(asdict(manifest), indent=1) + "\n")


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder; None if there is none. Raises UsageError if it is corrupt or of another schema."""
    path = folder / NAME
    try:
        status = path.stat()
    except OSError:
        return _parse(path, None)
    return _parse(path, (status.st_mtime_ns, status.st_size, status.st_ino))


@lru_cache(maxsize=64)
def _parse(path: Path, stamp: tuple[int, int, int] | None) -> Manifest | None:
    """Parse a manifest; ``stamp`` differs after a change, so that the cached result is of the present file."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        schema = data["schema"]  # checked before the other keys, which another schema may not have
        if schema == SCHEMA:
            manifest = build(Manifest, data, NAME)
            _refuse_outside(manifest)
            return manifest
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}): check permissions") from error
    except (ValueError, LookupError, TypeError, RecursionError, UsageError) as error:
        mend = f"delete it and run python -m benchmarks.prepare, which takes the images in {path.parent} as they are"
        raise UsageError(f"{path}: corrupt manifest ({error}): {mend}") from error
    raise UsageError(f"{path}: schema {schema}, this version reads {SCHEMA}: move {path.parent} away and prepare it again")


def _refuse_outside(manifest: Manifest) -> None:
    """Raise ValueError if a name leads out of the folder."""
    for name in manifest.files:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ValueError(f"the name {name!a} leads out of the folder")
