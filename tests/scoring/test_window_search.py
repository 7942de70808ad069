"""The search for the window of best SSIM finds the direct loop's value and shift, also in ties, flat windows and patterns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.scoring import alignment
from benchmarks.scoring.alignment import REACH, WINDOW, Shift, best_window_ssim, ssim_at_shifts, window_moments
from benchmarks.scoring.metrics import ssim

Pixels = NDArray[np.uint8]

SIDE = WINDOW + 2 * REACH


def direct(area: Pixels, target: Pixels) -> tuple[float, Shift]:
    best, at = -np.inf, (0, 0)
    for top in range(0, 2 * REACH + 1, 2):
        for left in range(0, 2 * REACH + 1, 2):
            value = ssim(area[top : top + WINDOW, left : left + WINDOW] / 255.0, target / 255.0, data_range=1.0)
            if value > best:
                best, at = value, (top - REACH, left - REACH)
    return best, at


def noise() -> tuple[Pixels, Pixels]:
    images = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
    return images[0], images[1, :WINDOW, :WINDOW]


def photograph(name: str, noise: float) -> Callable[[], tuple[Pixels, Pixels]]:
    def make() -> tuple[Pixels, Pixels]:
        from skimage import data, filters

        photo = getattr(data, name)()[60 : 60 + SIDE, 90 : 90 + SIDE]
        blurred = filters.gaussian(photo, 1.5, channel_axis=2, preserve_range=True)
        dirt = np.random.default_rng(1).normal(0, noise, photo.shape)
        area = np.clip(np.roll(blurred, (6, -14), (0, 1)) + dirt, 0, 255).astype(np.uint8)
        return area, photo[REACH : REACH + WINDOW, REACH : REACH + WINDOW]

    return make


def flat(value: int, target: int) -> Callable[[], tuple[Pixels, Pixels]]:
    return lambda: (np.full((SIDE, SIDE, 3), value, np.uint8), np.full((WINDOW, WINDOW, 3), target, np.uint8))


def pattern(period: int, axis: int = 1) -> Callable[[], tuple[Pixels, Pixels]]:
    """Stripes: shifts by a period are tied, and a sample of every fourth position sees one phase only."""

    def make() -> tuple[Pixels, Pixels]:
        row = np.arange(SIDE) % period * (200 // max(1, period - 1)) + 20
        image = np.broadcast_to(row if axis else row[:, None], (SIDE, SIDE)).astype(np.uint8)
        area = np.stack([image] * 3, axis=-1)
        return area, area[REACH : REACH + WINDOW, REACH : REACH + WINDOW]

    return make


def mosaic() -> tuple[Pixels, Pixels]:
    """Structure and contrast at every fourth position only, which the samples of the map hit."""
    area = np.full((SIDE, SIDE, 3), 128, np.uint8)
    area[3::4, 3::4] = np.random.default_rng(2).integers(0, 256, area[3::4, 3::4].shape)
    target = area[REACH - 6 : REACH - 6 + WINDOW, REACH + 4 : REACH + 4 + WINDOW].copy()
    return area, target


def half_flat() -> tuple[Pixels, Pixels]:
    area, _ = noise()
    area[:, : SIDE // 2] = 90
    return area, area[:WINDOW, 50 : 50 + WINDOW]


def repeated() -> tuple[Pixels, Pixels]:
    """Two equal places: the first in reading order counts."""
    area, _ = noise()
    area[70:130, 72:132] = area[4:64, 10:70]
    return area, area[4:64, 10:70].copy()


CASES = {
    "noise": noise,
    "astronaut": photograph("astronaut", 0),
    "noisy astronaut": photograph("astronaut", 25),
    "coffee": photograph("coffee", 8),
    "cat": photograph("chelsea", 60),
    "flat": flat(90, 90),
    "black and white": flat(0, 255),
    "black": flat(0, 0),
    "stripes of 2": pattern(2),
    "stripes of 4": pattern(4, axis=0),
    "stripes of 7": pattern(7),
    "mosaic": mosaic,
    "half flat": half_flat,
    "repeated": repeated,
}


@pytest.mark.parametrize("case", CASES)
def test_value_and_shift_are_the_direct_loops(case: str) -> None:
    area, target = CASES[case]()
    value, shift = direct(area, target)
    assert best_window_ssim(area, target) == (value, shift)
    at_once = ssim_at_shifts(*window_moments(area, target), np.arange(1681))
    assert at_once.max() == pytest.approx(value, abs=1e-5)


def test_poor_estimates_leave_no_shift_out(monkeypatch: pytest.MonkeyPatch) -> None:
    area, target = photograph("astronaut", 25)()
    counts: list[int] = []

    def counted(*arguments: NDArray[np.int64]) -> NDArray[np.float64]:
        counts.append(len(arguments[-1]))
        return ssim_at_shifts(*arguments)

    monkeypatch.setattr(alignment, "ssim_at_shifts", counted)
    expected = best_window_ssim(area, target)
    assert sum(counts) < 100
    counts.clear()
    monkeypatch.setattr(alignment, "_sampled_ssim", lambda *_: np.linspace(1, 0, 1681))
    assert best_window_ssim(area, target) == expected
    assert counts[-1] == 1681
