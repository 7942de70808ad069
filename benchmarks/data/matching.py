"""Pairs of image files in two folders, results and ground truths, by their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.core.errors import UsageError
from benchmarks.core.text import counted
from benchmarks.data.pixels.decode import SUFFIXES

FORMATS = ", ".join(sorted(SUFFIXES))
NAMED = 3  # names of files listed in an error
LONGEST = 200  # bytes of a file name: longer ones leave no room for endings
BY_NAME = "names must agree but for --sr-suffix and --hr-suffix"


def match(
    sr: Path, hr: Path, sr_suffix: str = "", hr_suffix: str = "", hint: str = BY_NAME, *, files_only: bool = True
) -> dict[str, tuple[Path, Path]]:
    """Pair the image files of two folders.

    Args:
        sr: folder of results.
        hr: folder of ground truths.
        sr_suffix: end of the names of results, after the common name and before the extension; other files are ignored.
        hr_suffix: end of the names of ground truths.
        hint: how to mend names that do not agree.
        files_only: as of ``images``.

    Returns:
        Paths of result and ground truth by common name, in alphabetical order. Extensions may differ.

    Raises:
        UsageError: a folder is missing or has no such image, two files share a name, or a file lacks its counterpart.
    """
    option = " and {}" if hint == BY_NAME else ""
    results = images(sr, sr_suffix, "check the path" + option.format("--sr-suffix"), files_only=files_only)
    truths = images(hr, hr_suffix, "check the path" + option.format("--hr-suffix"), files_only=files_only)
    without_truth, without_result = sorted(results.keys() - truths.keys()), sorted(truths.keys() - results.keys())
    sides = ((without_truth, results, sr, hr), (without_result, truths, hr, sr))
    lacking = [
        f"no counterpart in {other} for {len(names)} of {counted(len(all_names), 'image')} of {folder} ({some(names)})"
        for names, all_names, folder, other in sides
        if names
    ]
    lower = {name.lower() for name in without_result}
    if lacking and (alike := [name for name in without_truth if name.lower() in lower]):
        hint = f"{len(alike)} of {len(without_truth)} names differ in upper and lower case alone ({some(alike)}): rename them"
    if lacking:
        raise UsageError(f"{', and '.join(lacking)}: {hint}")
    return {name: (results[name], truths[name]) for name in sorted(truths)}


def images(folder: Path, suffix: str = "", hint: str = "check the path", *, files_only: bool = True) -> dict[str, Path]:
    """The image files of a folder by their names without suffix and extension, in alphabetical order; hidden ones are ignored.

    Args:
        folder: the folder; its subfolders are not searched.
        suffix: end of the names before the extension; other files are ignored.
        hint: how to mend a folder without images.
        files_only: refuse folders, dead links and the like that have the name of an image; else they are listed, as broken files
            are, and reading them fails.

    Raises:
        UsageError: the folder is missing or has no such image, two images share a name, an entry is no file, or its name is one
            that some file system does not take.
    """
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        reason = "no such folder" if isinstance(error, FileNotFoundError) else error.strerror
        raise UsageError(f"{folder}: {reason}: give the folder that holds the images") from error
    paths: dict[str, Path] = {}
    for path in files:
        if _is_image_name(path, suffix):
            if files_only and (kind := no_file(path)):
                raise UsageError(f"{path}: {kind} with the name of an image: remove or rename it")
            _refuse_unfit(path)
            name = path.stem.removesuffix(suffix)
            if name in paths:
                raise UsageError(f"{folder}: {paths[name].name} and {path.name} have the same name: remove one of them")
            paths[name] = path
    if not paths:
        kind = f"images whose names end in '{suffix}'" if suffix else "images"
        below = "".join(f"; {line}" for line in _subfolders(files, suffix))
        raise UsageError(f"{folder}: no {kind} here ({FORMATS}){below}: {hint}")
    return paths


def left_out(folder: Path, suffix: str = "") -> list[str]:
    """Lines about what ``images`` leaves out: files of other formats, images of other names, subfolders. Hidden ones apart."""
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    files = [path for path in entries if not path.is_dir()]
    others = [path.name for path in files if path.suffix.lower() not in SUFFIXES]
    unnamed = [path.name for path in files if path.suffix.lower() in SUFFIXES and not path.stem.endswith(suffix)]
    images_here = len(files) - len(others)
    found = (
        [f"{len(others)} of {len(files)} files are left out: images are read of {FORMATS} alone ({some(others)})"]
        if others
        else []
    )
    if unnamed:
        found.append(
            f"{len(unnamed)} of {images_here} images are left out: their names do not end in '{suffix}' ({some(unnamed)})"
        )
    return [f"{folder}: {line}" for line in (*found, *_subfolders(entries, suffix))]


def no_file(path: Path) -> str:
    """Noun for an entry of a folder that is no regular file; empty for files, and where nothing is there."""
    if path.is_file():
        return ""
    if path.is_dir():
        return "a folder"
    if path.exists():
        return "no regular file but a device or pipe"
    return "a link that leads nowhere" if path.is_symlink() else ""


def _is_image_name(path: Path, suffix: str) -> bool:
    return path.suffix.lower() in SUFFIXES and path.stem.endswith(suffix) and not path.name.startswith(".")


def _subfolders(entries: Sequence[Path], suffix: str) -> list[str]:
    folders = [path for path in entries if path.is_dir() and not path.name.startswith(".")]
    names = [path.name for path in folders if not _is_image_name(path, suffix)]
    return [f"subfolders are not searched: {len(names)} ({some(names)})"] if names else []


def _refuse_unfit(path: Path) -> None:
    """Raise UsageError for an entry whose name cannot be printed or extended by endings."""
    try:
        length = len(path.name.encode())
    except UnicodeEncodeError:
        raise UsageError(f"{str(path)!a}: its name is no valid UTF-8: rename it") from None
    if not path.name.isprintable():
        raise UsageError(f"{str(path)!a}: its name has characters that cannot be printed: rename it")
    if length > LONGEST:
        raise UsageError(f"{path}: its name has {length} bytes, more than {LONGEST}: shorten it")


def some(names: Sequence[str]) -> str:
    """The first few names, for a line."""
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
