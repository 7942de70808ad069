"""Image files to pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import UsageError

Image = NDArray[np.uint8]  # (H, W, 3) RGB


def decode(path: Path, what: str, mend: str) -> Image:
    """Read an 8-bit image file as ``(H, W, 3)`` uint8 RGB, not writable.

    Args:
        path: the file.
        what: the image's name in an error.
        mend: how to mend a missing or broken file.

    Raises:
        UsageError: the file is missing or cannot be decoded.
    """
    from PIL import Image as PillowImage

    try:
        with PillowImage.open(path) as file:
            pixels = np.array(file.convert("RGB"))
    except FileNotFoundError as error:
        raise UsageError(f"{what} is missing ({path}): {mend}") from error
    except (OSError, SyntaxError, PillowImage.DecompressionBombError) as error:
        raise UsageError(f"{what} cannot be decoded ({path}: {error}): {mend}") from error
    pixels.setflags(write=False)
    return pixels
