"""An imitation of NTIRE 2018 track 2 ("realistic, mild"): blur and pixel shift per image, x4 downscaling, sensor noise.

The challenge has not published its parameters. They are settings here; ``docs/reproduction-notes.md`` explains their values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from benchmarks.api.image import FloatImage
from benchmarks.degradations.imresize import imresize
from benchmarks.degradations.operator import Degradation, random_stream

Length = Annotated[float, Meta(ge=0, le=64)]  # HR pixels
Noise = Annotated[float, Meta(ge=0, le=255)]
Correlation = Annotated[float, Meta(ge=0, le=16)]  # LR pixels


@dataclass(frozen=True)
class Track2Like(Degradation):
    """Blur with shift and motion, bicubic downscaling, noise. Lengths in HR pixels, noise on the 0-255 scale.

    Attributes:
        blur_sigma_min: smallest standard deviation of the Gaussian part of the kernel; each axis is drawn uniformly.
        blur_sigma_max: largest standard deviation.
        motion_max: largest length of the straight motion path, drawn uniformly from 0.
        shift_max: largest shift along each axis, drawn uniformly from [-max, max]; may be a fraction of a pixel.
        noise_gaussian: standard deviation of the signal-independent noise.
        noise_signal: standard deviation of the signal-dependent noise at full white.
        noise_correlation: sigma, in LR pixels, of the Gaussian that smooths the noise, whose strength is kept; 0 for white noise.
        seed: of the random numbers of all images.
    """

    name: ClassVar[str] = "track2-like"

    blur_sigma_min: Annotated[float, Meta(gt=0, le=64)]
    blur_sigma_max: Annotated[float, Meta(gt=0, le=64)]
    motion_max: Length
    shift_max: Length
    noise_gaussian: Noise
    noise_signal: Noise
    noise_correlation: Correlation
    seed: Annotated[int, Meta(ge=0)] = 0

    def __post_init__(self) -> None:
        if self.blur_sigma_min > self.blur_sigma_max:
            raise ValueError("blur_sigma_min is larger than blur_sigma_max")

    def apply(self, image: FloatImage, scale: int, stream: str) -> FloatImage:
        """``(H, W, 3)`` -> ``(H / scale, W / scale, 3)``: blur and shift, bicubic downscaling, noise."""
        from scipy.ndimage import convolve, gaussian_filter

        generator = random_stream(stream, self.seed)
        kernel = self.blur_kernel(generator)
        blurred = np.stack([convolve(image[..., c], kernel, mode="reflect") for c in range(image.shape[2])], axis=-1)
        lr = np.clip(imresize(blurred, 1 / scale), 0, 255)
        variance = self.noise_gaussian**2 + self.noise_signal**2 * lr / 255
        noise = generator.normal(size=lr.shape)
        if self.noise_correlation:
            noise = gaussian_filter(noise, self.noise_correlation, axes=(0, 1), mode="wrap")
            noise /= noise.std()
        noisy: FloatImage = lr + noise * np.sqrt(variance)
        return noisy

    def blur_kernel(self, generator: np.random.Generator) -> NDArray[np.float64]:
        """Draw a kernel ``(K, K)`` that sums to 1: an anisotropic Gaussian smeared along a motion path and shifted.

        Shift and motion move the centre of a continuous Gaussian before it is sampled: both may be fractions of a pixel.
        """
        sigma = generator.uniform(self.blur_sigma_min, self.blur_sigma_max, size=2)
        angle, heading = generator.uniform(0, np.pi, size=2)
        length = generator.uniform(0, self.motion_max)
        shift = generator.uniform(-self.shift_max, self.shift_max, size=2)
        radius = int(np.ceil(3 * self.blur_sigma_max + self.motion_max / 2 + self.shift_max))
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
