"""Calibration: which protocol gives the number that a paper reports, for the metrics of the paper."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.results.files import SCHEMA, to_result
from benchmarks.results.record import COMPLETE, EvaluationResult
from reports.calibration import calibration
from reports.paper import Paper, Reported, load_papers

PAPER = load_papers()["cincgan"]


def evaluated(summary: dict[str, dict[str, float]], method: str = "bicubic", dataset: str = "div2k-track2") -> EvaluationResult:
    """An evaluation with means by protocol and metric."""
    result = to_result(
        {
            "schema": SCHEMA,
            "status": COMPLETE,
            "cell": {"id": "a", "kind": "evaluate", "label": method, "seed": None, "dataset": dataset, "needs": {}},
            "settings": {"protocols": dict.fromkeys(summary, 1)},
            "data": {"digest": "d", "scale": 4, "origin": {"test": PAPER.origin["test"]}},
            "seconds": 1.0,
            "finished_at": "2026-01-01T00:00:00+00:00",
            "environment": {},
            "git": {},
            "scores": {},
            "summary": {
                protocol: {metric: {"mean": mean, "low": mean, "high": mean} for metric, mean in metrics.items()}
                for protocol, metrics in summary.items()
            },
        }
    )
    assert isinstance(result, EvaluationResult)
    return result


def result(**psnr: float) -> EvaluationResult:
    return evaluated({protocol: {"psnr": value, "ssim": 0.651} for protocol, value in psnr.items()})


def test_a_protocol_that_hits() -> None:
    text = calibration(PAPER, result(rgb=17.56, ntire2018=22.88))
    assert text is not None
    assert text.startswith("Calibration of cincgan on bicubic, div2k-track2, PSNR / SSIM: table 1, column bicubic reports ")
    assert "reports 22.85 dB / 0.65;" in text
    assert "rgb 17.56 / 0.651, ntire2018 22.88 / 0.651" in text
    assert text.endswith("ntire2018 gives the paper's number.")


def test_images_that_have_the_papers_name_alone() -> None:
    own = result(rgb=17.56, ntire2018=22.88)
    text = calibration(PAPER, replace(own, data=replace(own.data, origin={})))
    assert text is not None
    assert text.endswith("ntire2018 gives the paper's number, for images that are not known to be the paper's.")


def test_none_that_hits() -> None:
    text = calibration(PAPER, result(rgb=17.56, ntire2018=23.1))
    assert text is not None
    assert text.endswith("no protocol gives it, ntire2018 comes nearest.")


@pytest.mark.parametrize(
    "evaluation",
    [
        evaluated({"rgb": {"psnr": 20.0, "ssim": 0.651}}, method="edsr"),
        evaluated({"rgb": {"psnr": 22.85}}),
        evaluated({"rgb": {"psnr": 20.0, "ssim": 0.651}}, dataset="demo-photos"),
        evaluated({"rgb": {}}),
    ],
    ids=["another method", "a metric of the paper is missing", "another data set", "no scores"],
)
def test_nothing_to_compare_with(evaluation: EvaluationResult) -> None:
    assert calibration(PAPER, evaluation) is None


def test_a_paper_without_a_calibration_method_says_nothing() -> None:
    assert calibration(replace(PAPER, calibration=""), result(rgb=22.85)) is None


def test_any_metric_can_be_the_main_one() -> None:
    """LPIPS has three digits: 0.004 away is a hit, 0.006 is none."""
    reported = (Reported("bicubic", {"lpips": 0.4, "psnr": 25.0}, "table 3"),)
    paper = Paper("other", "Others", "set5", "rgb", calibration="bicubic", reported=reported)

    def sentence(lpips: float) -> str | None:
        scores = {"rgb": {"lpips": lpips, "psnr": 20.0}, "rgb-shave4": {"lpips": 0.5, "psnr": 25.0}}
        return calibration(paper, evaluated(scores, dataset="set5"))

    text = sentence(0.404)
    assert text == (
        "Calibration of other on bicubic, set5, LPIPS / PSNR: table 3 reports 0.4 / 25 dB; "
        "here rgb 0.404 / 20.00, rgb-shave4 0.500 / 25.00: rgb gives the paper's number."
    )
    assert "no protocol gives it, rgb comes nearest" in (sentence(0.406) or "")
