"""Protocols: how two images are compared. A number without its protocol is not a result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import UsageError, unknown
from benchmarks.metrics import gaussian_means, psnr, ssim, ssim_from_moments

Image = NDArray[np.uint8]
Array = NDArray[np.float64]

SHAVE = 10  # the challenge's scorer drops 6 + scale border pixels
WINDOW = 60
REACH = 40  # shifts searched, each way
SCALE = 4


@dataclass(frozen=True)
class Protocol:
    """A named, versioned way to score a result against its ground truth.

    Attributes:
        name: what tables print.
        title: one line on what it does.
        version: changes whenever the numbers could.
        metrics: what ``score`` returns, in the order of table columns.
        perceptual: whether LPIPS is computed under this protocol, on the whole uint8 images as they are.
        score: ``(sr, hr)``, both ``(H, W, 3)`` uint8 RGB of one size -> metric name to value.
    """

    name: str
    title: str
    version: int
    metrics: tuple[str, ...]
    perceptual: bool
    score: Callable[[Image, Image], dict[str, float]]


def _score_rgb(sr: Image, hr: Image) -> dict[str, float]:
    a, b = sr / 255.0, hr / 255.0
    return {"psnr": psnr(a, b, data_range=1.0), "ssim": ssim(a, b, data_range=1.0)}


def _challenge_crop(image: Image) -> Image:
    """Step 1: a multiple of 4, less the border."""
    height, width = image.shape[0] // SCALE * SCALE, image.shape[1] // SCALE * SCALE
    return image[SHAVE : height - SHAVE, SHAVE : width - SHAVE]


def _window_sums(plane: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums over every WINDOW x WINDOW window of a ``(H, W)`` plane, by an integral image; integers, so exact."""
    integral = np.pad(plane, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    rows: NDArray[np.int64] = integral[WINDOW:] - integral[:-WINDOW]
    return rows[:, WINDOW:] - rows[:, :-WINDOW]


def _best_psnr(area: Image, target: Image) -> float:
    """Maximum over shifts of the PSNR after matching the window's mean to the target's.

    With window w, target g and gain k = mean(g) / mean(w), the squared error k^2 sum(w^2) - 2 k sum(w g) + sum(g^2) needs
    only window sums and one cross-correlation. The winning window is then scored directly, free of cancellation.
    """
    from scipy.signal import correlate

    result, truth = area.astype(np.int64), target.astype(np.int64)
    sums, squares = _window_sums(result.sum(axis=2)), _window_sums((result**2).sum(axis=2))
    channels = [(area[..., c].astype(np.float64), target[..., c].astype(np.float64)) for c in range(3)]
    products = sum(correlate(plane, window, mode="valid", method="fft") for plane, window in channels)
    gain = np.divide(truth.sum(), sums, out=np.ones(sums.shape), where=sums > 0)
    error = gain**2 * squares - 2 * gain * products
    row, column = np.unravel_index(np.argmin(error), error.shape)
    window = area[row : row + WINDOW, column : column + WINDOW]
    return psnr(window * gain[row, column], truth.astype(np.float64), data_range=255.0)


def _best_ssim(area: Image, target: Image) -> float:
    """Maximum over even shifts of the mean SSIM over channels; no rescale.

    Means and squares of the result are filtered once for all shifts; only the cross term is filtered per shift.
    """
    result, truth = np.moveaxis(area / 255.0, -1, 0), np.moveaxis(target / 255.0, -1, 0)
    mean_result, mean_result2 = gaussian_means(result), gaussian_means(result**2)
    mean_truth, mean_truth2 = gaussian_means(truth), gaussian_means(truth**2)
    inner = mean_truth.shape[-1]
    windows = np.lib.stride_tricks.sliding_window_view
    best = -1.0
    for dy in range(0, 2 * REACH + 1, 2):
        row = windows(result[:, dy : dy + WINDOW], WINDOW, axis=2)[:, :, ::2].transpose(2, 0, 1, 3)
        cross = gaussian_means(row * truth)
        means, squares = (
            windows(plane[:, dy : dy + inner], inner, axis=2)[:, :, ::2].transpose(2, 0, 1, 3)
            for plane in (mean_result, mean_result2)
        )
        maps = ssim_from_moments(means, mean_truth, squares, mean_truth2, cross, data_range=1.0)
        best = max(best, float(maps.mean(axis=(1, 2, 3)).max()))
    return best


def _score_ntire2018(sr: Image, hr: Image) -> dict[str, float]:
    result, truth = _challenge_crop(sr), _challenge_crop(hr)
    top, left = ((side - WINDOW) // 2 for side in truth.shape[:2])
    if min(top, left) < REACH:
        least = WINDOW + 2 * REACH + 2 * SHAVE
        raise UsageError(f"protocol ntire2018 needs images of {least}x{least} or more, got {hr.shape[1]}x{hr.shape[0]}")
    target = truth[top : top + WINDOW, left : left + WINDOW]
    reach = WINDOW + 2 * REACH
    area = result[top - REACH : top - REACH + reach, left - REACH : left - REACH + reach]
    return {"psnr": _best_psnr(area, target), "ssim": _best_ssim(area, target)}


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("rgb", "plain RGB, whole image, no border shaved, no alignment", 1, ("psnr", "ssim"), True, _score_rgb),
        Protocol(
            "ntire2018",
            "NTIRE 2018 scorer: central 60x60 window, best of 6,561 shifts, mean matched",
            1,
            ("psnr", "ssim"),
            False,
            _score_ntire2018,
        ),
    )
}


def get_protocol(name: str) -> Protocol:
    """Look a protocol up. Raises UsageError, with the nearest name, where there is none."""
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS)
    return PROTOCOLS[name]


def score(protocol: Protocol, sr: Image, hr: Image) -> dict[str, float]:
    """Score one image. Raises UsageError where the sizes differ or are too small: nothing is cropped silently."""
    if sr.shape != hr.shape:
        raise UsageError(f"protocol {protocol.name}: result is {sr.shape}, ground truth is {hr.shape}: sizes must be equal")
    try:
        return protocol.score(sr, hr)
    except ValueError as error:
        raise UsageError(f"protocol {protocol.name}: {error}") from error
