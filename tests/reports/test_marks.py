"""Texts of marked rows."""

from __future__ import annotations

import math

import pytest

from reports.marks import infinite, is_learned

INF = math.inf


@pytest.mark.parametrize(
    ("psnr", "text"),
    [
        ({"rgb": [20.0, 30.0]}, ""),
        ({"rgb": [INF, INF]}, ""),
        ({}, ""),
        ({"rgb": [20.0, INF, 30.0]}, "1 of 3 images equal to the ground truth (rgb), PSNR of the others 25.00 dB"),
        (
            {"rgb": [20.0, 30.0], "ntire2018": [INF, 30.5]},
            "1 of 2 images equal to the ground truth (ntire2018), PSNR of the others 30.50 dB",
        ),
    ],
)
def test_infinite_scores_that_hide_others(psnr: dict[str, list[float]], text: str) -> None:
    assert infinite(psnr) == text


def test_a_method_that_trains_on_each_image_is_no_floor() -> None:
    methods = ("bicubic", "nlm-bicubic", "bm3d-edsr", "edsr", "realsr", "zssr", "mine")
    assert [method for method in methods if is_learned(method)] == ["edsr", "realsr", "zssr", "mine"]
