"""The classical degradation model: Gaussian blur, bicubic downscaling, white noise, each with a random strength."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from benchmarks.api.image import FloatImage
from benchmarks.degradations.blur_kernels import blur, gaussian
from benchmarks.degradations.imresize import imresize
from benchmarks.degradations.operator import Degradation, random_stream
from benchmarks.degradations.ranges import KernelSize, Share, Strength, Width, check_ranges, odd_size
from benchmarks.degradations.sensor_noise import gaussian_noise


@dataclass(frozen=True)
class FirstOrder(Degradation):
    """Gaussian blur, bicubic downscaling and white noise of random strengths.

    The ranges are those of the first round of Real-ESRGAN (Wang et al., ICCVW 2021).

    Attributes:
        kernel_size: smallest and largest side of kernels, in HR pixels; odd sizes are drawn uniformly.
        anisotropic_share: share of kernels whose two widths and angle differ.
        blur_sigma: smallest and largest standard deviation of the kernel, in HR pixels.
        noise_sigma: smallest and largest standard deviation of the noise, on the 0-255 scale.
        seed: of the random numbers of all images.
    """

    name: ClassVar[str] = "first-order"

    kernel_size: tuple[KernelSize, KernelSize] = (7, 21)
    anisotropic_share: Share = 0.5
    blur_sigma: tuple[Width, Width] = (0.2, 3.0)
    noise_sigma: tuple[Strength, Strength] = (1.0, 30.0)
    seed: Annotated[int, Meta(ge=0)] = 0

    def __post_init__(self) -> None:
        check_ranges(self)

    def apply(self, image: FloatImage, scale: int, stream: str) -> FloatImage:
        """``(H, W, 3)`` -> ``(H / scale, W / scale, 3)``: blur, bicubic downscaling, noise."""
        generator = random_stream(stream, self.seed)
        size = odd_size(self.kernel_size, generator)
        anisotropic = generator.random() < self.anisotropic_share
        first, second = generator.uniform(*self.blur_sigma, size=2)
        angle = generator.uniform(0, np.pi)
        kernel = gaussian(size, (first, second if anisotropic else first), angle)
        lr = imresize(blur(image, kernel), 1 / scale)
        return lr + gaussian_noise(lr.shape, generator.uniform(*self.noise_sigma), generator, grey=False)
