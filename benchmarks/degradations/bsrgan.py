"""The degradation model of BSRGAN (Zhang et al., ICCV 2021): blur, downscaling, noise and JPEG in random order.

Ranges and probabilities are the published ones; the operators are written from the paper and from facts of the public code
(Apache-2.0), none of which is copied. Deviations: JPEG is computed without a library (``jpeg``), and the camera's processing,
which needs a trained model, is left out, as the public code does without that model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from benchmarks.api.image import FloatImage
from benchmarks.degradations.blur_kernels import blur, gaussian
from benchmarks.degradations.jpeg import jpeg
from benchmarks.degradations.operator import Degradation, random_stream
from benchmarks.degradations.ranges import KernelSize, Quality, Share, Strength, check_ranges, odd_size, quality
from benchmarks.degradations.resizing import random_interpolation, resize
from benchmarks.degradations.sensor_noise import correlated_noise, gaussian_noise

HALVED_SCALE = 4  # the only scale at which images may be halved first
SMALLEST_SIGMA = 0.1  # pixels; the published lower bound is 0, where a kernel is not defined
STEPS = ("blur", "blur", "shrink", "fit", "noise", "jpeg")
SUBSAMPLING_KERNEL = 25  # pixels


@dataclass(frozen=True)
class BSRGAN(Degradation):
    """Blur, downscaling, noise and JPEG in random order, as published for BSRGAN.

    With s, the scale that is left to go, standard deviations of isotropic kernels go up to 2 + 0.2 s pixels, variances of
    anisotropic ones up to 4 + s, and the first downscaling is by up to 2 s.

    Attributes:
        halve_share: share of images that are halved first, at x4.
        kernel_size: smallest and largest side of kernels, in pixels; odd sizes are drawn.
        anisotropic_share: share of kernels with two widths and an angle.
        resize_share: share of images that are resized by a random factor; the others are blurred and subsampled.
        noise_sigma: smallest and largest standard deviation of Gaussian noise, on the 0-255 scale.
        grey_share: share of noise that is the same in all channels.
        correlated_share: share of noise whose channels are correlated.
        jpeg: whether images are compressed.
        jpeg_share: share of images that are compressed twice: at a random place too, not at the end alone.
        jpeg_quality: smallest and largest quality of JPEG.
        seed: of the random numbers of all images.
    """

    name: ClassVar[str] = "bsrgan"

    halve_share: Share = 0.25
    kernel_size: tuple[KernelSize, KernelSize] = (7, 25)
    anisotropic_share: Share = 0.5
    resize_share: Share = 0.75
    noise_sigma: tuple[Strength, Strength] = (2.0, 25.0)
    grey_share: Share = 0.4
    correlated_share: Share = 0.2
    jpeg: bool = True
    jpeg_share: Share = 0.9
    jpeg_quality: tuple[Quality, Quality] = (30, 95)
    seed: Annotated[int, Meta(ge=0)] = 0

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.grey_share + self.correlated_share > 1:
            raise ValueError("grey_share and correlated_share are more than 1 together")

    def apply(self, image: FloatImage, scale: int, stream: str) -> FloatImage:
        """``(H, W, 3)`` -> ``(H / scale, W / scale, 3)``: all steps in random order, JPEG at the end."""
        generator = random_stream(stream, self.seed)
        size = (image.shape[0] // scale, image.shape[1] // scale)
        left = scale
        if scale == HALVED_SCALE and generator.random() < self.halve_share:
            image, left = resize(image, 2 * size[0], 2 * size[1], random_interpolation(generator)), scale // 2
        for step in _random_order(generator):
            if step == "blur":
                image = self._blurred(image, left, generator)
            elif step == "shrink":
                image = self._shrunk(image, left, generator)
            elif step == "fit":
                image = resize(image, *size, random_interpolation(generator))
            elif step == "noise":
                image = self._noisy(image, generator)
            else:
                image = self._compressed(image, generator, self.jpeg_share)
            image = np.clip(image, 0, 255)
        return self._compressed(image, generator, 1.0)

    def _blurred(self, image: FloatImage, left: int, generator: np.random.Generator) -> FloatImage:
        """Blur by a Gaussian of a random size, with one width or two."""
        size = odd_size(self.kernel_size, generator)
        if generator.random() < self.anisotropic_share:
            first, second = np.maximum(np.sqrt((4 + left) * generator.random(2)), SMALLEST_SIGMA)
            return blur(image, gaussian(size, (first, second), generator.uniform(0, np.pi)))
        sigma = max((2 + 0.2 * left) * generator.random(), SMALLEST_SIGMA)
        return blur(image, gaussian(size, (sigma, sigma)))

    def _shrunk(self, image: FloatImage, left: int, generator: np.random.Generator) -> FloatImage:
        """Downscale by a random factor; or blur and keep every ``left``-th pixel, which the kernel's shift centres."""
        if generator.random() < self.resize_share:
            factor = generator.uniform(1, 2 * left)
            height, width = (max(1, int(side / factor)) for side in image.shape[:2])
            return resize(image, height, width, random_interpolation(generator))
        sigma = generator.uniform(0.1, 0.6 * left)
        kernel = gaussian(SUBSAMPLING_KERNEL, (sigma, sigma), shift=-(left - 1) / 2)
        return blur(image, kernel)[::left, ::left]

    def _noisy(self, image: FloatImage, generator: np.random.Generator) -> FloatImage:
        """Add Gaussian noise: grey, with correlated channels, or with independent ones."""
        kind, sigma = generator.random(), generator.uniform(*self.noise_sigma)
        if kind < self.grey_share:
            return image + gaussian_noise(image.shape, sigma, generator, grey=True)
        if kind < self.grey_share + self.correlated_share:
            return image + correlated_noise(image.shape, self.noise_sigma[1], generator)
        return image + gaussian_noise(image.shape, sigma, generator, grey=False)

    def _compressed(self, image: FloatImage, generator: np.random.Generator, share: float) -> FloatImage:
        """Compress a share of images."""
        if not self.jpeg or generator.random() >= share:
            return image
        return jpeg(image, quality(self.jpeg_quality, generator))


def _random_order(generator: np.random.Generator) -> list[str]:
    """The steps in random order, but for ``fit``, which comes after ``shrink``."""
    order = [STEPS[place] for place in generator.permutation(len(STEPS))]
    shrink, fit = order.index("shrink"), order.index("fit")
    if shrink > fit:
        order[shrink], order[fit] = "fit", "shrink"
    return order
