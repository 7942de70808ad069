"""Scores of arrays and folders through ``benchmarks.evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks import evaluate
from benchmarks.core.errors import UsageError, WeightsMissing
from benchmarks.public.scores import Scores
from benchmarks.scoring import pairs
from benchmarks.scoring.metrics import psnr

RNG = np.random.default_rng(0)
HR = [RNG.integers(0, 256, (40, 36, 3), dtype=np.uint8), RNG.integers(0, 256, (32, 48, 3), dtype=np.uint8)]
SR = [np.clip(image.astype(int) + RNG.integers(-9, 10, image.shape), 0, 255).astype(np.uint8) for image in HR]


def test_all_forms_of_arrays_agree() -> None:
    scores = evaluate(SR, HR, "rgb")
    assert isinstance(scores, Scores) and list(scores.images) == ["psnr", "ssim"]
    numbers = [psnr(sr.astype(float), hr.astype(float), data_range=255) for sr, hr in zip(SR, HR, strict=True)]
    assert scores.images["psnr"] == pytest.approx({"0": numbers[0], "1": numbers[1]})
    assert scores.mean["psnr"] == pytest.approx(np.mean(list(scores.images["psnr"].values())))
    assert evaluate(SR[0], HR[0], "rgb", "psnr").images == {"psnr": {"0": scores.images["psnr"]["0"]}}
    assert evaluate(SR[0][None], HR[0][None], "rgb", ["psnr"]).images == {"psnr": {"0": scores.images["psnr"]["0"]}}
    named = evaluate({"b": SR[1], "a": SR[0]}, {"a": HR[0], "b": HR[1]}, "rgb", "psnr, ssim")
    assert named.images["ssim"] == {"a": scores.images["ssim"]["0"], "b": scores.images["ssim"]["1"]}


def test_folders_have_the_scores_of_their_arrays(tmp_path: Path) -> None:
    for folder, images in (("sr", SR), ("hr", HR)):
        (tmp_path / folder).mkdir()
        for place, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / folder / f"{place}.png")
    assert evaluate(tmp_path / "sr", str(tmp_path / "hr"), "y-shave4").images == evaluate(SR, HR, "y-shave4").images
    Image.fromarray(HR[0]).save(tmp_path / "sr" / "0.png")
    assert "very pixels" in evaluate(tmp_path / "sr", tmp_path / "hr", "rgb").remarks[0]
    with pytest.raises(UsageError, match="same files as their ground truths"):
        evaluate(tmp_path / "hr", tmp_path / "hr", "rgb")
    with pytest.raises(UsageError, match="one is a folder and the other are arrays"):
        evaluate(tmp_path / "sr", HR, "rgb")


@pytest.mark.parametrize(
    ("sr", "hr", "message"),
    [
        (SR[0].astype(float), HR[0], r"sr, image 0: float64 \(40, 36, 3\): give uint8 RGB"),
        (SR[0][..., 0], HR[0], "sr, image 0: uint8"),
        ([SR[0].tolist()], HR[:1], "sr, image 0: list"),
        (SR[0], HR[1], "image 0: sr has shape"),
        (SR, HR[:1], "sr has 2 images and hr 1"),
        ({"a": SR[0]}, {"b": HR[0]}, "or other names"),
        ([], [], "no images"),
        (None, HR, "sr: NoneType"),
    ],
)
def test_images_that_do_not_fit(sr: Any, hr: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        evaluate(sr, hr, "rgb")


@pytest.mark.parametrize(
    ("protocol", "metrics", "message"),
    [
        ("rbg", "psnr", "did you mean 'rgb'"),
        ("rgb", "", "give names"),
        ("rgb", [1], "give names"),
        ("ntire2018", "lpips", "has PSNR and SSIM only"),
    ],
)
def test_names_that_do_not_fit(protocol: str, metrics: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        evaluate(SR, HR, protocol, metrics)


def test_missing_weights_are_told_before_anything_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(metric: object) -> None:
        raise WeightsMissing("no weights of lpips: get them")

    monkeypatch.setattr(pairs, "load_metric", missing)
    with pytest.raises(WeightsMissing, match="no weights of lpips"):
        evaluate(SR, HR, "rgb", "psnr,lpips")
