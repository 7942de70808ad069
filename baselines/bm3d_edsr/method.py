"""BM3D, then EDSR: denoise the LR image with estimated noise, then enlarge it. EDSR is the stage ``edsr``'s, as it is.

BM3D is its authors' (package ``bm3d``, for non-commercial use) in the form for white noise: Dabov, Foi, Katkovnik,
Egiazarian, IEEE Transactions on Image Processing 16, 2007. What it returns is kept on disk, for it depends on the LR image
alone, takes seconds on a large one, and every seed asks for the same.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import warnings
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
from benchmarks.api.method import Descriptor, TrainedStage
from benchmarks.core.errors import UsageError
from benchmarks.core.files import cache_root, write_atomically

PROFILE = {
    "num_threads": 1,  # with more, sums are taken in another order every time
    "nf": 0,  # the form for white noise, of 2007; the one for coloured noise is 5 to 25 times slower
}
SMALLEST_SIDE = 16  # BM3D's blocks are 8x8; on an image of just that size the library crashes
NOISE_FREE = 1e-4  # standard deviation under which there is nothing to remove: a fortieth of an 8-bit step
OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]])  # the colour axes, up to scale, that BM3D stretches to [0, 1]

Pixels = NDArray[np.float32]


class BM3DEDSR:
    """BM3D on the LR image, then a trained EDSR."""

    def __init__(self, sr: EDSR) -> None:
        self.sr = sr

    @property
    def descriptor(self) -> Descriptor:
        """The noise is estimated over the whole image."""
        return Descriptor(self.sr.scale, receptive_field=None)

    def __call__(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` in [0, 1] -> ``(N, 3, scale * h, scale * w)``, not clipped.

        Raises:
            UsageError: BM3D does not run on this machine, or an image is too small for it.
        """
        images = [denoise(image.permute(1, 2, 0).float().cpu().numpy()) for image in lr]
        denoised = torch.stack([torch.from_numpy(image).permute(2, 0, 1) for image in images])
        return self.sr(denoised.to(lr.device).contiguous())

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> BM3DEDSR:
        """The network of the stage ``edsr``."""
        return cls(EDSR.from_stages(stages, scale))


def denoise(image: Pixels) -> Pixels:
    """BM3D with the noise that the image itself shows; from the cache where it has been done before.

    Args:
        image: ``(h, w, 3)`` RGB in [0, 1], sides of at least ``SMALLEST_SIDE``.

    Returns:
        ``(h, w, 3)`` float32, clipped to [0, 1]; the image itself where it shows no noise.

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
    found = _read(path, image.shape)
    if found is None:
        found = _run(library, image, sigma)
        with suppress(UsageError):  # a cache that cannot be written costs time, nothing else
            write_atomically(path, lambda file: np.savez(file, image=found))
    return found


def noise_level(image: Pixels) -> float:
    """Standard deviation of the noise in ``(h, w, 3)``, on the image's scale: one number, the mean of the channels'.

    scikit-image's estimate: the median of the finest diagonal wavelet coefficients (Donoho and Johnstone, 1994). A channel
    without any of them (all black) has no say; 0 if none has. It takes the noise for white, as BM3D does: of correlated
    noise it finds too little.
    """
    from skimage.restoration import estimate_sigma

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the median of nothing
        levels = np.array(estimate_sigma(image.astype(np.float64), channel_axis=-1))  # type: ignore[no-untyped-call]
    known = levels[np.isfinite(levels)]
    return float(known.mean()) if known.size else 0.0


def cached_image(image: Pixels, sigma: float) -> Path:
    """Where the cache keeps the denoised image, whether it is there or not: named by all that decides it."""
    decides = {
        "shape": image.shape,
        "sigma": sigma,
        "profile": PROFILE,
        "code": inspect.getsource(_run),
        "versions": {name: version(name) for name in ("bm3d", "bm4d")},  # bm4d holds the binaries
    }
    digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode() + np.ascontiguousarray(image).tobytes()).hexdigest()
    return cache_root() / "bm3d" / f"{digest}.npz"


def _read(path: Path, shape: tuple[int, ...]) -> Pixels | None:
    """A cached image; None where there is none, or a damaged one: the archive has a checksum."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            image = archive["image"]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
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
    run = library.bm3d_rgb if ranges.min() > NOISE_FREE else library.bm3d  # it would divide by a grey image's range of colour
    denoised: Pixels = np.clip(run(exact, sigma, profile), 0, 1).astype(np.float32)
    return denoised
