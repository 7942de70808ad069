"""SR image files without ground truths, for scoring: decoded, and inspected for content that makes scores meaningless."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.api.image import Image
from benchmarks.core.errors import UsageError
from benchmarks.data.file_pairs import LEVELS, is_flat, pixel_digest
from benchmarks.data.matching import no_file, some
from benchmarks.data.pixels.decode import decode, is_turned
from benchmarks.data.sizes import file_size

ABOUT = ("SR image", "write it again")  # title and remedy, for errors
FINDINGS = {
    "flat": f"images have no contrast (at most {LEVELS} of 255 levels)",
    "turned": "images were turned upright by their EXIF orientation",
}


@dataclass
class LoneImages:
    """SR images of a method by name, and what was found in those that are loaded.

    Attributes:
        paths: the file of each image.
        found: names of images by finding.
        digests: of the loaded images' pixels, by name.
    """

    paths: Mapping[str, tuple[Path]]
    found: dict[str, list[str]] = field(default_factory=lambda: {finding: [] for finding in FINDINGS})
    digests: dict[str, bytes] = field(default_factory=dict)
    crop: None = None

    def load(self, name: str) -> tuple[Image, Image]:
        """The image of a name, twice. Safe to call in threads. Raises UsageError if it cannot be decoded."""
        path = self._file(name)
        image = decode(path, *ABOUT)
        for finding, is_so in {"flat": is_flat(image), "turned": is_turned(path)}.items():
            if is_so:
                self.found[finding].append(name)
        self.digests[name] = pixel_digest(image)
        return image, image

    def check(self, name: str) -> None:
        """Raise UsageError, as ``load`` does, as far as the header of the file tells."""
        file_size(self._file(name), *ABOUT)

    def lines(self, shifts: Mapping[str, tuple[int, int]]) -> list[str]:
        """A line for each finding: how many images of how many, and which."""
        found = {finding: sorted(names) for finding, names in self.found.items() if names}
        return [f"{len(names)} of {len(self.digests)} {FINDINGS[finding]} ({some(names)})" for finding, names in found.items()]

    def _file(self, name: str) -> Path:
        (path,) = self.paths[name]
        if kind := no_file(path):
            raise UsageError(f"SR image is {kind} ({path}): remove or rename it")
        return path
