"""Fit of a degradation's strength to published scores, with untrained methods and an EDSR that never saw the degradation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.api.image import Image, Pair
from benchmarks.api.method import Method
from benchmarks.catalog.metrics import get_metric
from benchmarks.catalog.protocols import get_protocol
from benchmarks.degradations.operator import Degradation
from benchmarks.degradations.track2_like_v2 import Track2LikeV2

SCALE = 4
CENTRE = 192  # pixels a side; the scorer's window and search take 160
SCORER, PLAIN = "ntire2018", "rgb"
BOUNDS = {
    "blur_sigma": (0.3, 3.0),
    "motion_length": (0.0, 12.0),
    "noise_gaussian": (0.0, 20.0),
    "noise_signal": (0.0, 30.0),
    "noise_correlation": (0.0, 1.0),
}
START = Track2LikeV2(  # near the middle of the bounds, so that the fit can go to white noise and to correlated noise
    blur_sigma=2.0, motion_length=4.0, shift_max=0, noise_gaussian=4.0, noise_signal=8.0, noise_correlation=0.4
)
DIGITS = 2  # parameters are rounded: nothing published says more
FEW = 0.2  # below this sigma the smoothing changes less than 1 % of the noise: taken for white

Rows = Mapping[str, Mapping[str, float]]  # by method: plain PSNR, PSNR and SSIM under the scorer


@dataclass(frozen=True)
class Target:
    """A published figure, as a difference or a ratio that can be compared across images.

    Attributes:
        name: of the figure.
        published: its value.
        tolerance: the deviation that counts as one in the fit.
        measure: the figure of measured rows.
    """

    name: str
    published: float
    tolerance: float
    measure: Callable[[Rows], float]


def _difference(method: str) -> Callable[[Rows], float]:
    return lambda rows: rows[method]["psnr"] - rows["bicubic"]["psnr"]


def _ratio(method: str) -> Callable[[Rows], float]:
    return lambda rows: rows[method]["ssim"] / rows["bicubic"]["ssim"]


# Sources: the paper's table 1, and 17.56 dB, bicubic on the track's validation images in plain RGB, as a user
# of a public reimplementation measured it. Crops are not whole images, and content decides
# levels: absolute figures have wide tolerances.
GAP = Target(
    "bicubic: scorer less plain PSNR", 22.85 - 17.56, 0.5, lambda rows: rows["bicubic"]["psnr"] - rows["bicubic"]["plain"]
)
TARGETS = (
    Target("bicubic: PSNR", 22.85, 1.0, lambda rows: rows["bicubic"]["psnr"]),
    Target("bicubic: SSIM", 0.65, 0.1, lambda rows: rows["bicubic"]["ssim"]),
    Target("EDSR less bicubic: PSNR", 22.67 - 22.85, 0.1, _difference("edsr")),
    Target("EDSR to bicubic: ratio of SSIM", 0.62 / 0.65, 0.02, _ratio("edsr")),
    Target("BM3D+EDSR less bicubic: PSNR", 22.88 - 22.85, 0.1, _difference("bm3d-edsr")),
    Target("BM3D+EDSR to bicubic: ratio of SSIM", 0.68 / 0.65, 0.02, _ratio("bm3d-edsr")),
)


@dataclass(frozen=True)
class Fit:
    """A fitted degradation.

    Attributes:
        degradation: with the fitted parameters.
        loss: sum over ``TARGETS`` of squared deviations in tolerances, without the shift.
        evaluations: number of parameter sets that were tried.
    """

    degradation: Track2LikeV2
    loss: float
    evaluations: int


def measure(degradation: Degradation, images: Mapping[str, Image], methods: Mapping[str, Method]) -> Rows:
    """Mean scores of methods on degraded images.

    Args:
        degradation: makes the LR images.
        images: HR images ``(H, W, 3)`` uint8 RGB by name, sides multiples of the scale.
        methods: by name.
    """
    from benchmarks.scoring.evaluation import evaluate

    pairs = [Pair(name, degradation.degrade(hr, SCALE, name), hr) for name, hr in images.items()]
    protocols = [get_protocol(name) for name in (PLAIN, SCORER)]
    metrics = [get_metric(name) for name in ("psnr", "ssim")]
    rows = {}
    for name, method in methods.items():
        scores = evaluate(method, pairs, protocols, metrics).scored.scores
        means = {
            protocol: {metric: float(np.mean(list(by_image.values()))) for metric, by_image in by_metric.items()}
            for protocol, by_metric in scores.items()
        }
        rows[name] = {"plain": means[PLAIN]["psnr"], **means[SCORER]}
    return rows


def loss(rows: Rows, targets: Sequence[Target] = TARGETS) -> float:
    """Sum over targets of squared deviations, in tolerances."""
    return sum(((target.measure(rows) - target.published) / target.tolerance) ** 2 for target in targets)


def fit(
    start: Track2LikeV2,
    images: Mapping[str, Image],
    methods: Mapping[str, Method],
    *,
    every: int,
    shifts: Sequence[int],
    evaluations: int,
    report: Callable[[Track2LikeV2, float], None] = lambda degradation, value: None,
) -> Fit:
    """Fit blur, noise and shift. Deterministic: all random numbers hang on names of images.

    Blur and noise are found by Nelder and Mead's simplex, from ``start``, within ``BOUNDS``. The scorer undoes a shift by whole
    pixels, so only plain PSNR depends on it: the shift is chosen last, by bicubic on all images.

    Args:
        start: first guess.
        images: HR images by name.
        methods: ``bicubic``, ``edsr`` and ``bm3d-edsr``.
        every: blur and noise are fitted on the centres of every so many images.
        shifts: values of ``shift_max`` to try.
        evaluations: most parameter sets to try, shifts aside.
        report: called after every set with the degradation and its loss.
    """
    from scipy.optimize import minimize

    chosen = {name: _centre(image) for name, image in list(images.items())[::every]}
    losses: dict[Track2LikeV2, float] = {}

    def value(numbers: Sequence[float]) -> float:
        degradation = _with(start, numbers)
        if degradation not in losses:
            losses[degradation] = loss(measure(degradation, chosen, methods))
            report(degradation, losses[degradation])
        return losses[degradation]

    first = [getattr(start, name) for name in BOUNDS]
    simplex = np.array([first, *(_moved(first, place) for place in range(len(first)))])
    options = {"maxfev": evaluations, "initial_simplex": simplex}
    minimize(value, first, method="Nelder-Mead", bounds=list(BOUNDS.values()), options=options)
    best = min(losses, key=losses.__getitem__)
    return Fit(replace(best, shift_max=_best_shift(best, images, methods, shifts)), losses[best], len(losses))


def _centre(image: Image) -> Image:
    """The central square that the scorer looks at, with room for blur; the whole image where it is smaller."""
    top, left = (max(0, side - CENTRE) // 2 // SCALE * SCALE for side in image.shape[:2])
    return image[top : top + CENTRE, left : left + CENTRE]


def _best_shift(
    degradation: Track2LikeV2, images: Mapping[str, Image], methods: Mapping[str, Method], shifts: Sequence[int]
) -> int:
    """The largest shift under which bicubic's plain PSNR is as far below the scorer's as published."""
    bicubic = {"bicubic": methods["bicubic"]}
    distances = {
        shift: abs(GAP.measure(measure(replace(degradation, shift_max=shift), images, bicubic)) - GAP.published)
        for shift in shifts
    }
    return min(distances, key=distances.__getitem__)


def names_on_bounds(degradation: Track2LikeV2) -> list[str]:
    """Parameters that lie on a bound of the search, white noise aside: better values may lie beyond."""
    values = {name: getattr(degradation, name) for name in BOUNDS}
    return [name for name, (low, high) in BOUNDS.items() if values[name] in ((high,) if low == 0 else (low, high))]


def _with(start: Track2LikeV2, numbers: Sequence[float]) -> Track2LikeV2:
    """The degradation with rounded parameters; barely correlated noise counts as white."""
    values = {name: round(float(number), DIGITS) for name, number in zip(BOUNDS, numbers, strict=True)}
    if values["noise_correlation"] < FEW:
        values["noise_correlation"] = 0.0
    return replace(start, **values)  # type: ignore[arg-type]


def _moved(numbers: Sequence[float], place: int) -> list[float]:
    """A corner of the first simplex: one parameter moved by a fifth of its range, towards the farther bound."""
    moved = list(numbers)
    low, high = list(BOUNDS.values())[place]
    step = (high - low) / 5
    moved[place] += step if high - moved[place] > moved[place] - low else -step
    return moved
