"""Width of the blur of X, from spectra: X and Z are unpaired, but their mean spectra differ by blur and noise alone.

Of images of one kind, a Gaussian blur of standard deviation s lowers the logarithm of the power at a frequency f by (2 pi s f)^2.
A straight line over f^2 is fitted where noise, whose spectrum the quiet windows of X show, is a small part of the power of X. An
own construction: RealSR's authors estimate kernels by KernelGAN, which fails on images this small and noisy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.api.image import Image
from benchmarks.data.pixels.patches import Place
from benchmarks.degradations.bicubic import Bicubic
from benchmarks.degradations.rounding import to_uint8

NOISE_SHARE = 0.5  # largest share of noise in the power of X at frequencies that count
LOWEST = 1.5  # frequencies from this many periods a window on: below, the window itself shows
Power = NDArray[np.float64]


def mean_power(images: Sequence[Image], places: Sequence[Place], side: int) -> Power:
    """Mean power spectrum of windows, ``(side, side // 2 + 1)``: grey, less their mean, under a Hann window."""
    taper = np.hanning(side + 2)[1:-1]
    total = np.zeros((side, side // 2 + 1))
    for place in places:
        window = images[place.image][place.top : place.top + side, place.left : place.left + side].astype(np.float64).mean(axis=2)
        total += np.abs(np.fft.rfft2((window - window.mean()) * taper[:, None] * taper)) ** 2
    return total / max(1, len(places))


def grid(images: Sequence[Image], side: int) -> list[Place]:
    """Windows of images, half a side apart."""
    step = max(1, side // 2)
    return [
        Place(index, top, left, 0)
        for index, image in enumerate(images)
        for top in range(0, image.shape[0] - side + 1, step)
        for left in range(0, image.shape[1] - side + 1, step)
    ]


def fitted_width(x: Sequence[Image], y: Sequence[Image], quiet: Sequence[Place], side: int) -> float:
    """Standard deviation, in LR pixels, of the Gaussian that blurs Y as X is blurred; 0 if X is as sharp as Y.

    Args:
        x: degraded LR images, ``(h, w, 3)`` uint8 each.
        y: clean LR images of other scenes of the same kind.
        quiet: windows of X that show noise alone; without any, X counts as free of noise.
        side: of a window.
    """
    power, clean, noise = mean_power(x, grid(x, side), side), mean_power(y, grid(y, side), side), mean_power(x, quiet, side)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    counts = (frequency >= LOWEST / side) & (noise < NOISE_SHARE * power) & (clean > 0)
    if np.unique(frequency[counts]).size < 2:
        return 0.0
    slope = np.polyfit(frequency[counts] ** 2, np.log((power - noise)[counts] / clean[counts]), 1)[0]
    return float(np.sqrt(max(0.0, -slope))) / (2 * np.pi)


def blurred_lr(z: Sequence[Image], width: float, scale: int) -> list[Image]:
    """Bicubic downscales of blurred HR images, ``(H / scale, W / scale, 3)`` uint8 each.

    Args:
        z: HR images ``(H, W, 3)`` uint8.
        width: standard deviation of the blur, in LR pixels.
        scale: HR pixels per LR pixel.
    """
    from scipy.ndimage import gaussian_filter

    sigma = (width * scale, width * scale, 0)
    return [to_uint8(Bicubic().apply(gaussian_filter(image.astype(np.float64), sigma), scale, "")) for image in z]
