"""``python -m benchmarks.prepare`` in real processes, with stand-ins for the archives on a loopback server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.results.files import read_result
from benchmarks.results.record import EvaluationResult
from tests.helpers.stand_ins import copy_project, serve_card, served
from tests.helpers.warm_process import run_module

DATA = "DIV2K_train_HR", "DIV2K_valid_HR", "DIV2K_train_LR_mild", "DIV2K_valid_LR_mild"
SCORES = ("--set", "metrics=['psnr', 'ssim']", "--set", "protocols=['rgb']", "--set", "shown=['rgb']")


@dataclass
class Place:
    """A copy of the project whose card of the paper's data names a loopback server, with a cache of its own."""

    project: Path
    cache: Path
    served: Path
    asked: list[str]

    def __call__(self, module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if name not in ("CINCGAN_DATA", "MLFLOW_TRACKING_URI")}
        env |= {"CINCGAN_CACHE": str(self.cache), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", **environment}
        return run_module(module, arguments, self.project, env, timeout=300)


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("div2k")
    serve_card("div2k-track2", where)
    return where


@pytest.fixture
def place(stand_ins: Path, tmp_path: Path) -> Iterator[Place]:
    from benchmarks.data.cards import load_dataset_card
    from benchmarks.data.kinds.image_folders import ImageFolders

    card = load_dataset_card("div2k-track2")
    assert isinstance(card, ImageFolders)
    with served(stand_ins / "served") as (url, asked):
        project = copy_project(tmp_path, url, card, stand_ins / "served")
        yield Place(project, tmp_path / "cache", stand_ins / "served", asked)


def error_of(done: subprocess.CompletedProcess[str]) -> str:
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.train
def test_the_papers_data_is_downloaded_verified_and_run(place: Place) -> None:
    refused = place("benchmarks.run", "--methods", "bicubic", "--profile", "smoke", "--datasets", "div2k-track2")
    assert refused.returncode == 2
    assert "data set 'div2k-track2' is not prepared" in error_of(refused)
    assert "run python -m benchmarks.prepare div2k-track2" in refused.stderr
    dry = place("benchmarks.prepare", "div2k-track2", "--dry-run")
    assert (dry.returncode, place.asked) == (0, [])
    assert [line.partition(":")[0] for line in dry.stdout.splitlines()] == list(DATA)

    done = place("benchmarks.prepare", "div2k-track2")
    assert done.returncode == 0, done.stderr
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == [f"{name}: ready" for name in DATA]
    assert sorted(place.asked) == sorted(f"/{name}.zip" for name in DATA), "the dead mirror was passed over, each file came once"
    root = place.cache / "datasets"
    assert sorted(path.name for path in root.iterdir() if not path.name.endswith(".lock")) == sorted(DATA)
    manifest = json.loads((root / DATA[2] / ".manifest.json").read_text())
    assert len(manifest["files"]) == 800
    again = place("benchmarks.prepare", "div2k-track2", "--offline")
    assert again.returncode == 0 and len(place.asked) == 4

    run = place(
        *("benchmarks.run", "--methods", "bicubic", "edsr", "cincgan", "--set", "stages.*.training.steps=4"),
        *("--profile", "smoke", "--datasets", "div2k-track2", "--offline", *SCORES),
    )
    assert run.returncode == 0, run.stderr
    assert "Calibration of cincgan on bicubic, div2k-track2" in run.stdout
    results = {path.parent.name.rsplit("-", 1)[0]: read_result(path) for path in place.project.glob("runs/cells/*/result.json")}
    assert len(results) == 6
    evaluation = results["evaluate-cincgan-div2k-track2-seed0"]
    assert isinstance(evaluation, EvaluationResult) and len(evaluation.scores["rgb"]["psnr"]) == 100
    assert results["train-cincgan-inner-div2k-track2-seed0"].data.degradation == "the data set's own LR images"
    stacks = list((place.cache / "pixels").glob("*.pixels"))
    assert len(stacks) == 6, "each archive is decoded once, Y and the clean LR images of the validation split are made once"

    line = (
        "--methods",
        "edsr",
        "--profile",
        "smoke",
        "--set",
        "stages.*.training.steps=4",
        "--datasets",
        "div2k-track2",
        *SCORES,
    )
    other = place("benchmarks.run", *line, "--dry-run")
    assert (other.returncode, "cells, 0 to do" in other.stdout) == (0, True), other.stderr


def test_damage_is_found_named_and_mended(place: Place) -> None:
    assert place("benchmarks.prepare", "div2k-track2").returncode == 0
    folder = place.cache / "datasets" / DATA[1]
    changed, gone = folder / "0801.png", folder / "0900.png"
    content = bytearray(changed.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    gone.unlink()
    done = place("benchmarks.prepare", "--verify")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"{changed}: changed", f"{gone}: missing"]
    run = place("benchmarks.run", "--methods", "bicubic", "--profile", "smoke", "--datasets", "div2k-track2", *SCORES)
    assert (run.returncode, "DIV2K_valid_HR not in" in error_of(run)) == (2, True)
    mended = place("benchmarks.prepare", "div2k-track2")
    assert mended.returncode == 0
    assert place("benchmarks.prepare", "--verify").returncode == 0
    assert place.asked.count("/DIV2K_valid_HR.zip") == 2 and len(place.asked) == 5


def test_a_changed_image_of_the_right_size_is_not_decoded(place: Place) -> None:
    assert place("benchmarks.prepare", "div2k-track2").returncode == 0
    changed = place.cache / "datasets" / DATA[3] / "0850x4m.png"
    content = bytearray(changed.read_bytes())
    content[-20] ^= 1
    changed.write_bytes(content)
    done = place("benchmarks.run", "--methods", "bicubic", "--profile", "smoke", "--datasets", "div2k-track2", *SCORES)
    assert done.returncode == 2
    assert "image 0850x4m.png has changed" in done.stderr and "Traceback" not in done.stderr


def test_archives_from_the_users_own_disk(place: Place) -> None:
    files = [str(place.served / f"{name}.zip") for name in DATA]
    done = place("benchmarks.prepare", "div2k-track2", "--offline", "--from-archive", *files)
    assert done.returncode == 0, done.stderr
    assert place.asked == [] and all(Path(file).is_file() for file in files)
    assert place("benchmarks.prepare", "div2k-track2", "--verify").returncode == 0


def test_a_wrong_archive_is_refused(place: Place, tmp_path: Path) -> None:
    wrong = tmp_path / "DIV2K_valid_HR.zip"
    shutil.copy(place.served / "DIV2K_valid_LR_mild.zip", wrong)
    done = place("benchmarks.prepare", "div2k-track2", "--offline", "--from-archive", str(wrong))
    assert done.returncode == 2
    assert f"{wrong}: its sha256 is" in done.stderr and "Traceback" not in done.stderr
    assert not (place.cache / "datasets" / "DIV2K_valid_HR").exists()
    other = tmp_path / "some.zip"
    shutil.copy(wrong, other)
    unknown = place("benchmarks.prepare", "div2k-track2", "--from-archive", str(other))
    assert (unknown.returncode, "rename it to one of DIV2K_train_HR.zip" in error_of(unknown)) == (2, True)


def test_folders_unpacked_by_hand_are_used_as_they_are(place: Place, stand_ins: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(stand_ins / "unpacked", own)
    before = {path: path.stat().st_mtime_ns for path in own.rglob("*.png")}
    done = place("benchmarks.prepare", "div2k-track2", "--offline", CINCGAN_DATA=str(own))
    assert done.returncode == 0, done.stderr
    assert before == {path: path.stat().st_mtime_ns for path in own.rglob("*.png")}
    (own / DATA[0] / "0400.png").unlink()
    lacking = place("benchmarks.prepare", "div2k-track2", CINCGAN_DATA=str(own))
    assert lacking.returncode == 2
    assert "unpacked by hand, and lacks 1 file, such as 0400.png" in lacking.stderr
    assert place.asked == [] and (own / DATA[0] / "0401.png").is_file()


def test_offline_names_missing_files(place: Place) -> None:
    done = place("benchmarks.prepare", "div2k-track2", "vgg19", "--offline")
    assert done.returncode == 2
    assert [f"archive {name} is not here" in line for name, line in zip(DATA, done.stderr.splitlines(), strict=False)] == [
        True
    ] * 4
    assert "vgg19-dcbb9e9d.pth" in done.stderr.splitlines()[4]
    run = place("benchmarks.run", "--methods", "srgan", "--profile", "smoke", "--datasets", "div2k-track2", "--offline")
    message = error_of(run)
    assert run.returncode == 2
    for path in (*(str(place.cache / "datasets" / name) for name in DATA), "alexnet.ckpt", "vgg16.ckpt"):
        assert path in message
    assert "run python -m benchmarks.prepare div2k-track2 lpips-vgg lpips-alex where there is a network" in message
    assert not (place.project / "runs" / "cells").exists()


def test_no_room_is_said_before_anything_starts(place: Place) -> None:
    card = place.project / "datasets" / "div2k-track2.toml"
    card.write_text(card.read_text().replace("bytes = ", "bytes = 99999999"), encoding="utf-8")
    done = place("benchmarks.prepare", "div2k-track2")
    assert done.returncode == 2
    assert "GB are needed and" in error_of(done)
    assert place.asked == []


def test_wrong_command_lines(place: Place) -> None:
    for arguments, message in (
        ((), "nothing to prepare: give NAME"),
        (("div2k-track9",), "unknown data set or weights 'div2k-track9': did you mean 'div2k-track"),
        (("set5", "--all"), "NAME, --all and --profile exclude each other: give one of them"),
        (("--profile", "dmeo"), "did you mean 'demo'"),
        (("folder",), "give --data-dir DIR to benchmarks.run"),
    ):
        done = place("benchmarks.prepare", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in error_of(done)
    assert not place.cache.exists()
