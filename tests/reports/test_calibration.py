"""Which protocol gives what a paper reports."""

from __future__ import annotations

from typing import Any

from benchmarks.data.cards import load_dataset_card
from reports.calibration import calibration

CARD = load_dataset_card("div2k-track2")


def result(**psnr: float) -> dict[str, Any]:
    return {"summary": {name: {"psnr": {"mean": value}, "ssim": {"mean": 0.651}} for name, value in psnr.items()}}


def test_a_protocol_that_hits() -> None:
    text = calibration(CARD, "bicubic", result(rgb=17.56, ntire2018=22.88))
    assert text is not None
    assert "reports 22.85 dB / 0.65" in text
    assert "rgb 17.56 / 0.651, ntire2018 22.88 / 0.651" in text
    assert text.endswith("ntire2018 gives the paper's number.")


def test_none_that_hits() -> None:
    text = calibration(CARD, "bicubic", result(rgb=17.56, ntire2018=23.1))
    assert text is not None
    assert text.endswith("no protocol gives it, ntire2018 comes nearest.")


def test_nothing_to_compare_with() -> None:
    assert calibration(CARD, "edsr", result(rgb=20.0)) is None
    assert calibration(CARD, "bicubic", {"summary": {"rgb": {"psnr": {"mean": 22.85}}}}) is None
    assert calibration(load_dataset_card("demo-photos"), "bicubic", result(rgb=20.0)) is None
