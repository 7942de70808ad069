"""The second-order degradation model of Real-ESRGAN (Wang et al., ICCVW 2021).

Ranges and probabilities are those of the published configuration of Real-ESRNet; the operators are written from the paper and
from facts of the public code (BSD-3), none of which is copied. Deviations: strengths are drawn for each image, not each batch;
JPEG is computed without a library (``jpeg``); HR images are not sharpened, which would be no degradation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
from msgspec import Meta

from benchmarks.api.image import FloatImage
from benchmarks.degradations.blur_kernels import Kernel, blur, gaussian, generalised_gaussian, low_pass, plateau
from benchmarks.degradations.jpeg import jpeg
from benchmarks.degradations.operator import Degradation, random_stream
from benchmarks.degradations.ranges import Factor, KernelSize, Quality, Share, Strength, Width, check_ranges, odd_size, quality
from benchmarks.degradations.resizing import random_interpolation, resize
from benchmarks.degradations.sensor_noise import gaussian_noise, shot_noise

SHAPES = ("gaussian", "generalised", "plateau")
SHAPE_SHARES = (0.7, 0.15, 0.15)
ANISOTROPIC_SHARES = {"gaussian": 0.25 / 0.7, "generalised": 0.2, "plateau": 0.2}
BETAS = {"generalised": (0.5, 4.0), "plateau": (1.0, 2.0)}
SMALL_KERNEL = 13  # pixels; kernels below have a low-pass filter with a wider lower bound of its cut-off
CUTOFF, CUTOFF_OF_LARGE = np.pi / 3, np.pi / 5


class Round(NamedTuple):
    """Ranges of one of the two rounds of blur, resize and noise.

    Attributes:
        blur_share: share of images that are blurred.
        blur_sigma: range of the standard deviations of kernels, in pixels.
        resize: range of the factor of the resize; factors above and below 1 are drawn from its parts.
        resize_shares: probabilities of enlarging, of shrinking and of keeping the size.
        noise_sigma: range of the standard deviation of Gaussian noise.
        poisson_scale: range of the factor of Poisson noise.
    """

    blur_share: float
    blur_sigma: tuple[float, float]
    resize: tuple[float, float]
    resize_shares: tuple[float, float, float]
    noise_sigma: tuple[float, float]
    poisson_scale: tuple[float, float]


@dataclass(frozen=True)
class RealESRGAN(Degradation):
    """Two rounds of blur, resize, noise and JPEG, as published for Real-ESRGAN.

    Widths are in pixels of the image as it is at that place, noise is on the 0-255 scale; all ranges are drawn from uniformly.

    Attributes:
        kernel_size: smallest and largest side of kernels; odd sizes are drawn.
        sinc_share: share of blurs by an ideal low-pass filter in place of a bell-shaped kernel.
        blur_sigma: standard deviations of kernels.
        resize: factor of the first resize, to the HR image.
        noise_sigma: standard deviation of Gaussian noise.
        poisson_scale: factor of Poisson noise.
        second_blur_share: share of images that are blurred again.
        second_blur_sigma: as ``blur_sigma``, in the second round, and so the following three.
        second_resize: factor of the second resize, to the LR image.
        second_noise_sigma: see above.
        second_poisson_scale: see above.
        final_sinc_share: share of images with a low-pass filter at the end.
        gaussian_share: share of Gaussian noise; the rest is Poisson noise.
        grey_share: share of noise that is the same in all channels.
        jpeg: whether images are compressed, in both rounds.
        jpeg_quality: quality of JPEG.
        seed: of the random numbers of all images.
    """

    name: ClassVar[str] = "real-esrgan"

    kernel_size: tuple[KernelSize, KernelSize] = (7, 21)
    sinc_share: Share = 0.1
    blur_sigma: tuple[Width, Width] = (0.2, 3.0)
    resize: tuple[Factor, Factor] = (0.15, 1.5)
    noise_sigma: tuple[Strength, Strength] = (1.0, 30.0)
    poisson_scale: tuple[Strength, Strength] = (0.05, 3.0)
    second_blur_share: Share = 0.8
    second_blur_sigma: tuple[Width, Width] = (0.2, 1.5)
    second_resize: tuple[Factor, Factor] = (0.3, 1.2)
    second_noise_sigma: tuple[Strength, Strength] = (1.0, 25.0)
    second_poisson_scale: tuple[Strength, Strength] = (0.05, 2.5)
    final_sinc_share: Share = 0.8
    gaussian_share: Share = 0.5
    grey_share: Share = 0.4
    jpeg: bool = True
    jpeg_quality: tuple[Quality, Quality] = (30, 95)
    seed: Annotated[int, Meta(ge=0)] = 0

    def __post_init__(self) -> None:
        check_ranges(self)

    def apply(self, image: FloatImage, scale: int, stream: str) -> FloatImage:
        """``(H, W, 3)`` -> ``(H / scale, W / scale, 3)``: two rounds, then JPEG and downscaling with a filter in either order."""
        generator = random_stream(stream, self.seed)
        size = (image.shape[0] // scale, image.shape[1] // scale)
        degraded = self._compressed(self._round(image, image.shape[:2], self._first, generator), generator)
        degraded = self._round(degraded, size, self._second, generator)
        if generator.random() < 0.5:
            return self._compressed(self._downscaled(degraded, size, generator), generator)
        return self._downscaled(self._compressed(degraded, generator), size, generator)

    @property
    def _first(self) -> Round:
        return Round(1.0, self.blur_sigma, self.resize, (0.2, 0.7, 0.1), self.noise_sigma, self.poisson_scale)

    @property
    def _second(self) -> Round:
        blurs, noises = (self.second_blur_share, self.second_blur_sigma), (self.second_noise_sigma, self.second_poisson_scale)
        return Round(*blurs, self.second_resize, (0.3, 0.4, 0.3), *noises)

    def _round(self, image: FloatImage, size: tuple[int, ...], ranges: Round, generator: np.random.Generator) -> FloatImage:
        """Blur, resize to a random multiple of a size, and noise; clipped to 0..255."""
        if generator.random() < ranges.blur_share:
            image = blur(image, self._kernel(ranges.blur_sigma, generator))
        factor = _resize_factor(ranges, generator)
        height, width = (max(1, int(side * factor)) for side in size)
        image = np.clip(resize(image, height, width, random_interpolation(generator)), 0, 255)
        grey = bool(generator.random() < self.grey_share)
        if generator.random() < self.gaussian_share:
            noise = gaussian_noise(image.shape, generator.uniform(*ranges.noise_sigma), generator, grey=grey)
        else:
            noise = generator.uniform(*ranges.poisson_scale) * shot_noise(image, generator, grey=grey)
        return np.clip(image + noise, 0, 255)

    def _kernel(self, sigma: tuple[float, float], generator: np.random.Generator) -> Kernel:
        """Draw a kernel of a random size and shape."""
        size = odd_size(self.kernel_size, generator)
        if generator.random() < self.sinc_share:
            return low_pass(size, generator.uniform(CUTOFF if size < SMALL_KERNEL else CUTOFF_OF_LARGE, np.pi))
        shape = str(generator.choice(SHAPES, p=SHAPE_SHARES))
        first, second = generator.uniform(*sigma, size=2)
        widths = (first, second if generator.random() < ANISOTROPIC_SHARES[shape] else first)
        angle = generator.uniform(-np.pi, np.pi)
        if shape == "gaussian":
            return gaussian(size, widths, angle)
        lowest, highest = BETAS[shape]
        beta = generator.uniform(lowest, 1.0) if generator.random() < 0.5 else generator.uniform(1.0, highest)
        return (generalised_gaussian if shape == "generalised" else plateau)(size, widths, angle, beta)

    def _downscaled(self, image: FloatImage, size: tuple[int, int], generator: np.random.Generator) -> FloatImage:
        """Resize to the LR size, with a low-pass filter behind it in most cases; clipped to 0..255."""
        image = resize(image, *size, random_interpolation(generator))
        if generator.random() < self.final_sinc_share:
            image = blur(image, low_pass(odd_size(self.kernel_size, generator), generator.uniform(CUTOFF, np.pi)))
        return np.clip(image, 0, 255)

    def _compressed(self, image: FloatImage, generator: np.random.Generator) -> FloatImage:
        return jpeg(image, quality(self.jpeg_quality, generator)) if self.jpeg else image


def _resize_factor(ranges: Round, generator: np.random.Generator) -> float:
    """Draw the factor of a resize: above 1, below 1, or 1."""
    kind = generator.choice(3, p=ranges.resize_shares)
    lowest, highest = ranges.resize
    return float(generator.uniform(*((1.0, highest), (lowest, 1.0), (1.0, 1.0))[kind]))
