"""The folder of a report: files of earlier builds that the present one does not write again are removed, and no other file is."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO

from benchmarks.api.image import Image
from benchmarks.core.errors import UsageError
from benchmarks.core.files import hash_file, real_path, write_atomically, write_text
from benchmarks.core.strict import build, parse_json
from benchmarks.data.pixels.decode import SUFFIXES
from benchmarks.results.files import to_json
from reports.figures.samples import webp

PAGE = "index.html"
TITLE = "CinCGAN benchmark: results"  # of the page
HEAD = 1 << 12  # bytes of a page that hold its title
MANIFEST = ".files.json"  # SHA-256 of each file of the last build, by its path in the folder


class ReportFolder:
    """Collects the files of a build, and writes them.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._contents: dict[str, bytes] = {}
        self._copies: dict[str, Path] = {}

    def add_text(self, name: str, text: str) -> None:
        """Add a text file."""
        self._contents[name] = text.encode()

    def add_copy(self, name: str, source: Path) -> None:
        """Add a copy of a file, of any size."""
        self._copies[name] = source

    def sizes(self) -> dict[str, int]:
        """Bytes of each file so far, by path."""
        copies = {name: source.stat().st_size for name, source in self._copies.items()}
        return {**{name: len(content) for name, content in self._contents.items()}, **copies}

    def add_webp(self, name: str, image: Image) -> None:
        """Add an image ``(H, W, 3)`` uint8 RGB, stored without loss."""
        self._contents[name] = webp(image)

    def save(self) -> None:
        """Write all files, remove files of the last build that are not among them, and write the manifest.

        Files that were edited since the last build, and files behind links, are not removed.

        Raises:
            UsageError: a file of the same name is there that no build wrote; nothing is changed.
            NotWritten: a file cannot be written.
        """
        before = self._last_build()
        if not before and not self._has_old_page():
            self._refuse_images()
        self._refuse_strange_files(before)
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in self._contents.items()}
        digests |= {name: hash_file(source).hexdigest() for name, source in self._copies.items()}
        self._write_manifest({**before, **digests})  # a build that is killed knows its files again
        for name, content in self._contents.items():
            write_atomically(self.root / name, partial(_write, content))
        for name, source in self._copies.items():
            write_atomically(self.root / name, partial(_copy, source))
        for name, digest in before.items():
            path = self.root / name
            if name not in digests and self._is_inside(path) and hash_file(path).hexdigest() == digest:
                self._remove(path)
        self._write_manifest(digests)

    def _refuse_images(self) -> None:
        """Raise UsageError if there are image files in the folder, which no build has written yet."""
        images = [path for path in self.root.glob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
        if images:
            raise UsageError(f"{self.root}: has images of your own ({min(images).name}): name another folder with --output")

    def _refuse_strange_files(self, before: Collection[str]) -> None:
        """Raise UsageError if a file would be replaced that no build wrote."""
        names = (*self._contents, *self._copies)
        strange = [name for name in names if name not in before and os.path.lexists(self.root / name)]
        if strange and (before or not self._has_old_page()):
            more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
            path = self.root / min(strange)
            raise UsageError(f"{path}{more}: not written by this command: move it away, or name another folder with --output")

    def _has_old_page(self) -> bool:
        """True if the folder has a page of a build without a manifest."""
        with suppress(OSError), (self.root / PAGE).open("rb") as file:
            return f"<title>{TITLE}</title>".encode() in file.read(HEAD)
        return False

    def _write_manifest(self, digests: Mapping[str, str]) -> None:
        write_text(self.root / MANIFEST, to_json(dict(sorted(digests.items()))) + "\n")

    def _last_build(self) -> Mapping[str, str]:
        """Digests by path; none if there is no manifest, or a broken one."""
        with suppress(OSError, ValueError, UsageError):
            return build(dict[str, str], parse_json((self.root / MANIFEST).read_text(encoding="utf-8")), MANIFEST)
        return {}

    def _is_inside(self, path: Path) -> bool:
        """True if the path is a file in the folder, not a link, and not behind one that leads elsewhere."""
        with suppress(OSError, ValueError):
            return path.is_file() and not path.is_symlink() and real_path(path).is_relative_to(real_path(self.root))
        return False

    def _remove(self, path: Path) -> None:
        """Remove a file, and the folders above it that become empty. What cannot be removed is kept."""
        with suppress(OSError):
            path.unlink()
            for folder in path.relative_to(self.root).parents:
                if folder != Path():
                    (self.root / folder).rmdir()


def _write(content: bytes, file: IO[bytes]) -> None:
    file.write(content)


def _copy(source: Path, file: IO[bytes]) -> None:
    with source.open("rb") as original:
        shutil.copyfileobj(original, file)
