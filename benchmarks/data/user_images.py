"""Image files of a user that are enlarged, not scored: which they are, their colour profiles, and where results go."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from benchmarks.api.image import Image
from benchmarks.core.errors import UsageError
from benchmarks.core.files import real_path, write_atomically
from benchmarks.data.matching import images, left_out, some
from benchmarks.data.pixels.decode import FORMATS

SAVING: Mapping[str, tuple[str, Mapping[str, Any]]] = {  # ending and Pillow's options, by format; all but JPEG without loss
    "png": (".png", {"format": "PNG"}),
    "tiff": (".tif", {"format": "TIFF", "compression": "tiff_adobe_deflate"}),
    "webp": (".webp", {"format": "WEBP", "lossless": True}),
    "jpeg": (".jpg", {"format": "JPEG", "quality": 95, "subsampling": 0}),
}
COLOUR_SPACE = slice(16, 20)  # of the data of an ICC profile
ICC_HEADER = 128  # bytes


@dataclass(frozen=True)
class Job:
    """An image file and the file that its enlarged image is written to."""

    source: Path
    target: Path


def find_jobs(paths: Sequence[Path], output: Path, file_format: str) -> list[Job]:
    """Image files and where their results go, ``<name>.png`` in one folder.

    Args:
        paths: image files, and folders of image files, whose subfolders are not searched.
        output: folder of the results, which may not exist yet.
        file_format: a key of ``SAVING``.

    Raises:
        UsageError: a path does not exist, a folder has no image, two results would have one name, or a result would lie in a
            folder of the images or replace one of them.
    """
    sources: dict[Path, Path] = {}
    for path in paths:
        if path.is_dir():
            if real_path(path) == real_path(output):
                raise UsageError(f"--output {output}: a folder of the images themselves: name another folder")
            sources |= {real_path(file): file for file in images(path, files_only=False).values()}
        elif path.exists():
            sources.setdefault(real_path(path), path)
        else:
            raise UsageError(f"{path}: no such file or folder: give image files, or folders of image files")
    by_target: dict[Path, Path] = {}
    for source in sources.values():
        target = output / f"{source.stem}{SAVING[file_format][0]}"
        if target in by_target:
            both = f"{by_target[target]} and {source}"
            raise UsageError(f"{both} would both be written to {target}: rename one, or give two commands, with two --output")
        if real_path(target) in sources:
            raise UsageError(f"{source}: its result {target} would replace an image that is read: name another --output")
        by_target[target] = source
    return [Job(source, target) for target, source in by_target.items()]


def lines_left_out(paths: Sequence[Path]) -> list[str]:
    """Lines about files and subfolders of the given folders that are left out."""
    return [line for path in paths if path.is_dir() for line in left_out(path)]


def refuse_existing(jobs: Sequence[Job]) -> None:
    """Raise UsageError if a result's file exists."""
    if existing := [job.target.name for job in jobs if job.target.exists() or job.target.is_symlink()]:
        count = f"{len(existing)} of {len(jobs)} results exist in {jobs[0].target.parent} ({some(existing)})"
        raise UsageError(f"{count}: --skip-existing keeps them and goes on, --force replaces them")


def rgb_profile(path: Path) -> tuple[bytes | None, str]:
    """ICC profile of an image file, if it fits RGB images, and a sentence if there is one that does not."""
    from PIL import Image as PillowImage

    with suppress(Exception), PillowImage.open(path, formats=FORMATS) as file:  # errors of broken files are the decoder's
        profile = file.info.get("icc_profile")
        if not profile:
            return None, ""
        if len(profile) < ICC_HEADER or struct.unpack(">I", profile[:4])[0] != len(profile):
            return None, "its colour profile is broken and is left out"
        space = profile[COLOUR_SPACE]
        if space != b"RGB ":
            return (
                None,
                f"its colour profile is of {space.decode('ascii', 'replace').strip()} images and is left out of the RGB image",
            )
        return profile, ""
    return None, ""


def save_image(path: Path, image: Image, file_format: str, profile: bytes | None) -> None:
    """Write an image atomically.

    Args:
        path: file to write.
        image: ``(H, W, 3)`` uint8 RGB.
        file_format: a key of ``SAVING``.
        profile: ICC profile of the colours; None if there is none.

    Raises:
        NotWritten: the file cannot be written.
        UsageError: the image is too large for the format.
    """
    from PIL import Image as PillowImage

    options = {**SAVING[file_format][1], **({"icc_profile": profile} if profile else {})}
    picture = PillowImage.fromarray(image)

    def write(file: IO[bytes]) -> None:
        try:
            picture.save(file, **options)
        except (ValueError, struct.error) as error:
            size = f"{image.shape[1]}x{image.shape[0]}"
            raise UsageError(f"{size} pixels cannot be saved as {file_format} ({error}): give --format png") from error

    write_atomically(path, write)
