"""BM3D, the package of its authors (``bm3d``, for non-commercial use), in the form for white noise.

Dabov, Foi, Katkovnik, Egiazarian, IEEE Transactions on Image Processing 16, 2007. Denoised images are cached on disk: they depend
on the LR image alone, so all seeds and methods share them, and a large image takes seconds.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import zlib
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast
from zipfile import BadZipFile

import numpy as np

from baselines.classical.noise import Pixels
from benchmarks.core.errors import UsageError
from benchmarks.core.files import cache_root, write_atomically

BM3D_OPTIONS = {
    "num_threads": 1,  # several threads add up in another order every time
    "nf": 0,  # white noise, the form of 2007; the form for coloured noise took 26 times as long on a 48x48 image
}
SMALLEST_SIDE = 16  # pixels; BM3D's blocks are 8x8, and the library crashes on images of 8x8 pixels
NOISE_FREE = 1e-4  # standard deviation below which an image counts as noise-free: a fortieth of an 8-bit step
OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]])  # colour axes, up to scale, which BM3D stretches to [0, 1]


def denoise(image: Pixels, sigma: float) -> Pixels:
    """Denoise an image by BM3D, or read the result from the cache.

    Args:
        image: ``(h, w, 3)`` float32 RGB in [0, 1], sides of at least ``SMALLEST_SIDE``.
        sigma: standard deviation of the noise, on the image's scale.

    Returns:
        ``(h, w, 3)`` float32, clipped to [0, 1]; the image itself if it is noise-free.

    Raises:
        UsageError: BM3D does not run on this machine, or the image is too small.
    """
    if min(image.shape[:2]) < SMALLEST_SIDE:
        size = f"{image.shape[1]}x{image.shape[0]}"
        least = f"BM3D needs at least {SMALLEST_SIDE}x{SMALLEST_SIDE}"
        raise UsageError(f"bm3d: an LR image is {size}, {least}: leave the method out with --methods, or use larger images")
    library = _library()
    if sigma < NOISE_FREE:
        return image
    path = cached_image(image, sigma)
    denoised = _read(path, image.shape)
    if denoised is None:
        denoised = _run(library, image, sigma)
        with suppress(UsageError):  # a cache that cannot be written costs only time
            write_atomically(path, lambda file: np.savez(file, image=denoised))
    return denoised


def cached_image(image: Pixels, sigma: float) -> Path:
    """Path of a denoised image in the cache, existing or not. Its name is a digest of all that decides the pixels."""
    inputs = {
        "shape": image.shape,
        "sigma": sigma,
        "profile": BM3D_OPTIONS,
        "code": _RUN_SOURCE,
        "constants": [NOISE_FREE, OPPONENT.tolist()],
        "versions": {name: version(name) for name in ("bm3d", "bm4d")},  # bm4d has the binaries
    }
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode() + np.ascontiguousarray(image).tobytes()).hexdigest()
    return cache_root() / "bm3d" / f"{digest}.npz"


def _read(path: Path, shape: tuple[int, ...]) -> Pixels | None:
    """Cached image of a shape; None if there is none or it is damaged (the archive has a checksum)."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            image = archive["image"]
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, BadZipFile, zlib.error):
        return None
    return cast(Pixels, image) if (image.dtype, image.shape) == (np.float32, shape) else None


def _library() -> Any:
    try:
        import bm3d
    except (ImportError, OSError) as error:  # OSError: the binary is for another processor
        raise UsageError(
            f"the package bm3d does not run here ({error}): it has binaries for Linux and Windows on x86-64 and "
            "for macOS: leave the methods bm3d-* out with --methods"
        ) from error
    return bm3d


def _run(library: Any, image: Pixels, sigma: float) -> Pixels:
    profile = library.BM3DProfile()
    for name, value in BM3D_OPTIONS.items():
        setattr(profile, name, value)
    exact = image.astype(np.float64)
    ranges = np.ptp(exact @ OPPONENT.T, axis=(0, 1))
    run = library.bm3d_rgb if ranges.min() > NOISE_FREE else library.bm3d  # bm3d_rgb divides by the range of colours
    denoised: Pixels = np.clip(run(exact, sigma, profile), 0, 1).astype(np.float32)
    return denoised


_RUN_SOURCE = inspect.getsource(_run)  # as imported: ``getsource`` reads the file, which may be edited later
