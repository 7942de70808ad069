"""Image files to pixels: 8 bits a channel, no transparency, or a clear refusal."""

from __future__ import annotations

import hashlib
import io
import re
import stat
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.api.image import Image
from benchmarks.core.errors import UsageError

FORMATS = ("PNG", "BMP", "TIFF", "JPEG", "WEBP")  # no other of Pillow's parsers is tried
SUFFIXES = frozenset({".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg", ".webp"})
EIGHT_BITS = frozenset({"1", "L", "P", "RGB"})  # Pillow's modes that convert to RGB without loss
LARGEST = 80_000_000  # pixels; Pillow's own limit is a little higher, and only warns
TIFF_BITS = 258  # the tag BitsPerSample
LARGEST_FILE = 1_000_000_000  # bytes
TRANSPARENT = frozenset({"LA", "PA", "RGBA"})


def decode(path: Path, what: str, mend: str, sha256: str | None = None) -> Image:
    """Read an image file as ``(H, W, 3)`` uint8 RGB, not writable.

    Grey images get three equal channels; palettes are resolved; an alpha channel is dropped where it is opaque everywhere.
    Pixels are taken as they are stored: an EXIF orientation or a colour profile is not applied.

    Args:
        path: the file.
        what: the image's name in an error.
        mend: how to mend a missing or broken file.
        sha256: of the file, where it is known: another file is refused.

    Raises:
        UsageError: the file is missing, truncated or another one, is of no format in ``FORMATS`` or too large, has more than 8
            bits a channel, transparent pixels, or colours that are not RGB.
    """
    from PIL import Image as PillowImage
    from PIL import UnidentifiedImageError

    warnings.filterwarnings("ignore", module=r"PIL\.")  # what matters of damaged files is an error here
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise UsageError(f"{what} is no file but a folder or device ({path}): {mend}")
        if about.st_size > LARGEST_FILE:
            raise UsageError(f"{what} is larger than {LARGEST_FILE:,} bytes ({path}): {mend}")
        content = path.read_bytes()
        if sha256 not in (None, hashlib.sha256(content).hexdigest()):
            raise UsageError(f"{what} has changed ({path}): {mend}")
        with PillowImage.open(io.BytesIO(content), formats=FORMATS) as file:
            _refuse_unfit(file, f"{what} ({path})")
            pixels = np.array(file.convert("RGB"))
    except UnidentifiedImageError as error:
        raise UsageError(f"{what} cannot be decoded ({path}: none of {', '.join(FORMATS)}): {mend}") from error
    except FileNotFoundError as error:
        raise UsageError(f"{what} is missing ({path}): {mend}") from error
    except UsageError:
        raise
    except Exception as error:  # type, struct, index … errors: Pillow's parsers let through what broken headers lead to
        raise UsageError(f"{what} cannot be decoded ({path}: {error}): {mend}") from error
    pixels.setflags(write=False)
    return pixels


def _refuse_unfit(file: Any, what: str) -> None:
    if file.width * file.height > LARGEST:
        raise UsageError(f"{what} has {file.width}x{file.height} pixels, more than {LARGEST:,}: crop it")
    if getattr(file, "n_frames", 1) > 1:
        raise UsageError(f"{what} has {file.n_frames} frames: save the one that is meant")
    if _bits(file) > 8:
        raise UsageError(f"{what} has {_bits(file)} bits a channel: convert it to 8 bits, rounded as you mean it")
    if "transparency" in file.info or file.mode in TRANSPARENT:
        if np.asarray(file.convert("RGBA"))[..., 3].min() < 255:
            raise UsageError(f"{what} has transparent pixels: blend it with a background and save it as RGB")
    elif file.mode not in EIGHT_BITS:
        raise UsageError(f"{what} has colours in mode {file.mode}: save it as 8-bit RGB")


def _bits(file: Any) -> int:
    """Bits a channel as stored: Pillow reads 16-bit RGB as mode RGB and drops the lower half without a word."""
    if file.mode.startswith(("I", "F")):
        return 32 if file.mode in ("I", "F") else 16
    stored = max(file.tag_v2.get(TIFF_BITS, (8,))) if hasattr(file, "tag_v2") else 8
    arguments = [tile[-1] for tile in file.tile]
    raw = [each if isinstance(each, str) else str(each[0]) for each in arguments if each]
    return 16 if any(re.search(r";16[BLNS]", each) for each in raw) else stored
