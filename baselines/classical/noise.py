"""Blind estimates of the noise level of a LR image."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]


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


def subsampled_noise_level(image: Pixels) -> float:
    """Estimate the standard deviation of noise that neighbouring pixels share, on the image's scale.

    The mean of ``noise_level`` over the four images of every other pixel: noise whose correlation ends within two pixels is white
    there. Fine detail counts as noise more than in the image itself.
    """
    return float(np.mean([noise_level(image[row::2, column::2]) for row in (0, 1) for column in (0, 1)]))
