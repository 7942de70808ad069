"""Seeded HR -> LR operators.

``bicubic`` is the clean downscaling of the field. ``track2-like`` imitates NTIRE 2018 track 2 ("realistic, mild"): a
random blur kernel and pixel shift per image, x4 downscaling, sensor noise, 8 bits. The challenge never published its
parameters, so ours are settings with values chosen as ``docs/reproduction-notes.md`` tells.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from benchmarks.data.imresize import imresize

Length = Annotated[float, Meta(ge=0, le=64)]  # HR pixels
Noise = Annotated[float, Meta(ge=0, le=255)]
Correlation = Annotated[float, Meta(ge=0, le=16)]  # LR pixels


@dataclass(frozen=True)
class Track2Like:
    """Parameters of ``track2-like``; lengths in HR pixels, noise on the 0-255 scale."""

    blur_sigma_min: Annotated[float, Meta(gt=0, le=64)]  # Gaussian part of the kernel, each axis drawn uniformly
    blur_sigma_max: Annotated[float, Meta(gt=0, le=64)]
    motion_max: Length  # length of the straight motion path, drawn uniformly from 0
    shift_max: Length  # shift along each axis, drawn uniformly from [-max, max], sub-pixel
    noise_gaussian: Noise  # standard deviation of the signal-independent noise
    noise_signal: Noise  # standard deviation of the signal-dependent noise at full white
    noise_correlation: Correlation  # sigma of the Gaussian that smooths the noise, its strength kept; 0: white
    seed: Annotated[int, Meta(ge=0)] = 0

    def __post_init__(self) -> None:
        if self.blur_sigma_min > self.blur_sigma_max:
            raise ValueError("blur_sigma_min is larger than blur_sigma_max")


def image_generator(image_id: str, seed: int) -> np.random.Generator:
    """The random stream of one image: the same for the same name and seed, whatever else is processed."""
    digest = hashlib.sha256(f"{seed}/{image_id}".encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))


def blur_kernel(generator: np.random.Generator, settings: Track2Like) -> NDArray[np.float64]:
    """A kernel ``(K, K)`` that sums to 1: an anisotropic Gaussian smeared along a motion path and shifted.

    Shift and motion move the centre of a continuous Gaussian before it is sampled, so both may be sub-pixel.
    """
    sigma = generator.uniform(settings.blur_sigma_min, settings.blur_sigma_max, size=2)
    angle, heading = generator.uniform(0, np.pi, size=2)
    length = generator.uniform(0, settings.motion_max)
    shift = generator.uniform(-settings.shift_max, settings.shift_max, size=2)
    radius = int(np.ceil(3 * settings.blur_sigma_max + settings.motion_max / 2 + settings.shift_max))
    along_axis = np.arange(-radius, radius + 1, dtype=np.float64)
    grid = np.stack(np.meshgrid(along_axis, along_axis, indexing="ij"), axis=-1)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    precision = turn @ np.diag(1 / sigma**2) @ turn.T
    kernel = np.zeros(grid.shape[:2])
    for along in np.linspace(-length / 2, length / 2, 9):
        offset = grid - shift - along * np.array([np.sin(heading), np.cos(heading)])
        kernel += np.exp(-0.5 * np.einsum("yxi,ij,yxj->yx", offset, precision, offset))
    kernel /= kernel.sum()
    return kernel


def to_uint8(image: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Round an image on the 0-255 scale to 8 bits: clipped, half away from zero as MATLAB's ``uint8`` does."""
    rounded: NDArray[np.uint8] = np.floor(np.clip(image, 0, 255) + 0.5).astype(np.uint8)
    return rounded


def bicubic_downscale(hr: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """``(H, W, 3)`` uint8 -> ``(H / scale, W / scale, 3)`` uint8, MATLAB bicubic with antialiasing."""
    return to_uint8(imresize(hr.astype(np.float64), 1 / scale))


def track2_like(hr: NDArray[np.uint8], scale: int, image_id: str, settings: Track2Like) -> NDArray[np.uint8]:
    """Degrade one image: blur and shift, bicubic downscale, noise, 8 bits. Deterministic per (image, seed).

    Args:
        hr: ``(H, W, 3)`` uint8 RGB, sizes a multiple of ``scale``.
        scale: downscaling factor.
        image_id: name of the image; with ``settings.seed`` it decides kernel, shift and noise.
        settings: operator strength.

    Returns:
        ``(H / scale, W / scale, 3)`` uint8 RGB.
    """
    from scipy.ndimage import convolve, gaussian_filter

    generator = image_generator(image_id, settings.seed)
    kernel = blur_kernel(generator, settings)
    blurred = np.stack([convolve(hr[..., c].astype(np.float64), kernel, mode="reflect") for c in range(hr.shape[2])], axis=-1)
    lr = np.clip(imresize(blurred, 1 / scale), 0, 255)
    variance = settings.noise_gaussian**2 + settings.noise_signal**2 * lr / 255
    noise = generator.normal(size=lr.shape)
    if settings.noise_correlation:
        noise = gaussian_filter(noise, settings.noise_correlation, axes=(0, 1), mode="wrap")
        noise /= noise.std()
    return to_uint8(lr + noise * np.sqrt(variance))


def degradation_identity(name: str, settings: Track2Like) -> dict[str, object]:
    """What decides the LR images: enters the identity of every cell that sees them."""
    return {"name": name} if name == "bicubic" else {"name": name, **asdict(settings)}
