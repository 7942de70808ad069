"""Results of other pictures are recognised at low resolution; what super-resolution does to a picture raises no alarm."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data as photographs

from benchmarks.api.image import Image
from benchmarks.data.resemblance import Shift, exchanged, thumbnail, unlike
from benchmarks.degradations.bicubic import Bicubic
from benchmarks.degradations.imresize import imresize
from benchmarks.degradations.rounding import to_uint8

SHIFT = 40  # pixels, the most that protocols align


def crops() -> dict[str, Image]:
    """Crops of 160x160 pixels of different photographs."""
    whole = {"cat": photographs.chelsea(), "astronaut": photographs.astronaut(), "coffee": photographs.coffee()}
    whole |= {"rocket": photographs.rocket(), "astronaut-2": photographs.astronaut()[200:, 200:]}
    return {name: np.ascontiguousarray(image[60:220, 60:220]) for name, image in whole.items()}


def noisy(image: Image, sigma: float = 50) -> Image:
    return to_uint8(image + np.random.default_rng(0).normal(scale=sigma, size=image.shape))


def bicubic(image: Image) -> Image:
    return to_uint8(imresize(Bicubic().degrade(image, 4, "a").astype(np.float64), 4))


def shifted(image: Image) -> Image:
    return np.roll(image, (6, -6), (0, 1))


def brighter(image: Image) -> Image:
    return to_uint8(image.astype(np.float64) + 20)


def less_contrast(image: Image) -> Image:
    return to_uint8(0.5 * image.astype(np.float64) + 60)


def found(
    results: Mapping[str, Image], truths: Mapping[str, Image], shifts: Mapping[str, Shift]
) -> tuple[dict[str, str], list[str]]:
    small = [{name: thumbnail(image) for name, image in images.items()} for images in (results, truths)]
    return exchanged(*small, shifts), unlike(*small, shifts)


@pytest.mark.parametrize("change", [bicubic, noisy, shifted, brighter, less_contrast, lambda image: bicubic(noisy(image))])
def test_no_alarm_for_the_same_picture(change: Callable[[Image], Image]) -> None:
    truths = crops()
    assert found({name: change(image) for name, image in truths.items()}, truths, {}) == ({}, [])


@pytest.mark.parametrize(("dy", "dx"), [(SHIFT, 0), (-SHIFT, SHIFT), (25, -SHIFT)])
def test_no_alarm_for_a_shift_that_the_protocol_undoes(dy: int, dx: int) -> None:
    truths = crops()
    results = {name: np.roll(image, (dy, dx), (0, 1)) for name, image in truths.items()}
    assert found(results, truths, dict.fromkeys(truths, (dy / 160, dx / 160))) == ({}, [])


def test_exchanged_names() -> None:
    truths = crops()
    results = {name: bicubic(image) for name, image in truths.items()}
    results["cat"], results["coffee"] = noisy(results["coffee"]), results["cat"]
    results["rocket"] = bicubic(truths["astronaut"])
    others, _ = found(results, truths, {})
    assert others == {"cat": "coffee", "coffee": "cat", "rocket": "astronaut"}


def test_an_offset_of_numbers() -> None:
    truths = crops()
    names = list(truths)
    others, _ = found({name: truths[names[place - 1]] for place, name in enumerate(names)}, truths, {})
    assert others == {name: names[place - 1] for place, name in enumerate(names)}


@pytest.mark.parametrize("seed", range(3))
def test_other_pictures(seed: int) -> None:
    truths = {"cat": crops()["cat"]}
    noise: NDArray[np.uint8] = np.random.default_rng(seed).integers(0, 256, (160, 160, 3), np.uint8)
    for result in (noise, noise // 4, crops()["rocket"], 255 - truths["cat"]):
        assert found({"cat": result}, truths, {}) == ({}, ["cat"])


def test_pictures_without_contrast_are_not_compared() -> None:
    grey = np.full((160, 160, 3), 90, np.uint8)
    assert found({"a": grey + np.uint8(2)}, {"a": grey}, {}) == ({}, [])
    assert found({"a": noisy(grey, 20)}, {"a": grey}, {}) == ({}, [])
