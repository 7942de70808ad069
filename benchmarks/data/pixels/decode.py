"""Decoding of image files: 8 bits a channel and no transparency; other images are refused."""

from __future__ import annotations

import hashlib
import io
import re
import stat
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.api.image import Image
from benchmarks.core.errors import UsageError

FORMATS = ("PNG", "BMP", "TIFF", "JPEG", "WEBP")  # Pillow's other parsers are not used
SUFFIXES = frozenset({".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg", ".webp"})
EIGHT_BITS = frozenset({"1", "L", "P", "RGB"})  # Pillow's modes that convert to RGB without loss
LARGEST = 80_000_000  # pixels; Pillow's own limit is a little higher, and a warning only
TIFF_BITS = 258  # the tag BitsPerSample
LARGEST_FILE = 1_000_000_000  # bytes
TRANSPARENT = frozenset({"LA", "PA", "RGBA"})
ORIENTATION = 274  # the EXIF tag
TURNED = range(2, 9)  # orientations of images that are not stored upright


def decode(path: Path, title: str, mend: str, sha256: str | None = None) -> Image:
    """Decode an image file.

    Grey images get three equal channels; palettes are resolved; an alpha channel is dropped if it is opaque everywhere. Images
    are turned upright by their EXIF orientation, as viewers show them. Colour profiles are not applied.

    Args:
        path: the file.
        title: name of the image, for errors.
        mend: how to mend a missing or broken file, for errors.
        sha256: of the file, if known; a file with another hash is refused.

    Returns:
        ``(H, W, 3)`` uint8 RGB, not writable.

    Raises:
        UsageError: the file is missing, truncated or changed, of no format in ``FORMATS`` or too large; or the image has more
            than 8 bits a channel, transparent pixels, several frames, or colours that are not RGB.
    """
    from PIL import Image as PillowImage
    from PIL import UnidentifiedImageError

    warnings.filterwarnings("ignore", module=r"PIL\.")  # damaged files are errors here
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{title} is no file but a folder or device ({path}): {mend}")
        if status.st_size > LARGEST_FILE:
            raise UsageError(f"{title} is larger than {LARGEST_FILE:,} bytes ({path}): {mend}")
        content = path.read_bytes()
        if sha256 not in (None, hashlib.sha256(content).hexdigest()):
            raise UsageError(f"{title} has changed ({path}): {mend}")
        with PillowImage.open(io.BytesIO(content), formats=FORMATS) as file:
            _refuse_unfit(file, f"{title} ({path})")
            pixels = _upright(file)
    except UnidentifiedImageError as error:
        raise UsageError(f"{title} cannot be decoded ({path}: none of {', '.join(FORMATS)}): {mend}") from error
    except FileNotFoundError as error:
        raise UsageError(f"{title} is missing ({path}): {mend}") from error
    except UsageError:
        raise
    except Exception as error:  # type, struct, index … errors: Pillow's parsers let them through for broken headers
        raise UsageError(f"{title} cannot be decoded ({path}: {error}): {mend}") from error
    pixels.setflags(write=False)
    return pixels


def is_turned(path: Path) -> bool:
    """True if the header of an image file has an EXIF orientation by which ``decode`` turns the image. False for broken files."""
    from PIL import Image as PillowImage

    with suppress(Exception), PillowImage.open(path, formats=FORMATS) as file:
        return _orientation(file) in TURNED
    return False


def _orientation(file: Any) -> int:
    """EXIF orientation of an open image of Pillow; 1, upright, if there is none or if the metadata are damaged."""
    with suppress(Exception):
        orientation: int = file.getexif().get(ORIENTATION, 1)
        return orientation
    return 1


def _upright(file: Any) -> Image:
    """Pixels of an open image of Pillow, turned by its EXIF orientation. Pillow itself turns TIFF files as it reads them."""
    from PIL.Image import Transpose

    file.load()
    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    turn, picture = turns.get(_orientation(file)), file.convert("RGB")
    return np.array(picture if turn is None else picture.transpose(turn))


def _refuse_unfit(file: Any, title: str) -> None:
    """Raise UsageError for an image that cannot become 8-bit RGB without loss. ``file``: an open image of Pillow."""
    if file.width * file.height > LARGEST:
        raise UsageError(f"{title} has {file.width}x{file.height} pixels, more than {LARGEST:,}: crop it")
    if getattr(file, "n_frames", 1) > 1:
        raise UsageError(f"{title} has {file.n_frames} frames: save one of them as a file of its own")
    if _bits(file) > 8:
        raise UsageError(f"{title} has {_bits(file)} bits a channel: convert it to 8 bits, with the rounding of your choice")
    if "transparency" in file.info or file.mode in TRANSPARENT:
        if np.asarray(file.convert("RGBA"))[..., 3].min() < 255:
            raise UsageError(f"{title} has transparent pixels: blend it with a background and save it as RGB")
    elif file.mode not in EIGHT_BITS:
        raise UsageError(f"{title} has colours in mode {file.mode}: save it as 8-bit RGB")


def _bits(file: Any) -> int:
    """Bits a channel in the file. Pillow opens 16-bit RGB as mode RGB and silently drops the lower 8 bits."""
    if file.mode.startswith(("I", "F")):
        return 32 if file.mode in ("I", "F") else 16
    stored = max(file.tag_v2.get(TIFF_BITS, (8,))) if hasattr(file, "tag_v2") else 8
    arguments = [tile[-1] for tile in file.tile]
    raw_modes = [argument if isinstance(argument, str) else str(argument[0]) for argument in arguments if argument]
    return 16 if any(re.search(r";16[BLNS]", mode) for mode in raw_modes) else stored
