"""Wrong arguments on every command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.doors import Refused, check_line, process, refused, snapshot  # noqa: F401 - a fixture

LONG = "x" * 5000
DIGITS = "9" * 5000
SMOKE = ("--profile", "smoke", "--dry-run")
RGB = ("--sr", "images", "--hr", "images", "--protocol", "rgb")

RUN: list[tuple[tuple[str, ...], str]] = [
    ((), "nothing to run"),
    (("stray",), "unrecognized arguments"),
    (("--nonsense",), "unrecognized arguments"),
    (("--prof", "smoke"), "unrecognized arguments"),
    (("--all", "--profile"), "expected one argument"),
    (("--all", "--profile", ""), "unknown profile"),
    (("--all", "--profile", "../../x"), "unknown profile"),
    (("--all", "--profile", "smoke\x00"), "unknown profile"),
    (("--methods",), "expected at least one argument"),
    (("--methods", ""), "--methods is empty"),
    (("--methods", "bicubic/"), "unknown variant"),
    (("--methods", "/etc/passwd"), "unknown method"),
    (("--methods", "cincgan/../x"), "unknown variant"),
    (("--methods", "bicubic", "--all"), "excludes"),
    (("--all", *SMOKE, "--datasets", "../x"), "unknown data set"),
    (("--all", *SMOKE, "--datasets", ""), "--datasets is empty"),
    (("--all", *SMOKE, "--datasets", "div2k-track2/../set5"), "unknown data set"),
    (("--all", *SMOKE, "--train-on", "../x"), "unknown data set"),
    (("--all", *SMOKE, "--train-on", "set5"), "has no training images"),
    (("--all", *SMOKE, "--seeds"), "expected at least one argument"),
    (("--all", *SMOKE, "--seeds", "-1"), "whole numbers"),
    (("--all", *SMOKE, "--seeds", "1.5"), "whole numbers"),
    (("--all", *SMOKE, "--seeds", "٣"), "whole numbers"),
    (("--all", *SMOKE, "--seeds", "²"), "whole numbers"),
    (("--all", *SMOKE, "--seeds", "99999999999"), "whole numbers"),
    (("--cell", "", *SMOKE), "nothing to run"),
    (("--cell", "zz", *SMOKE), "no cell of this run has an id that begins so"),
    (("--cell", "../../x", *SMOKE), "no cell of this run has an id that begins so"),
    (("--all", *SMOKE, "--data-dir", "nowhere"), "no such folder"),
    (("--methods", "bicubic", *SMOKE, "--datasets", "folder", "--data-dir", "nowhere"), "no such folder"),
    (("--methods", "bicubic", *SMOKE, "--data-dir", ""), "is empty"),
    (("--methods", "bicubic", *SMOKE, "--data-dir", "a\x00b"), "is no path"),
    (("--methods", "bicubic", *SMOKE, "--data-dir", LONG), "is no path"),
    (("--methods", "bicubic", *SMOKE, "--data-dir", "file"), "no such folder"),
    (("--methods", "bicubic", *SMOKE, "--datasets", "folder"), "--data-dir"),
    (("--all", *SMOKE, "--output", ""), "is empty"),
    (("--all", *SMOKE, "--output", "a\x00b"), "is no path"),
    (("--all", *SMOKE, "--output", LONG), "is no path"),
    (("--all", *SMOKE, "--output", "x" * 300), "is no path"),
    (("--all", *SMOKE, "--executor", "dask"), "invalid choice"),
    (("--all", *SMOKE, "--threads", "0"), "--threads: '0': give auto, or a number from 1 to 1024"),
    (("--all", *SMOKE, "--threads", "all"), "give auto, or a number from 1 to 1024"),
    (("--all", *SMOKE, "--threads", DIGITS), "give auto, or a number from 1 to 1024"),
    (("--all", *SMOKE, "--threads", "2", "--set", "threads=2"), "are one setting: leave one of them out"),
    (("--all", *SMOKE, "--threads", "2", "--threads", "auto"), "--threads is given twice: give it once"),
    (("--all", *SMOKE, "--address", "127.0.0.1:6379"), "only with --executor ray"),
    (("--all", *SMOKE, "--executor", "slurm", "--address", ""), "give HOST:PORT"),
    (("--all", *SMOKE, "--executor", "ray", "--slurm-partition", "gpu"), "only with --executor slurm"),
    (("--all", *SMOKE, "--max-parallel", "0"), "--max-parallel 0: give 1 or more"),
    (("--all", *SMOKE, "--max-parallel", "two"), "invalid int value"),
    (("--all", *SMOKE, "--retries", "-1"), "--retries -1: give 0 or more"),
    (("--methods", "bicubic", "--profile", "smoke", "--output", "file"), "is a file: name another folder"),
    (("--methods", "bicubic", "--profile", "smoke", "--output", "/dev/null/x"), "/dev/null is a file: name another folder"),
    (("--all", *SMOKE, "--max-parallel", "0"), "1 or more"),
    (("--all", *SMOKE, "--step-times", "nowhere"), "no figures of"),
    (("--all", *SMOKE, "--step-times", "file"), "no figures of"),
    (("--all", *SMOKE, "--step-times", ""), "is empty"),
    (("--all", "--markdown"), "--markdown needs --dry-run"),
    (("--all", "--step-times", "file"), "--step-times needs --dry-run"),
]
ADDRESSES = ["", "nowhere", "ray://127.0.0.1:10001", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:٣", ":1", f"x:{DIGITS}"]
SET: list[tuple[str, str]] = [
    ("", "write key=value"),
    ("tile", "write key=value"),
    ("=", "unknown key"),
    ("x=1", "unknown key"),
    ("a." * 3000 + "=1", "unknown key"),
    ("stages.edsr.training.step=1", "did you mean 'steps'"),
    ("name=demo", "must be the file's"),
    ("name=../../x", "must be the file's"),
    ("tile=" + DIGITS, "value is not valid TOML|whole number"),
    ("tile=nan", "tile is a number (nan): a whole number is needed"),
    ("tile=1.5", "tile is a number (1.5): a whole number is needed"),
    ("tile=true", "tile is true: a whole number is needed"),
    ("tile=-1", "tile is -1: a whole number from 0"),
    ("tile=2024-01-01", "tile is a date or time (2024-01-01): a whole number is needed"),
    ("tile=" + "[" * 3000 + "]" * 3000, "value is not valid TOML"),
    ("tile=1\nthreads=2", "value is not valid TOML"),
    ("tile={", "value is not valid TOML"),
    ('machine="', "value is not valid TOML"),
    ("machine=\ud800", "no valid UTF-8"),
    ("threads=0", "threads is 0: a whole number from 1"),
    ("methods=[]", "a list of at least 1 value is needed"),
    ("methods=bicubic", "a list is needed"),
    ("methods=['x']", "unknown method"),
    ("datasets=['../x']", "unknown data set"),
    ("metrics=['../x']", "unknown metric"),
    ("protocols=['../x']", "unknown protocol"),
    ("shown=['x']", "none of them is among the protocols"),
    ("degradation=x", "unknown degradation 'x'"),
    ("degradation=[]", "give a name or a list of names"),
    ("degradation=['bicubic', '../x']", "unknown degradation '../x'"),
    ("degradations.x.seed=1", "unknown key 'x'"),
    ("*=1", "[degradations] is not a table: write"),
    ("degradation=1", "give a name or a list of names"),
    ("stages=1", "[stages] is not a table: write"),
    ("stages={}", "has no settings [stages."),
    ("degradations=1", "[degradations] is not a table: write"),
    ("stages.edsr=1", "a table is needed"),
    ("estimates.edsr.seconds=inf", "seconds is inf: a number from 0 to"),
    ("degradations.track2-like.seed=-5", "seed is -5: a whole number of at least 0 is needed"),
    ("degradations.track2-like.noise_gaussian=nan", "noise_gaussian is nan: a number from"),
    ("stages.edsr.training.learning_rate=inf", "learning_rate is inf: a number above 0 and at most"),
    ("stages.edsr.training.learning_rate=nan", "learning_rate is nan: a number"),
    ("stages.edsr.training.learning_rate=0", "learning_rate is 0: a number above 0"),
    ("stages.edsr.training.steps=" + "1" * 25, "a whole number from 0 to"),
    ("stages.cincgan-inner.losses.cycle=inf", "cycle is inf: a number from 0 to"),
]
OTHERS: list[tuple[tuple[str, ...], str]] = [
    (("export",), "--output DIR is missing"),
    (("export", "--output", "out", "--results", "images"), "no results here"),
    (("export", "--output", "file", "--results", "images"), "is a file"),
    (("export", "--output", "out", "--hub", "a/b"), "give the name of an account"),
    (("export", "--output", "out", "--url", "javascript:x"), "give an address that begins with https://"),
    (("submit",), "--sr is missing"),
    (("submit", "--sr", "images", "--method", "mine"), "one of --dataset and --data-dir is needed"),
    (("submit", "--sr", "images", "--method", "edsr", "--dataset", "demo-photos"), "the catalog's own method has this name"),
    (("submit", "--sr", "images", "--method", "../x", "--dataset", "demo-photos"), "give a name of letters"),
    (("submit", "--sr", "images", "--method", "mine", "--dataset", "demo-photo"), "did you mean 'demo-photos'"),
    (("submit", "--sr", "images", "--method", "mine", "--dataset", "demo-photos", "--protocols", "rbg"), "did you mean 'rgb'"),
    (("submit", "--sr", "images", "--method", "mine", "--dataset", "demo-photos", "--seed", "-1"), "give a whole number from 0"),
    (("submit", "--sr", "images", "--method", "mine", "--dataset", "demo-photos", "--card", "file"), "not valid TOML"),
    (("submit", "--sr", "images", "--method", "mine", "--dataset", "demo-photos", "--output", "images"), "has your images"),
    (("build", "--results", "images", "--results", "images", "--output", "out"), "the same folder is given twice"),
    (("build", "--results", "images", "--results", "x"), "--output is missing: name a folder for the report of 2"),
    (("build", "--results", "images", "--results", "x", "--output", "o", "--from-mlflow"), "give one --results DIR"),
    (("upscale",), "images are missing"),
    (("upscale", "file"), "--output DIR is missing"),
    (("upscale", "nowhere", "--output", "out"), "nowhere: no such file or folder"),
    (("upscale", "", "--output", "out"), "is empty"),
    (("upscale", "images", "--output", ""), "is empty"),
    (("upscale", "images", "--output", "images"), "a folder of the images themselves"),
    (("upscale", "images", "--output", "file"), "is no folder"),
    (("upscale", "images", "--output", "file/out"), "is no folder"),
    (("upscale", "images", "--output", "out", "--results", "runs"), "no finished cincgan with seed 0 here: run python -m"),
    (("upscale", "images", "--output", "out", "--seed", "1"), "no finished cincgan with seed 1 here: run python -m"),
    (("upscale", "images", "--output", "out", "--pretrained", "dmeo"), "did you mean 'demo'"),
    (("upscale", "images", "--output", "out", "--pretrained", "demo", "--method", "srgan"), "the weights 'demo' have no"),
    (("upscale", "images", "--output", "out", "--method", "edrs"), "did you mean 'edsr'"),
    (("upscale", "images", "--output", "out", "--method", "cincgan/no-x"), "unknown variant"),
    (("upscale", "images", "--output", "out", "--method", "bicubic", "--weights", "file"), "has no training"),
    (("upscale", "images", "--output", "out", "--weights", "nowhere"), "give weights.safetensors"),
    (("upscale", "images", "--output", "out", "--weights", "images"), "no result.json"),
    (("upscale", "images", "--output", "out", "--weights", "images", "--results", "images"), "not allowed with"),
    (("upscale", "images", "--output", "out", "--force", "--skip-existing"), "not allowed with"),
    (("upscale", "images", "--output", "out", "--tile", "-1"), "--tile -1: give 0 or more"),
    (("upscale", "images", "--output", "out", "--threads", "0"), "--threads 0: give 1 or more"),
    (("upscale", "images", "--output", "out", "--seed", DIGITS), "invalid int value"),
    (("upscale", "images", "--output", "out", "--format", "bmp"), "invalid choice"),
    (("bench",), "a command is missing: give one of run, list"),
    (("bench", "evaluat", "--x"), "did you mean 'evaluate'"),
    (("bench", ""), "unknown command ''"),
    (("bench", "--x"), "unrecognized arguments"),
    (("bench", "--x", "run"), "unrecognized arguments"),
    (("bench", "run", "--all", *SMOKE, "--datasets", "../x"), "unknown data set"),
    (("completion",), "arguments are required: shell"),
    (("completion", "fish"), "invalid choice"),
    (("prepare",), "nothing to prepare"),
    (("prepare", "x"), "unknown"),
    (("prepare", "../x"), "unknown"),
    (("prepare", ""), "NAME is empty"),
    (("prepare", "set5", "--all"), "exclude each other: give one of them"),
    (("prepare", "--profile", "x"), "unknown profile"),
    (("prepare", "set5", "--from-archive", "nowhere.zip", "--dry-run"), "No such file or directory"),
    (("prepare", "set5", "--from-archive", "images"), "cannot be read (no file)"),
    (("prepare", "set5", "--from-archive", ""), "is empty"),
    (("prepare", "set5", "--from-archive", "a\x00.zip"), "is no path"),
    (("evaluate",), "--sr is missing"),
    (("evaluate", "--sr", "images", "--hr", "images"), "--protocol is missing"),
    (("evaluate", *RGB[:-1], "x"), "unknown protocol"),
    (("evaluate", *RGB[:-1], "../x"), "unknown protocol"),
    (("evaluate", *RGB, "--metrics", ""), "--metrics is empty"),
    (("evaluate", *RGB, "--metrics", "../x"), "unknown metric"),
    (("evaluate", *RGB, "--metrics", "PSNR"), "did you mean 'psnr'?"),
    (("evaluate", *RGB[:-1], "Y"), "did you mean 'y'?"),
    (("evaluate", *RGB[:-1], "NTIRE2018"), "did you mean 'ntire2018'?"),
    (("prepare", "Set5"), "did you mean 'set5'?"),
    (("evaluate", *RGB, "--crop", "centre"), "--crop centre: give smaller, or a number"),
    (("evaluate", *RGB, "--crop", "1"), "--crop 1: give smaller, or a number"),
    (("evaluate", *RGB, "--crop", DIGITS), "give smaller, or a number"),
    (("evaluate", *RGB, "--crop", ""), "give smaller, or a number"),
    (("evaluate", *RGB), "are the same files as their ground truths"),
    (("evaluate", *RGB, "--threads", "0"), "give 1 or more"),
    (("evaluate", *RGB, "--threads", "x"), "invalid int value"),
    (("evaluate", *RGB, "--threads", DIGITS), "invalid int value"),
    (("evaluate", *RGB, "--sr", "images"), "given twice"),
    (("evaluate", *RGB, "--sr-suffix", "\udcff"), "no images whose names end"),
    (("evaluate", "--sr", "nowhere", *RGB[2:]), "no such folder"),
    (("evaluate", "--sr", "file", *RGB[2:]), "Not a directory"),
    (("evaluate", "--sr", "", *RGB[2:]), "is empty"),
    (("evaluate", "--sr", "a\x00", *RGB[2:]), "is no path"),
    (("evaluate", "--sr", LONG, *RGB[2:]), "is no path"),
    (("evaluate", *RGB, "--csv", ""), "is empty"),
    (("evaluate", *RGB, "--csv", "nowhere/x.csv"), "not a file in a folder that exists"),
    (("evaluate", *RGB, "--csv", "images/1.PNG"), "the name is that of an image, which would be lost"),
    (("run", "--methods", "/my/photos"), "unknown method '/my/photos'"),
    (("run", "--methods", "./cincgan"), "unknown method './cincgan'"),
    (("evaluate", *RGB, "--csv", "images"), "not a file in a folder that exists"),
    (("evaluate", *RGB, "--csv", "a\x00"), "is no path"),
    (("evaluate", *RGB, "--csv", LONG), "is no path"),
    (("check", "--profile", "x", "--results", "run"), "unknown profile"),
    (("check", "--results", "nowhere"), "no results there"),
    (("check", "--results", "a\x00"), "is no path"),
    (("check", "--results", "run", "--reference", "nowhere"), "no such reference"),
    (("check", "--results", "run", "--reference", "images"), "cannot be read"),
    (("check", "--results", "run", "--junit", ""), "is empty"),
    (("check", "--results", "run", "--junit", "images"), "is a folder"),
    (("check", "--results", "run", "--junit", "/dev/null/x"), "cannot be written"),
    (("check", "--results", "run", "--summary", LONG), "is no path"),
    (("check", "--results", "run", "--update"), "say why"),
    (("check", "--results", "run", "--update", "--reason", "  "), "say why"),
    (("check", "--results", "run", "--reason", "x"), "need --update"),
    (("build", "--results", "nowhere"), "no results here"),
    (("build", "--results", ""), "is empty"),
    (("build", "--results", "a\x00"), "is no path"),
    (("build", "--results", LONG), "is no path"),
    (("build", "--results", "run"), "no results here"),
    (("build", "--from-mlflow", "sqlite:///nowhere.db"), "no such database"),
    (("build", "--from-mlflow", "x://y"), "cannot be read"),
    (("build", "--from-mlflow", ""), "no such database"),
    (("comparison",), "are required"),
    (("comparison", "--image", "x", "--figure", ""), "is empty"),
    (("comparison", "--image", "x", "--figure", "y.png", "--results", "nowhere"), "no results here"),
    (("speed",), "are required"),
    (("speed", "x"), "invalid choice"),
    (("speed", "evaluation", "--repeat", "0"), "give 1 or more"),
    (("speed", "evaluation", "--repeat", "x"), "invalid int value"),
    (("speed", "evaluation", "--hr", "nowhere"), "no such folder"),
    (("speed", "tiling", "--size", "0x0"), "width and height"),
    (("speed", "tiling", "--size", "x"), "width and height"),
    (("speed", "tiling", "--size", "²x3"), "width and height"),
    (("speed", "tiling", "--size", DIGITS + "x3"), "width and height"),
    (("speed", "tiling", "--size", "999999x999999"), "width and height"),
    (("speed", "tiling", "--method", "x"), "unknown method"),
    (("speed", "loading", "--patch-size", "0"), "give 1 or more"),
    (("speed", "loading", "--patch-size", "-1"), "give 1 or more"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "run" / "cells").mkdir(parents=True)
    (tmp_path / "file").write_text("text")
    for name in "ab":
        Image.fromarray(np.full((40, 40, 3), ord(name), np.uint8)).save(tmp_path / "images" / f"{name}.png")
    return tmp_path


@pytest.mark.parametrize(("arguments", "message"), RUN, ids=lambda value: ascii(value)[:50])
def test_run(arguments: tuple[str, ...], message: str, refused: Refused) -> None:  # noqa: F811
    refused("run", *arguments, message=message)


@pytest.mark.parametrize("executor", ["ray", "slurm"])
def test_an_executor_under_torchrun(executor: str, refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("WORLD_SIZE", "2")
    refused(
        "run",
        "--all",
        *SMOKE,
        "--executor",
        executor,
        message=f"--executor {executor} cannot run under torchrun: start python -m",
    )


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda value: ascii(value)[:40])
def test_no_address(address: str, refused: Refused) -> None:  # noqa: F811
    pytest.importorskip("ray")
    run = ("run", "--methods", "bicubic", "--profile", "smoke", "--executor", "ray")
    refused(*run, "--address", address, message="give HOST:PORT of the cluster's head")


@pytest.mark.parametrize(("change", "message"), SET, ids=lambda value: ascii(value)[:50])
def test_set(change: str, message: str, refused: Refused) -> None:  # noqa: F811
    line = refused("run", "--all", *SMOKE, "--set", change)
    assert any(part in line for part in message.split("|")), line


@pytest.mark.parametrize(("arguments", "message"), OTHERS, ids=lambda value: ascii(value)[:50])
def test_other_commands(arguments: tuple[str, ...], message: str, refused: Refused) -> None:  # noqa: F811
    refused(*arguments, message=message)


PROCESSES: list[tuple[str, tuple[str | bytes, ...], str]] = [
    ("run", ("--all", "--profile", "../x"), "unknown profile"),
    ("run", ("--all", "--profile", "smoke", "--set", b"machine=\xff\xfe", "--dry-run"), "no valid UTF-8"),
    ("run", ("--all", "--profile", "smoke", "--output", "x" * 5000, "--dry-run"), "is no path"),
    ("run", ("--methods", "bicubic", "--profile", "smoke", "--output", "file"), "file: is a file: name another folder"),
    ("run", ("--methods", b"\xff\x1b[2J"), "unknown method"),
    ("prepare", ("nothing",), "unknown"),
    ("evaluate", ("--sr", b"\xff", "--hr", "images", "--protocol", "rgb"), "no such folder"),
    ("check", ("--results", "nowhere"), "no results there"),
    ("build", ("--results", "nowhere"), "no results here"),
    ("comparison", ("--image", "x", "--figure", "y.png", "--results", "nowhere"), "no results here"),
    ("speed", ("tiling", "--size", "0x0"), "width and height"),
]


@pytest.mark.parametrize(("command", "arguments", "message"), PROCESSES, ids=lambda value: ascii(value)[:40])
def test_as_a_process(command: str, arguments: tuple[str | bytes, ...], message: str, tmp_path: Path) -> None:
    before = snapshot(tmp_path)
    done = process(command, *arguments, cwd=tmp_path)
    check_line(done.stderr, message)
    assert (done.returncode, done.stdout) == (2, "")
    assert snapshot(tmp_path) == before
