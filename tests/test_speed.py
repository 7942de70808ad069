"""``python -m benchmarks.speed``: it runs, checks what it times, and holds the two ways to the same numbers."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT


def speed(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "benchmarks.speed", *arguments]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
@pytest.mark.network
def test_evaluation() -> None:
    done = speed("evaluation", "--repeat", "1", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert [figure["what"].split(",")[0] for figure in figures] == ["PSNR + SSIM", "PSNR", "SSIM", "bicubic x1/4", "LPIPS-alex"]
    for figure in figures:
        assert figure["ratio"] == pytest.approx(figure["other_seconds"] / figure["seconds"])
    psnr, ssim = figures[1:3]
    assert psnr["megabytes"] < 300 and ssim["megabytes"] < 300


@pytest.mark.slow
def test_tiling() -> None:
    done = speed("tiling", "--method", "cincgan", "--profile", "smoke", "--size", "90x70", "--tile", "64", "--json")
    assert done.returncode == 0, done.stderr
    (figure,) = json.loads(done.stdout)
    assert figure["what"] == "cincgan of profile smoke, 90x70, tiles of 64"
    assert figure["seconds"] > 0 and figure["megabytes"] > 50


def test_mistakes() -> None:
    for arguments, message in (
        (("tiling", "--size", "90"), "--size 90: give width and height"),
        (("evaluation", "--repeat", "0"), "--repeat 0: give 1 or more"),
        (("evaluation", "--hr", "/nowhere"), "no such folder"),
        (("everything",), "invalid choice"),
    ):
        done = speed(*arguments)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert message in done.stderr
