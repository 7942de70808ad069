"""An imitation of NTIRE 2018 track 2, version 2: settings that are fitted to published numbers (``docs/calibration.md``).

Facts of the track: motion blur, signal-dependent noise and a pixel shift that differ from image to image, of one strength for the
set. Version 1 (``track2_like``) stays as it is, for results of earlier runs.
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

STEPS_PER_PIXEL = 4  # of the motion path


@dataclass(frozen=True)
class Track2LikeV2(Degradation):
    """Motion blur, a shift by whole pixels, bicubic downscaling, noise. Lengths in HR pixels, noise on the 0-255 scale.

    Attributes:
        blur_sigma: standard deviation of the Gaussian part of the kernel.
        motion_length: length of the straight motion path; its direction is drawn for each image.
        shift_max: largest shift along each axis; whole numbers are drawn uniformly from -shift_max to shift_max.
        noise_gaussian: standard deviation of the signal-independent noise.
        noise_signal: standard deviation of the signal-dependent noise at full white; its variance is proportional to the signal.
        noise_correlation: sigma, in LR pixels, of the Gaussian that smooths the noise, whose strength is kept; 0 for white noise.
        seed: of the random numbers of all images.
    """

    name: ClassVar[str] = "track2-like-v2"

    blur_sigma: Annotated[float, Meta(gt=0, le=64)]
    motion_length: Annotated[float, Meta(ge=0, le=64)]
    shift_max: Annotated[int, Meta(ge=0, le=64)]
    noise_gaussian: Annotated[float, Meta(ge=0, le=255)]
    noise_signal: Annotated[float, Meta(ge=0, le=255)]
    noise_correlation: Annotated[float, Meta(ge=0, le=16)]
    seed: Annotated[int, Meta(ge=0)] = 0

    def apply(self, image: FloatImage, scale: int, stream: str) -> FloatImage:
        """``(H, W, 3)`` -> ``(H / scale, W / scale, 3)``: shift, blur, bicubic downscaling, noise. Borders are mirrored."""
        from scipy.ndimage import convolve, gaussian_filter

        generator = random_stream(stream, self.seed)
        # Not by ``integers``, which draws as many numbers as it needs: blur and noise would depend on the range of shifts.
        down, right = np.floor(generator.uniform(size=2) * (2 * self.shift_max + 1)) - self.shift_max
        kernel = self.blur_kernel(generator.uniform(0, np.pi))
        moved = _shifted(image, int(down), int(right))
        blurred = np.stack([convolve(moved[..., c], kernel, mode="reflect") for c in range(image.shape[2])], axis=-1)
        lr = np.clip(imresize(blurred, 1 / scale), 0, 255)
        noise = generator.normal(size=lr.shape)
        if self.noise_correlation:
            noise = gaussian_filter(noise, self.noise_correlation, axes=(0, 1), mode="wrap")
            noise /= noise.std()
        noisy: FloatImage = lr + noise * np.sqrt(self.noise_gaussian**2 + self.noise_signal**2 * lr / 255)
        return noisy

    def blur_kernel(self, heading: float) -> NDArray[np.float64]:
        """Kernel ``(K, K)`` that sums to 1: a Gaussian smeared along a straight path with this heading, in radians."""
        radius = int(np.ceil(3 * self.blur_sigma + self.motion_length / 2))
        along_axis = np.arange(-radius, radius + 1, dtype=np.float64)
        rows, columns = np.meshgrid(along_axis, along_axis, indexing="ij")
        kernel = np.zeros(rows.shape)
        half = self.motion_length / 2
        for along in np.linspace(-half, half, 1 + 2 * int(np.ceil(half * STEPS_PER_PIXEL))):
            squares = (rows - along * np.sin(heading)) ** 2 + (columns - along * np.cos(heading)) ** 2
            kernel += np.exp(-0.5 * squares / self.blur_sigma**2)
        kernel /= kernel.sum()
        return kernel


def _shifted(image: FloatImage, down: int, right: int) -> FloatImage:
    """The image moved by whole pixels; what comes in at the borders is mirrored."""
    height, width = image.shape[:2]
    reach = max(abs(down), abs(right))
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="symmetric")
    return padded[reach - down : reach - down + height, reach - right : reach - right + width]
