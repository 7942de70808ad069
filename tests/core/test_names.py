"""Names on command lines are separated by commas, blanks or both, in every command alike; case does not hide the nearest name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks import evaluate, prepare, run, speed
from benchmarks.core.command import Parser
from benchmarks.core.errors import UsageError, nearest

OPTIONS: dict[str, tuple[Callable[[], Parser], tuple[str, ...], str, tuple[str, str]]] = {
    "run --methods": (run.make_parser, ("--methods",), "methods", ("bicubic", "edsr")),
    "run --datasets": (run.make_parser, ("--datasets",), "datasets", ("set5", "set14")),
    "run --seeds": (run.make_parser, ("--seeds",), "seeds", ("0", "1")),
    "evaluate --metrics": (evaluate.make_parser, ("--metrics",), "metrics", ("psnr", "ssim")),
    "prepare": (prepare.make_parser, (), "names", ("set5", "lpips-alex")),
    "speed --stages": (speed.make_parser, ("training", "--stages"), "stages", ("edsr", "fsrcnn")),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_commas_and_blanks_are_alike(option: str) -> None:
    make_parser, before, field, (first, second) = OPTIONS[option]

    def parsed(*names: str) -> Any:
        return getattr(make_parser().parse_args([*before, *names]), field)

    for names in (
        (first, second),
        (f"{first},{second}",),
        (f"{first}, {second}",),
        (f"{first},", second),
        (f" {first} {second} ",),
    ):
        assert parsed(*names) == [first, second]
    for nothing in ("", ",", " , "):
        with pytest.raises(UsageError, match="is empty: give names"):
            parsed(nothing)


@pytest.mark.parametrize(
    ("name", "known", "near"),
    [
        ("PSNR", "psnr ssim", "psnr"),
        ("Y", "rgb y-shave4", "y-shave4"),
        ("ntire", "ntire2018 ntire2018-norescale", "ntire2018"),
        ("cincgan", "CinCGAN edsr", "CinCGAN"),
        ("EDRS", "edsr fsrcnn", "edsr"),
        ("realsr", "realsrset realsr-v3 realsr-crops", "realsr-v3' or 'realsr-crops"),
        ("Set14", "set14-hr set14", "set14"),
        ("x", "psnr ssim", ""),
        ("", "psnr ssim", ""),
    ],
)
def test_the_nearest_name_in_any_case(name: str, known: str, near: str) -> None:
    assert nearest(name, known.split()) == (f"did you mean '{near}'? " if near else "")
