"""Options that would do something else than a user means: given twice, or an output that is no folder or lies among images."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.run import make_parser
from tests.helpers.doors import COMMANDS, Refused, refused  # noqa: F401 - a fixture

TWICE: list[tuple[str, tuple[str, ...], str]] = [
    ("run", ("--all", "--profile", "smoke", "--profile", "demo"), "--profile"),
    ("run", ("--all", "--profile", "smoke", "--profile", "smoke"), "--profile"),
    ("run", ("--methods", "bicubic", "--dry-run", "--methods", "edsr"), "--methods"),
    ("run", ("--all", "--output", "a", "--output=b"), "--output"),
    ("run", ("--all", "--retries", "1", "--retries", "2"), "--retries"),
    ("run", ("--all", "--executor", "serial", "--executor", "ray"), "--executor"),
    ("evaluate", ("--hr", "a", "--sr", "x", "--hr", "b", "--protocol", "rgb"), "--hr"),
    ("evaluate", ("--metrics", "psnr", "--hr", "a", "--metrics", "ssim"), "--metrics"),
    ("evaluate", ("--protocol", "rgb", "--protocol", "y-shave4"), "--protocol"),
    ("prepare", ("--profile", "demo", "--profile", "paper"), "--profile"),
    ("prepare", ("set5", "--from-archive", "a.zip", "--from-archive", "b.zip"), "--from-archive"),
    ("check", ("--reference", "a", "--reference", "b"), "--reference"),
    ("check", ("--update", "--reason", "a", "--reason", "b"), "--reason"),
    ("sync", ("--to", "sqlite:///a.db", "--to", "sqlite:///b.db"), "--to"),
    ("freeze", ("demo", "--seeds", "0", "--seeds", "1"), "--seeds"),
    ("calibrate", ("--hr", "a", "--train", "b", "--hr", "c"), "--hr"),
    ("coverage", ("--simulations", "9", "--simulations", "99"), "--simulations"),
    ("speed", ("tiling", "--size", "8x8", "--size", "9x9"), "--size"),
    ("build", ("--from-mlflow", "--from-mlflow", "sqlite:///a.db"), "--from-mlflow"),
    ("upscale", ("a.png", "--output", "b", "--method", "bicubic", "--method", "edsr"), "--method"),
    ("export", ("croissant", "--output", "a", "--output", "b"), "--output"),
    ("submit", ("--method", "a", "--method", "b"), "--method"),
    ("kernels", ("--figure", "f.png", "--seed", "0", "--seed", "1"), "--seed"),
    ("comparison", ("--image", "a", "--figure", "f.png", "--image", "b"), "--image"),
]


@pytest.mark.parametrize(("command", "arguments", "option"), TWICE, ids=lambda value: value if isinstance(value, str) else "")
def test_an_option_given_twice_is_refused(command: str, arguments: tuple[str, ...], option: str, refused: Refused) -> None:  # noqa: F811
    refused(command, *arguments, message=f"{option} is given twice: give it once")


def test_every_command_refuses_a_second_value() -> None:
    without_values = {"bench", "completion"}
    assert {command for command, *_ in TWICE} == set(COMMANDS) - without_values


def test_options_that_repeat_and_a_second_parse() -> None:
    parser = make_parser()
    for profile in ("smoke", "demo"):
        options = parser.parse_args(["--all", "--all", "--profile", profile, "--set", "tile=1", "--set", "tile=2"])
        assert (options.profile, options.changes, options.all) == (profile, ["tile=1", "tile=2"], True)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """``photos/train`` and ``photos/test``, the link ``linked`` to ``photos``, and the file ``file``."""
    for name in ("train", "test"):
        (tmp_path / "photos" / name).mkdir(parents=True)
    (tmp_path / "linked").symlink_to("photos")
    (tmp_path / "file").write_text("text")
    return tmp_path


SMOKE = ("--methods", "bicubic", "--profile", "smoke")
AMONG_IMAGES: list[tuple[str, tuple[str, ...], str]] = [
    ("run", (*SMOKE, "--data-dir", "photos", "--output", "photos/train"), "--output photos/train: lies in photos"),
    ("run", (*SMOKE, "--data-dir", "photos", "--output", "photos"), "--output photos: lies in photos"),
    ("run", (*SMOKE, "--dry-run", "--data-dir", "photos", "--output", "linked/test/HR"), "linked/test/HR: lies in photos"),
    ("run", (*SMOKE, "--data-dir", "linked", "--output", "train/../photos/new"), "lies in linked"),
    ("run", (*SMOKE, "--x-dir", "photos/train", "--z-dir", "photos/test", "--output", "photos/test/r"), "lies in photos/test"),
    ("calibrate", ("--hr", "photos", "--train", "linked/train", "--output", "photos/train/runs"), "lies in photos"),
    ("build", ("--data-dir", "photos", "--output", "photos/test"), "--output photos/test: lies in photos"),
    ("comparison", ("--data-dir", "photos", "--image", "a", "--figure", "photos/test/a.png"), "--figure photos/test/a.png: lies"),
]


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize(("command", "arguments", "message"), AMONG_IMAGES)
def test_no_output_among_images(command: str, arguments: tuple[str, ...], message: str, refused: Refused) -> None:  # noqa: F811
    line = refused(command, *arguments, message=message)
    assert "which has your images: name a place outside of it" in line


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize("more", [(), ("--dry-run",)])
@pytest.mark.parametrize(("output", "message"), [("file", "file: is a file"), ("file/a/b", "file is a file")])
def test_an_output_that_is_a_file(output: str, message: str, more: tuple[str, ...], refused: Refused) -> None:  # noqa: F811
    assert ".writable" not in refused("run", *SMOKE, *more, "--output", output, message=f"{message}: name another folder")
    refused("build", "--output", output, message=f"{message}: name another folder")
    refused("calibrate", "--hr", "photos", "--train", "photos", "--output", output, message=f"{message}: name another folder")


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize("option", ["--junit", "--summary"])
def test_a_report_of_the_gate_below_a_file(option: str, refused: Refused) -> None:  # noqa: F811
    (Path("run") / "cells").mkdir(parents=True)
    line = refused("check", "--results", "run", option, "file/a.xml", message="file/a.xml: cannot be written")
    assert ".writable" not in line
