"""Submissions: images made elsewhere become a result; images that are not what they are submitted for are refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import load_dataset
from benchmarks.catalog.protocols import get_protocol
from benchmarks.data.pixels.decode import decode
from benchmarks.results.files import read_result, to_result
from benchmarks.results.record import EvaluationResult
from benchmarks.submit import main
from reports.studies import load_evidence, make_studies

Submit = Callable[..., tuple[int, str, str]]

CARD = """
title = "Lanczos <b>resampling</b>"
family = "interpolation"
url = "https://example.org/?a=1&b=2"
by = "the authors"
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small HR images of a user, different enough to be told apart at low resolution."""
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(8):
        coarse = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((64, 72), Image.Resampling.BICUBIC).save(folder / f"photo-{seed}.png")
    return folder


@pytest.fixture
def enlarged(photos: Path, tmp_path: Path) -> Path:
    """SR images of the photographs."""
    folder = tmp_path / "sr"
    folder.mkdir()
    for pair in load_dataset(photos):
        size = (pair.hr.shape[1], pair.hr.shape[0])
        Image.fromarray(pair.lr).resize(size, Image.Resampling.LANCZOS).save(folder / f"{pair.name}.png")
    return folder


@pytest.fixture
def submit(photos: Path, enlarged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Submit:
    def call(*arguments: str | Path) -> tuple[int, str, str]:
        line = [
            "--sr",
            enlarged,
            "--method",
            "mine",
            "--data-dir",
            photos,
            "--protocols",
            "rgb,y-shave4",
            "--metrics",
            "psnr,ssim",
        ]
        code = main([*map(str, line), "--output", str(tmp_path / "out"), "--threads", "1", *map(str, arguments)])
        return code, *capsys.readouterr()

    return call


def stored(folder: Path) -> EvaluationResult:
    (path,) = folder.glob("cells/evaluate-mine-*/result.json")
    result = read_result(path)
    assert isinstance(result, EvaluationResult)
    return result


def test_a_result_of_images_alone(
    submit: Submit, photos: Path, enlarged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "card.toml").write_text(CARD, encoding="utf-8")
    code, out, err = submit("--card", tmp_path / "card.toml")
    assert (code, err) == (0, "")
    assert "rgb: PSNR " in out and "python -m reports.build --results RUN" in out
    result = stored(tmp_path / "out")
    assert result.settings.protocols == {"rgb": 1, "y-shave4": 1}
    assert result.submission is not None and result.submission.card.family == "interpolation"
    assert " on " in result.submission.scored_by
    for pair in load_dataset(photos):
        path = enlarged / f"{pair.name}.png"
        assert result.submission.images[pair.name] == hashlib.sha256(path.read_bytes()).hexdigest()
        score = get_protocol("y-shave4").score(decode(path, "", ""), pair.hr)
        assert result.scores["y-shave4"]["psnr"][pair.name] == pytest.approx(score.psnr)
        assert result.scores["rgb"]["ssim"][pair.name] == pytest.approx(
            get_protocol("rgb").score(decode(path, "", ""), pair.hr).ssim
        )
    assert len(list(tmp_path.glob("out/cells/*/samples/*.png"))) == 6
    first = result.cell.id
    assert submit()[0] == 0
    assert stored(tmp_path / "out").cell.id == first  # the same images
    line = ["--sr", enlarged, "--method", "mine", "--data-dir", photos, "--protocols", "rgb", "--output", tmp_path / "out"]
    assert main([*map(str, line), "--metrics", "psnr"]) == 2
    assert "mine on folder is there under other protocols or metrics (rgb, y-shave4)" in capsys.readouterr().err
    (study,) = make_studies(load_evidence(tmp_path / "out"))
    assert list(study.methods) == ["mine"]


def test_a_dry_run_writes_nothing(submit: Submit, tmp_path: Path) -> None:
    code, out, _ = submit("--dry-run")
    assert code == 0
    assert "mine: 8 images of folder under rgb v1, y-shave4 v1" in out
    assert not (tmp_path / "out").exists()


def missing(folder: Path) -> None:
    (folder / "photo-3.png").unlink()


def strange(folder: Path) -> None:
    (folder / "photo-3.png").rename(folder / "photo-33.png")


def broken(folder: Path) -> None:
    (folder / "photo-3.png").write_bytes((folder / "photo-3.png").read_bytes()[:200])


def small(folder: Path) -> None:
    Image.open(folder / "photo-3.png").crop((0, 0, 60, 60)).save(folder / "photo-3.png")


def swapped(folder: Path) -> None:
    (folder / "photo-3.png").rename(folder / "x")
    (folder / "photo-4.png").rename(folder / "photo-3.png")
    (folder / "x").rename(folder / "photo-4.png")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (missing, "no image for 1 of 8 test images (photo-3)"),
        (strange, "1 image of other names (photo-33)"),
        (broken, "photo-3: the image cannot be decoded"),
        (small, "photo-3: the image has 60x60 pixels, the ground truth 64x72"),
        (swapped, "resemble another ground truth than their own (photo-3 and photo-4 exchanged)"),
    ],
)
def test_a_broken_set_is_refused_in_one_line(
    submit: Submit, enlarged: Path, tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(enlarged)
    code, out, err = submit()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not (tmp_path / "out").exists()


def test_ground_truths_are_refused(photos: Path, tmp_path: Path, submit: Submit, enlarged: Path) -> None:
    (enlarged / "photo-2.png").write_bytes((photos / "photo-2.png").read_bytes())
    code, _, err = submit()
    assert (code, err.count("\n")) == (2, 1)
    assert "1 of 8 images are their ground truths (photo-2)" in err


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ('famly = "x"', "did you mean 'family'"),
        ('url = "javascript:alert(1)"', "url"),
        ('title = "two\\nlines"', "characters that cannot be printed"),
        ("title = 3", "title"),
    ],
)
def test_cards_are_checked(submit: Submit, tmp_path: Path, card: str, said: str) -> None:
    (tmp_path / "card.toml").write_text(card, encoding="utf-8")
    code, _, err = submit("--card", tmp_path / "card.toml")
    assert (code, err.count("\n")) == (2, 1)
    assert said in err


def test_a_result_whose_digests_are_of_other_images_is_corrupt(submit: Submit, tmp_path: Path) -> None:
    submit()
    data = asdict(stored(tmp_path / "out"))
    data["submission"]["images"].pop("photo-0")
    with pytest.raises(ValueError, match="a submission of other images"):
        to_result(data)
