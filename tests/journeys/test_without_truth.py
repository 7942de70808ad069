"""SR images without ground truth: scored alone, shown side by side on a page, and options that make no sense for them."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import evaluate
from benchmarks.api.entries import MetricEntry
from benchmarks.api.image import Image as Pixels
from benchmarks.catalog.composites import COMPOSITES
from benchmarks.core.errors import WeightsMissing
from benchmarks.scoring import pairs
from tests.helpers.stand_ins import photograph, save


class Brightness:
    """A stand-in for any metric: the mean of the SR image."""

    def score_batch(self, sr: Sequence[Pixels], hr: Sequence[Pixels]) -> list[float]:
        return [float(image.mean()) / 255 for image in sr]


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders ``mine`` and ``theirs`` of four SR images; every metric is their brightness."""
    for number in range(4):
        for name, factor in (("mine", 1.0), ("theirs", 0.5)):
            save((photograph(number, 64) * factor).astype(np.uint8), tmp_path / name / f"p{number}.png")
    monkeypatch.setattr(pairs, "load_metric", lambda entry: Brightness())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_one_command_scores_and_shows_them(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (images / "theirs" / "p3.png").write_bytes(b"broken")
    arguments = ["--sr", "mine", "--sr", "theirs", "--metrics", "niqe", "musiq", "--report", "page", "--csv", "scores.csv"]
    assert evaluate.main(arguments) == 1, "an image failed"
    printed = capsys.readouterr()
    assert "NIQE ↓" in printed.out and "protocol no-reference v1" in printed.out and "theirs, p3" in printed.err
    rows = list(csv.DictReader((images / "scores.csv").open(encoding="utf-8")))
    assert {(row["protocol"], row["version"]) for row in rows} == {("no-reference", "1")}
    assert {row["metric"] for row in rows} == {"niqe", "musiq"} and len(rows) == 2 * (4 + 3)
    page = (images / "page" / "index.html").read_text(encoding="utf-8")
    assert "NIQE" in page and "none: no ground truth" in page and "3 of 3 photographs" in page
    assert "data-viewer" in page and "NIQE 0." in page, "scores stand beside the pictures"
    assert len(list((images / "page" / "images").glob("*/*/mine.webp"))) == 3
    of_a_run = ("leaderboard", "seeds", "profile", "the cells", "MLflow", "reports.build", "0.0 s", "xploratory")
    assert [text for text in of_a_run if text in page] == [], "nothing was run"
    assert not (images / "page" / "leaderboard.html").exists(), "nothing to rank"
    texts = [path for path in (images / "page").rglob("*") if path.suffix in (".html", ".md", ".tex", ".csv", ".json")]
    assert not [path for path in texts if "psnr" in path.read_text(encoding="utf-8").lower()], "no PSNR anywhere"
    assert "not at hand" not in page and "mine" in (images / "page" / "tables.csv").read_text(encoding="utf-8")


def test_the_default_is_niqe_and_a_dry_run_lists_the_files(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main(["--sr", "mine", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "mine: 4 images under no-reference v1: niqe" and lines[1] == f"  {Path('mine/p0.png')}"
    Image.fromarray(np.full((64, 64, 3), 7, np.uint8)).save(images / "mine" / "p0.png")
    assert evaluate.main(["--sr", "mine", "--json"]) == 0
    sheet = json.loads(capsys.readouterr().out)
    assert sheet["protocol"] == {"name": "no-reference", "version": 1} and list(sheet["methods"][0]["scores"]) == ["niqe"]
    assert sheet["notes"] == ["mine: 1 of 4 images have no contrast (at most 2 of 255 levels) (p0)"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--metrics", "niqe", "psnr", "lpips"),
            "psnr, lpips compare with a ground truth: give --hr DIR and --protocol NAME, or",
        ),
        (("--metrics", "ntire2026-perceptual"), "lpips, dists compare with a ground truth"),
        (("--protocol", "rgb"), "--hr is missing: give --sr DIR, --hr DIR and --protocol NAME"),
        (("--crop", "4"), "--crop is about ground truths: give --hr DIR, or leave it out"),
        (("--hr-suffix", "_HR"), "--hr-suffix is about ground truths"),
        (("--hr", "theirs", "--protocol", "rgb", "--report", "page"), "--report is for SR images without ground truth"),
        (("--report", "mine/page"), "--report mine/page"),
        (("--report", "mine/p0.png"), "--report mine/p0.png"),
    ],
)
def test_options_that_make_no_sense(
    arguments: tuple[str, ...], message: str, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate.main(["--sr", "mine", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_folders_of_other_images_are_refused(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (images / "theirs" / "p3.png").unlink()
    assert evaluate.main(["--sr", "mine", "--sr", "theirs"]) == 2
    assert "no counterpart in theirs for 1 of 4 images of mine (p3)" in capsys.readouterr().err


def test_a_composite_score_is_of_the_means_or_missing(
    images: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "ntire2026-perceptual"
    line = ["--sr", "theirs", "--hr", "mine", "--protocol", "rgb", "--metrics", name, "--json"]
    assert evaluate.main(line) == 0
    sheet = json.loads(capsys.readouterr().out)
    means = {metric: numbers["mean"] for metric, numbers in sheet["methods"][0]["summary"].items()}
    (composite,) = sheet["composites"]
    assert (composite["name"], composite["version"], composite["missing"]) == (name, 1, [])
    assert composite["scores"]["theirs"] == pytest.approx(COMPOSITES[name].score(means))

    def without_musiq(entry: MetricEntry) -> Brightness:
        if entry.name == "musiq":
            raise WeightsMissing("weights 'musiq': network is missing")
        return Brightness()

    monkeypatch.setattr(pairs, "load_metric", without_musiq)
    assert evaluate.main(line[:-1]) == 2
    assert f"{name} v1 of the means: missing, for lack of MUSIQ" in capsys.readouterr().out
