"""Noise of degradation models, on the 0-255 scale."""

from __future__ import annotations

import numpy as np

from benchmarks.api.image import FloatImage
from benchmarks.degradations.rounding import to_uint8

LUMA = np.array([0.299, 0.587, 0.114])


def gaussian_noise(shape: tuple[int, ...], sigma: float, generator: np.random.Generator, *, grey: bool) -> FloatImage:
    """White Gaussian noise ``(H, W, 3)`` for a shape of three numbers; ``(H, W, 1)``, the same for all channels, if ``grey``."""
    noise: FloatImage = sigma * generator.normal(size=(*shape[:2], 1 if grey else 3))
    return noise


def shot_noise(image: FloatImage, generator: np.random.Generator, *, grey: bool) -> FloatImage:
    """Poisson noise of an image ``(H, W, 3)``; ``(H, W, 1)``, that of its luma, if ``grey``.

    Photons at full white are the number of different values in the image, rounded up to a power of two, as in scikit-image's
    ``random_noise``.
    """
    signal = to_uint8(image @ LUMA[:, None] if grey else image) / 255
    photons = 2.0 ** np.ceil(np.log2(len(np.unique(signal))))
    noise: FloatImage = 255 * (generator.poisson(signal * photons) / photons - signal)
    return noise


def correlated_noise(shape: tuple[int, ...], sigma: float, generator: np.random.Generator) -> FloatImage:
    """Gaussian noise ``(H, W, 3)``, white over pixels, whose channels are correlated.

    The covariance has random axes and eigenvalues from 0 to ``sigma`` squared, and then the absolute values of its entries.
    """
    axes = np.linalg.qr(generator.random((3, 3)))[0]
    covariance = np.abs(axes @ np.diag(generator.random(3)) @ axes.T) + 1e-6 * np.eye(3)
    # A Cholesky factor is unique; signs of eigenvectors would depend on the library.
    noise: FloatImage = sigma * generator.normal(size=(*shape[:2], 3)) @ np.linalg.cholesky(covariance).T
    return noise
