"""Windows without contrast: what counts as flat, and where it is said."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.api.image import Pair
from benchmarks.scoring.contrast import FLAT, local_contrast, without_contrast


def checkerboard(side: int, amplitude: float) -> np.ndarray:
    """Grey pixels that differ from the mean by ``amplitude`` each way: their luma has a standard deviation of 219/255 of it."""
    pattern = np.indices((side, side)).sum(axis=0) % 2 * 2 - 1
    return np.repeat((128 + amplitude * pattern)[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("amplitude", [1, 4, 20, 60])
def test_the_contrast_of_a_checkerboard(amplitude: int) -> None:
    assert local_contrast(checkerboard(60, amplitude)) == pytest.approx(amplitude * 219 / 255, abs=1e-3)


def test_a_gradient_and_an_edge_are_no_detail() -> None:
    ramp = np.repeat(np.linspace(0, 60, 60)[None, :, None], 60, axis=0).repeat(3, axis=2).astype(np.uint8)
    edge = np.where(np.arange(60)[None, :, None] < 30, 0, 255).repeat(60, axis=0).repeat(3, axis=2).astype(np.uint8)
    assert local_contrast(ramp) < FLAT and local_contrast(edge) < FLAT


def test_the_central_window_decides() -> None:
    flat, busy = np.full((192, 192, 3), 90, np.uint8), checkerboard(192, 30)
    busy_around, busy_within = busy.copy(), flat.copy()
    busy_around[66:126, 66:126] = 90
    busy_within[66:126, 66:126] = checkerboard(60, 30)
    images = {"flat": flat, "busy": busy, "busy around": busy_around, "busy within": busy_within, "small": flat[:20, :30]}
    assert without_contrast(Pair(name, hr[::4, ::4], hr) for name, hr in images.items()) == ["flat", "busy around", "small"]
