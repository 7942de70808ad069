"""The folder of a report: files of earlier builds that the present one does not write again are removed, and no other file is."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from benchmarks.api.image import Image
from benchmarks.core.errors import UsageError
from benchmarks.core.files import hash_file, write_text
from benchmarks.core.strict import build, parse_json
from benchmarks.results.files import to_json
from reports.figures.samples import write_webp

MANIFEST = ".files.json"  # SHA-256 of each file of the last build, by its path in the folder


class ReportFolder:
    """Writes files, and remembers them.

    Args:
        root: the folder; files of the same name are replaced.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._written: dict[str, None] = {}

    def write_text(self, name: str, text: str) -> None:
        """Write a text file. Raises UsageError where it cannot be written."""
        write_text(self.root / name, text)
        self._written[name] = None

    def write_webp(self, name: str, image: Image) -> None:
        """Write an image ``(H, W, 3)`` uint8 RGB without loss. Raises UsageError where it cannot be written."""
        write_webp(self.root / name, image)
        self._written[name] = None

    def remove_stale(self) -> None:
        """Remove files of the last build that this one has not written, and write the manifest. Call this at the end of a build.

        Files that were edited since the last build, and files behind links, are kept.

        Raises:
            UsageError: the manifest cannot be written.
        """
        for name, digest in self._last_build().items():
            path = self.root / name
            if name not in self._written and self._is_inside(path) and hash_file(path).hexdigest() == digest:
                self._remove(path)
        digests = {name: hash_file(self.root / name).hexdigest() for name in sorted(self._written)}
        write_text(self.root / MANIFEST, to_json(digests) + "\n")

    def _last_build(self) -> Mapping[str, str]:
        """Digests by path; none if there is no manifest, or a broken one."""
        with suppress(OSError, ValueError, UsageError):
            return build(dict[str, str], parse_json((self.root / MANIFEST).read_text(encoding="utf-8")), MANIFEST)
        return {}

    def _is_inside(self, path: Path) -> bool:
        """True if the path is a file in the folder, not a link, and not behind one that leads elsewhere."""
        with suppress(OSError, ValueError):
            return path.is_file() and not path.is_symlink() and path.resolve().is_relative_to(self.root.resolve())
        return False

    def _remove(self, path: Path) -> None:
        """Remove a file, and the folders above it that become empty. What cannot be removed is kept."""
        with suppress(OSError):
            path.unlink()
            for folder in path.relative_to(self.root).parents:
                if folder != Path():
                    (self.root / folder).rmdir()
