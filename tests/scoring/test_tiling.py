"""Tiled inference equals inference of the whole image, for every method; stated receptive fields are true."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.api.method import Descriptor
from benchmarks.catalog.methods import methods
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.planning.untrained import untrained_method
from benchmarks.scoring.receptive_field import receptive_field
from benchmarks.scoring.tiling import enlarge, margin
from tests.helpers.random_networks import image, reach, untrained

WITH_WEIGHTS = [name for name, entry in methods().items() if entry.weights]
LOCAL = [name for name in methods() if name not in WITH_WEIGHTS and untrained(name).descriptor.receptive_field is not None]
NOT_LOCAL = [pytest.param(name, marks=[pytest.mark.network] * (name in WITH_WEIGHTS)) for name in methods() if name not in LOCAL]


@pytest.mark.parametrize("name", LOCAL)
@pytest.mark.parametrize(("height", "width"), [(131, 90), (75, 203)])
def test_tiles_equal_the_whole_image(name: str, height: int, width: int) -> None:
    method, lr = untrained(name), image(height, width)
    tile = 2 * margin(method.descriptor) + 24
    assert tile < max(height, width)
    whole, tiled = enlarge(method, lr), enlarge(method, lr, tile)
    assert whole.shape == (1, 3, 4 * height, 4 * width)
    torch.testing.assert_close(tiled, whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", LOCAL)
def test_the_stated_receptive_field_is_hardly_larger_than_the_true_one(name: str) -> None:
    """tests/catalog checks that it is no smaller."""
    method = untrained(name)
    side = method.descriptor.receptive_field
    assert side is not None and side % 2 == 1
    assert reach(method, side + 20) >= side // 2 - 3, "the bound is loose: tiles would be wasted"


@pytest.mark.parametrize("name", NOT_LOCAL)
def test_without_a_receptive_field_seams_are_small(name: str) -> None:
    method = untrained(name)
    assert method.descriptor.receptive_field is None
    lr = functional.interpolate(image(10, 14), size=(72, 100), mode="bicubic").clamp(0, 1)
    difference = enlarge(method, lr) - enlarge(method, lr, 80)
    assert difference.pow(2).mean().sqrt() < 0.01


class Blocks:
    """Method that works on whole blocks of 4 LR pixels only, and sees a pixel around each block."""

    descriptor = Descriptor(scale=2, receptive_field=3, multiple=4)

    def __call__(self, lr: Tensor) -> Tensor:
        assert lr.shape[-1] % 4 == lr.shape[-2] % 4 == 0
        blurred = functional.avg_pool2d(functional.pad(lr, (1, 1, 1, 1), mode="reflect"), 3, 1)
        return functional.interpolate(blurred, scale_factor=2, mode="nearest")


@settings(max_examples=60, deadline=None)
@given(st.integers(4, 60), st.integers(4, 60), st.integers(6, 40))
def test_size_multiples_and_any_size_of_image_and_tile(height: int, width: int, tile: int) -> None:
    method, lr = Blocks(), image(height, width)
    padded = -(-max(height, width) // 4) * 4
    if tile < 8 and padded > tile:
        with pytest.raises(UsageError, match="needs 8 or more"):
            enlarge(method, lr, tile)
        return
    tiled = enlarge(method, lr, tile)
    assert tiled.shape == (1, 3, 2 * height, 2 * width)
    torch.testing.assert_close(tiled, enlarge(method, lr), atol=1e-6, rtol=0)


def test_a_tile_that_is_all_margin_is_refused() -> None:
    method = untrained("cincgan")
    side = 2 * margin(method.descriptor)
    with pytest.raises(UsageError, match=f"a tile of {side} LR pixels is too small for this method: it needs {side + 1} or more"):
        enlarge(method, image(side + 40, side + 40), side)


def test_receptive_field_of_a_chain() -> None:
    chain = nn.Sequential(nn.Conv2d(3, 3, 7), nn.Conv2d(3, 3, 3, dilation=2), nn.AvgPool2d(5, 1), nn.Conv2d(3, 3, 1))
    assert receptive_field(chain) == 1 + 2 * (3 + 2 + 2)
    assert receptive_field(chain, chain) == 1 + 2 * 14


def test_receptive_fields_of_the_published_sizes() -> None:
    fields = {name: untrained_method(name, load_profile("paper")).descriptor.receptive_field for name in ("bicubic", "fsrcnn")}
    assert fields == {"bicubic": 5, "fsrcnn": 15}
