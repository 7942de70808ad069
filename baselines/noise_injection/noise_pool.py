"""Pool of noise patches: windows of X in which little but noise varies.

RealSR's code keeps windows whose grey variance is below 20. Under strong noise no window is: here the share with the least
variance is kept. Windows near black or white are left out, for clipping takes a part of their noise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from baselines.noise_injection.settings import NoiseInjectionSettings
from benchmarks.api.image import Image
from benchmarks.core.errors import UsageError
from benchmarks.data.pixels.patches import HostImages, Place, ResidentImages, make_store
from benchmarks.training.pair_source import BatchDraws

GREY = np.array([0.299, 0.587, 0.114])  # BT.601
Sums = NDArray[np.float64]


def window_sums(values: Sums, side: int, stride: int) -> Sums:
    """Sums over all windows ``side`` x ``side`` of an array ``(h, w, C)``: ``(rows, columns, C)``, ``stride`` pixels apart."""
    integral = np.pad(values, ((1, 0), (1, 0), (0, 0))).cumsum(axis=0).cumsum(axis=1)
    sums: Sums = integral[side:, side:] - integral[:-side, side:] - integral[side:, :-side] + integral[:-side, :-side]
    return sums[::stride, ::stride]


def quiet_windows(images: Sequence[Image], side: int, settings: NoiseInjectionSettings) -> list[Place]:
    """Places of the windows of a pool, unturned; none if no window has means in the range.

    Args:
        images: domain X, ``(h, w, 3)`` uint8 each; images smaller than a window have none.
        side: of a window, in pixels.
        settings: stride, range of means, and quantile.
    """
    candidates: list[Place] = []
    variances: list[float] = []
    for index, image in enumerate(images):
        if min(image.shape[:2]) < side:
            continue
        values = image.astype(np.float64)
        grey = values @ GREY[:, None]
        means = window_sums(values, side, settings.stride) / side**2
        moments = window_sums(np.concatenate([grey, grey**2], axis=2), side, settings.stride) / side**2
        is_exposed = ((means >= settings.darkest) & (means <= settings.brightest)).all(axis=2)
        rows, columns = np.nonzero(is_exposed)
        corners = zip(settings.stride * rows, settings.stride * columns, strict=True)
        candidates += [Place(index, int(top), int(left), 0) for top, left in corners]
        variances += (moments[..., 1] - moments[..., 0] ** 2)[is_exposed].tolist()
    if not candidates:
        return []
    limit = np.quantile(variances, settings.quantile)
    return [place for place, variance in zip(candidates, variances, strict=True) if variance <= limit]


class NoisePool:
    """Source of pairs: a noise patch, a random window of the pool less its mean by channel, is added to each LR patch.

    Windows are looked for when the first pairs are made. Noise is not turned, for its correlation may have a direction.

    Args:
        images: domain X, ``(h, w, 3)`` uint8 each.
        settings: of the windows.
    """

    def __init__(self, images: Sequence[Image], settings: NoiseInjectionSettings) -> None:
        self._images, self._settings, self._side = images, settings, settings.training.patch_size
        self._places: list[Place] = []
        self._store: HostImages | ResidentImages | None = None

    def __call__(self, lr: Tensor, hr: Tensor, draws: BatchDraws) -> tuple[Tensor, Tensor]:
        """Noisy LR patches ``(N, 3, P, P)``, clipped to [0, 1], and the HR patches. Raises UsageError if the pool is empty."""
        if self._store is None:
            self._places = self._quiet_windows()
            self._store = make_store(self._images, lr.device)
        chosen = (draws.uniform(1).flatten() * len(self._places)).long().tolist()
        windows = self._store.cut([self._places[index] for index in chosen], self._side)
        noise = windows - windows.mean(dim=(2, 3), keepdim=True)
        return (lr + noise).clamp(0, 1), hr

    def _quiet_windows(self) -> list[Place]:
        places = quiet_windows(self._images, self._side, self._settings)
        if not places:
            means = f"means from {self._settings.darkest:g} to {self._settings.brightest:g}"
            mend = "--set stages.noise-injection.darkest=0 --set stages.noise-injection.brightest=255, or take smaller patches"
            raise UsageError(f"X has no window of {self._side}x{self._side} pixels with {means} in all channels: {mend}")
        return places
