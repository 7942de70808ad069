"""BM3D, then EDSR: denoise the LR image, then enlarge it by the EDSR of the stage ``edsr``.

BM3D is the package of its authors (``bm3d``, for non-commercial use) in the form for white noise: Dabov, Foi, Katkovnik,
Egiazarian, IEEE Transactions on Image Processing 16, 2007. Denoised images are cached on disk: they depend on the LR image alone,
so all seeds share them, and a large image takes seconds.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import warnings
import zlib
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.edsr.method import EDSR
from benchmarks.api.contract import check_input
from benchmarks.api.method import Descriptor, TrainedStage
from benchmarks.core.errors import UsageError
from benchmarks.core.files import cache_root, write_atomically

PROFILE = {
    "num_threads": 1,  # several threads add up in another order every time
    "nf": 0,  # white noise, the form of 2007; the form for coloured noise is 5 to 25 times slower
}
SMALLEST_SIDE = 16  # pixels; BM3D's blocks are 8x8, and the library crashes on images of 8x8 pixels
NOISE_FREE = 1e-4  # standard deviation below which an image counts as noise-free: a fortieth of an 8-bit step
OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]])  # colour axes, up to scale, which BM3D stretches to [0, 1]

Pixels = NDArray[np.float32]


class BM3DEDSR:
    """BM3D on the LR image, then a trained EDSR.

    Args:
        sr: the trained EDSR.
    """

    def __init__(self, sr: EDSR) -> None:
        self.sr = sr

    @property
    def descriptor(self) -> Descriptor:
        """Scale; the receptive field is the whole image, over which the noise is estimated."""
        return Descriptor(self.sr.scale, receptive_field=None)

    def __call__(self, lr: Tensor) -> Tensor:
        """Enlarge ``(N, 3, h, w)`` in [0, 1] to ``(N, 3, scale * h, scale * w)``, not clipped.

        Raises:
            UsageError: BM3D does not run on this machine, or an image is too small for it.
        """
        check_input(lr)
        images = [denoise(image.permute(1, 2, 0).float().cpu().numpy()) for image in lr]
        denoised = torch.stack([torch.from_numpy(image).permute(2, 0, 1) for image in images])
        return self.sr(denoised.to(lr.device).contiguous())

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> BM3DEDSR:
        """Build the method with the network of the stage ``edsr``."""
        return cls(EDSR.from_stages(stages, scale))


def denoise(image: Pixels) -> Pixels:
    """Denoise an image by BM3D, with the noise level estimated from the image, or read the result from the cache.

    Args:
        image: ``(h, w, 3)`` float32 RGB in [0, 1], sides of at least ``SMALLEST_SIDE``.

    Returns:
        ``(h, w, 3)`` float32, clipped to [0, 1]; the image itself if it is noise-free.

    Raises:
        UsageError: BM3D does not run on this machine, or the image is too small.
    """
    if min(image.shape[:2]) < SMALLEST_SIDE:
        size = f"{image.shape[1]}x{image.shape[0]}"
        raise UsageError(f"bm3d-edsr: an LR image is {size}, BM3D needs at least {SMALLEST_SIDE}x{SMALLEST_SIDE}")
    library, sigma = _library(), noise_level(image)
    if sigma < NOISE_FREE:
        return image
    path = cached_image(image, sigma)
    denoised = _read(path, image.shape)
    if denoised is None:
        denoised = _run(library, image, sigma)
        with suppress(UsageError):  # a cache that cannot be written costs only time
            write_atomically(path, lambda file: np.savez(file, image=denoised))
    return denoised


def noise_level(image: Pixels) -> float:
    """Estimate the standard deviation of the noise in an image ``(h, w, 3)``, on the image's scale: the mean over channels.

    The estimate of a channel is scikit-image's, from the median of the finest diagonal wavelet coefficients (Donoho and
    Johnstone, 1994). Channels without such coefficients (all black) do not count; if no channel counts, the estimate is 0. Noise
    is taken for white, as by BM3D, so the level of correlated noise is underestimated.
    """
    from skimage.restoration import estimate_sigma

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the median of no coefficients
        levels = np.array(estimate_sigma(image.astype(np.float64), channel_axis=-1))  # type: ignore[no-untyped-call]
    known = levels[np.isfinite(levels)]
    return float(known.mean()) if known.size else 0.0


def cached_image(image: Pixels, sigma: float) -> Path:
    """Path of a denoised image in the cache, existing or not. Its name is a digest of all that decides the pixels."""
    inputs = {
        "shape": image.shape,
        "sigma": sigma,
        "profile": PROFILE,
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
            f"bm3d-edsr: the package bm3d does not run here ({error}): it has binaries for Linux and Windows on x86-64 and "
            "for macOS: leave the method out with --methods"
        ) from error
    return bm3d


def _run(library: Any, image: Pixels, sigma: float) -> Pixels:
    profile = library.BM3DProfile()
    for name, value in PROFILE.items():
        setattr(profile, name, value)
    exact = image.astype(np.float64)
    ranges = np.ptp(exact @ OPPONENT.T, axis=(0, 1))
    run = library.bm3d_rgb if ranges.min() > NOISE_FREE else library.bm3d  # bm3d_rgb divides by the range of colours
    denoised: Pixels = np.clip(run(exact, sigma, profile), 0, 1).astype(np.float32)
    return denoised


_RUN_SOURCE = inspect.getsource(_run)  # as imported: ``getsource`` reads the file, which may be edited later
