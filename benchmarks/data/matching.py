"""Folders of results and of ground truth: which file belongs to which, by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.core.errors import UsageError
from benchmarks.data.pixels.decode import SUFFIXES

NAMED = 3  # files that an error names
LONGEST = 200  # bytes of a name, so that there is room for endings


BY_NAME = "names must agree but for --sr-suffix and --hr-suffix"


def match(sr: Path, hr: Path, sr_suffix: str = "", hr_suffix: str = "", hint: str = BY_NAME) -> dict[str, tuple[Path, Path]]:
    """Pair the image files of two folders.

    Args:
        sr: folder of results.
        hr: folder of ground truths.
        sr_suffix: what a result's file name has after the common name and before the extension; others are ignored.
        hr_suffix: the same of ground truths.
        hint: how to mend names that do not agree.

    Returns:
        By common name, in alphabetical order: the result's and the ground truth's path. Extensions may differ.

    Raises:
        UsageError: a folder is missing or has no such image, two files share a name, or a file lacks its counterpart.
    """
    option = " and {}" if hint == BY_NAME else ""
    results = images(sr, sr_suffix, "check the path" + option.format("--sr-suffix"))
    truths = images(hr, hr_suffix, "check the path" + option.format("--hr-suffix"))
    without_truth, without_result = sorted(results.keys() - truths.keys()), sorted(truths.keys() - results.keys())
    for names, folder, other in ((without_truth, sr, hr), (without_result, hr, sr)):
        if names:
            raise UsageError(f"{len(names)} of {folder} have no counterpart in {other} ({_some(names)}): {hint}")
    return {name: (results[name], truths[name]) for name in sorted(truths)}


def images(folder: Path, suffix: str = "", hint: str = "check the path") -> dict[str, Path]:
    """The image files of a folder by their names without suffix and extension, in alphabetical order; hidden ones are ignored.

    Args:
        folder: where to look; not below it.
        suffix: what the names end in before the extension; others are ignored.
        hint: how to mend a folder without images.

    Raises:
        UsageError: the folder is missing or has no such image, two of them share a name, or one is no file or has a name that
            not every file system takes.
    """
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        reason = "no such folder" if isinstance(error, FileNotFoundError) else error.strerror
        raise UsageError(f"{folder}: {reason}: give the folder that holds the images") from error
    found: dict[str, Path] = {}
    for path in files:
        if path.suffix.lower() in SUFFIXES and path.stem.endswith(suffix) and not path.name.startswith("."):
            _refuse_unfit(path)
            name = path.stem.removesuffix(suffix)
            if name in found:
                raise UsageError(f"{folder}: {found[name].name} and {path.name} have the same name: remove one of them")
            found[name] = path
    if not found:
        kind = f"images whose names end in '{suffix}'" if suffix else "images"
        raise UsageError(f"{folder}: no {kind} here ({', '.join(sorted(SUFFIXES))}): {hint}")
    return found


def _refuse_unfit(path: Path) -> None:
    """Raise UsageError for what is called like an image and cannot be read as one, or gives files that cannot be written."""
    if not path.is_file():
        raise UsageError(f"{path}: no file, or a link that leads nowhere: remove or rename it")
    try:
        length = len(path.name.encode())
    except UnicodeEncodeError:
        raise UsageError(f"{str(path)!a}: its name is no valid UTF-8: rename it") from None
    if not path.name.isprintable():
        raise UsageError(f"{str(path)!a}: its name has characters that cannot be printed: rename it")
    if length > LONGEST:
        raise UsageError(f"{path}: its name has {length} bytes, more than {LONGEST}: shorten it")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
