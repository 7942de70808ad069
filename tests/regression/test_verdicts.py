"""Verdicts of the regression gate, uncovered changes and reports."""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml

from benchmarks import check, run
from benchmarks.check import main
from benchmarks.core.errors import BenchmarkError, UsageError
from benchmarks.regression.reference import Reference, ReferenceImages
from benchmarks.regression.report import Report, to_junit, to_markdown
from benchmarks.regression.uncovered_changes import UncoveredChange, find_uncovered_changes
from benchmarks.regression.verdicts import Finding, compare_with_reference
from benchmarks.results.record import EvaluationResult
from tests.conftest import ROOT
from tests.helpers.gate_reference import BASE, CELL, ENVIRONMENT, IMAGES, KEYS, columns, entry, make_reference, result, scored


def exit_code(findings: list[Finding]) -> int:
    return Report("smoke", "file", findings).exit_code


def verdict(method: str, metric: str, change: Any, **tolerance: float) -> str:
    measured: dict[Any, Any] = {key: result() for key in KEYS.values()} | {KEYS[method]: result(**{metric: change})}
    findings = compare_with_reference(make_reference(**tolerance), measured)
    assert len(findings) == 6
    changed = [finding for finding in findings if finding.verdict != "within threshold"]
    assert all((finding.method.partition(" ")[0], finding.metric) == (KEYS[method][0], metric) for finding in changed)
    return changed[0].verdict if changed else "within threshold"


NOISE = np.random.default_rng(1).normal(0, 0.01, 24)


@pytest.mark.parametrize(
    ("method", "metric", "change", "expected"),
    [
        ("trained", "psnr", -0.06, "regression"),
        ("trained", "psnr", -0.06 + NOISE, "regression"),
        ("trained", "psnr", -0.04, "within threshold"),
        ("trained", "psnr", +0.06, "improvement"),
        ("trained", "ssim", -0.0021, "regression"),
        ("trained", "lpips", +0.006, "regression"),
        ("trained", "lpips", -0.006, "improvement"),
        ("untrained", "psnr", -0.006, "regression"),
        ("untrained", "psnr", +0.006, "moved"),
        ("untrained", "psnr", -0.004, "within threshold"),
        ("untrained", "ssim", -0.0003, "regression"),
        ("untrained", "lpips", -0.0006, "moved"),
    ],
)
def test_a_difference_counts_from_its_threshold(method: str, metric: str, change: Any, expected: str) -> None:
    assert verdict(method, metric, change) == expected


def test_a_difference_that_images_do_not_agree_on_is_unclear() -> None:
    one = np.zeros(24)
    one[3] = -5
    assert verdict("trained", "psnr", one) == "unclear"
    wide = np.random.default_rng(2).normal(0, 1, 24)
    assert verdict("trained", "psnr", wide - wide.mean() - 0.1) == "unclear"


def test_measured_tolerances_widen_the_threshold_twofold() -> None:
    assert verdict("trained", "psnr", -0.19, psnr=0.1) == "within threshold"
    assert verdict("trained", "psnr", -0.21, psnr=0.1) == "regression"
    assert verdict("untrained", "psnr", -0.006, psnr=0.001) == "regression"


def test_noise_alone_is_never_a_regression() -> None:
    """24 images that scatter by 0.1 dB around no change, many times over."""
    generator = np.random.default_rng(3)
    for _ in range(50):
        assert verdict("trained", "psnr", generator.normal(0, 0.1, 24)) in ("within threshold", "unclear")


def test_a_missing_result_is_unmeasured_and_hides_no_regression() -> None:
    worse, gone = {KEYS["trained"]: result(psnr=-1)}, {KEYS["untrained"]: "training failed"}
    reference = make_reference()
    findings = compare_with_reference(reference, {**worse, **gone})
    assert exit_code(findings) == 1
    assert [finding.reason for finding in findings[:3]] == ["training failed"] * 3
    assert exit_code(compare_with_reference(reference, {KEYS["trained"]: result(), **gone})) == 2
    assert exit_code(compare_with_reference(reference, dict.fromkeys(KEYS.values(), result()))) == 0
    others: dict[str, EvaluationResult | str] = {"gone": "gone", "there": result()}
    p = {
        name: [finding.p for finding in compare_with_reference(reference, {**worse, KEYS["untrained"]: other})[3:]]
        for name, other in others.items()
    }
    assert p["gone"] == p["there"], "p does not depend on the other methods that could be measured"


def test_a_metric_without_weights_and_other_images_are_unmeasured() -> None:
    some = {name: column for name, column in columns().items() if name != "lpips"}
    lacking = scored(some, missing={"lpips": "weights 'lpips-alex': no network"})
    fewer = scored({name: dict(list(column.items())[1:]) for name, column in columns().items()})
    findings = compare_with_reference(make_reference(), {KEYS["untrained"]: lacking, KEYS["trained"]: fewer})
    reasons = [finding.reason for finding in findings if finding.verdict == "unmeasured"]
    assert reasons == [
        "weights 'lpips-alex': no network",
        *[f"the result's images differ from the reference's, for example '{IMAGES[0]}'"] * 3,
    ]
    broken = result()
    broken.scores["rgb"]["ssim"][IMAGES[0]] = math.nan
    findings = compare_with_reference(make_reference(), dict.fromkeys(KEYS.values(), broken))
    assert [finding.reason for finding in findings if finding.reason] == ["the result has scores that are no numbers"] * 2
    findings = compare_with_reference(make_reference(), dict.fromkeys(KEYS.values(), scored({"mae": columns()["psnr"]})))
    assert {finding.reason for finding in findings} >= {"the result has no rgb psnr"} and exit_code(findings) == 2


def test_results_identical_to_the_ground_truth() -> None:
    ideal = [math.inf] * 24
    perfect = replace(entry(KEYS["trained"]), scores={"rgb": {"psnr": ("inf",) * 24}})
    infinite = replace(make_reference(), entries=(perfect,))
    mixed = [math.inf, -math.inf] * 12
    same, worse, both = (scored({"psnr": dict(zip(IMAGES, values, strict=True))}) for values in (ideal, BASE.tolist(), mixed))
    finite = replace(infinite, entries=(replace(perfect, scores={"rgb": {"psnr": tuple(BASE)}}),))
    for reference, now, expected in (
        (infinite, same, "within threshold"),
        (infinite, worse, "regression"),
        (finite, both, "unclear"),
    ):
        (finding,) = compare_with_reference(reference, {KEYS["trained"]: now})
        assert finding.verdict == expected


def test_a_handful_of_images_cannot_support_a_verdict() -> None:
    few = replace(make_reference(), data={"photos": ReferenceImages("digest", IMAGES[:5])})
    few = replace(few, entries=tuple(replace(entry, scores={"rgb": {"psnr": tuple(BASE[:5])}}) for entry in few.entries))
    with pytest.raises(UsageError, match="5 test images cannot support a verdict on 2 columns: choose a profile with 8"):
        compare_with_reference(few, {})


def with_cell(reference: Reference, cell: str = CELL) -> Reference:
    return replace(reference, entries=tuple(replace(entry, cell=cell) for entry in reference.entries))


def uncovered(reference: Reference, **changes: Any) -> list[UncoveredChange]:
    """Uncovered changes where the trained method's result is changed, and the untrained one's is not."""
    return find_uncovered_changes(reference, {KEYS["untrained"]: result(), KEYS["trained"]: result(**changes)})


def test_other_scores_under_the_same_id_are_an_uncovered_change() -> None:
    one = np.zeros(24)
    one[3] = 0.001
    (change,) = uncovered(with_cell(make_reference()), psnr=one)
    assert change == UncoveredChange("edsr on photos, seed 0", CELL, ("rgb psnr",))
    (change,) = uncovered(with_cell(make_reference()), psnr=one, lpips=-0.1)
    assert change.columns == ("rgb psnr", "rgb lpips")


def test_differences_below_the_digits_of_the_reference_are_no_uncovered_change() -> None:
    assert uncovered(with_cell(make_reference()), psnr=1e-9) == []


def test_the_same_scores_are_no_uncovered_change() -> None:
    assert uncovered(with_cell(make_reference())) == []


def test_other_scores_under_another_id_are_no_uncovered_change() -> None:
    assert uncovered(with_cell(make_reference(), "fedcba9876543210"), psnr=-1) == []
    assert uncovered(make_reference(), psnr=-1) == [], "a reference of an earlier version, without ids"


@pytest.mark.parametrize(
    "changes",
    [
        {"environment": asdict(replace(ENVIRONMENT, python="3.12"))},
        {"environment": asdict(replace(ENVIRONMENT, processor="another"))},
        {"environment": asdict(replace(ENVIRONMENT, versions={"torch": "3"}))},
        {"device": "cuda"},
    ],
)
def test_other_scores_elsewhere_are_no_uncovered_change(changes: dict[str, Any]) -> None:
    assert uncovered(with_cell(make_reference()), psnr=-1, **changes) == []
    elsewhere = {"environment": asdict(replace(ENVIRONMENT, platform="another", host="another"))}
    assert len(uncovered(with_cell(make_reference()), psnr=-1, **elsewhere)) == 1, "which moves no number"


def test_a_result_without_scores_is_no_uncovered_change() -> None:
    reference = with_cell(make_reference())
    lacking = scored({"psnr": columns()["psnr"]}, missing={"lpips": "no weights"})
    assert find_uncovered_changes(reference, {KEYS["untrained"]: "failed", KEYS["trained"]: lacking}) == []


def test_reports_say_what_an_uncovered_change_is_and_how_to_mend_it() -> None:
    change = UncoveredChange("edsr on photos, seed 0", CELL, ("rgb psnr",))
    findings = compare_with_reference(make_reference(), dict.fromkeys(KEYS.values(), result()))
    report = Report("smoke", "file", findings, [change])
    assert report.exit_code == 1
    assert report.outcome() == "cell id does not cover a change: 1 cell with other scores under the same id, 6 within threshold"
    (error,) = ElementTree.fromstring(to_junit(report)).iter("error")  # noqa: S314 (our own)
    sentence = f"cell {CELL} has other scores than the reference (rgb psnr), under the same id"
    assert (error.attrib["type"], error.attrib["message"]) == (
        "cell id does not cover a change",
        f"cell id does not cover a change: {sentence}",
    )
    text = to_markdown(report)
    assert f"- cell id does not cover a change: edsr on photos, seed 0: {sentence}" in text
    assert "would go on to show results of the old code. Move that code to a package that cell ids cover" in text
    worse = compare_with_reference(make_reference(), dict.fromkeys(KEYS.values(), result(psnr=-1)))
    assert (
        Report("smoke", "file", worse, [change])
        .outcome()
        .startswith("regression and cell id does not cover a change: 1 cell with other ")
    )


def test_reports_hold_whatever_a_message_holds() -> None:
    nasty = "a|b <c> & \x1b[31m \x00 \ud800 **d** [e](f)\nsecond"
    finding = Finding("edsr | x", "rgb", "psnr", "unmeasured", 25.0, 0.05, reason=nasty)
    report = Report("smoke", "file", [finding], notes=[nasty])
    (error,) = ElementTree.fromstring(to_junit(report)).iter("error")  # noqa: S314 (our own)
    assert "a|b <c> & " in error.attrib["message"]
    text = to_markdown(report)
    assert r"a\|b \<c\> & " in text and r"\*\*d\*\*" in text and r"\[e\](f) second" in text


COMMAND = re.compile(r"^[^#\n]*?python -m benchmarks\.(run|check)(.*)$", re.M)
PARSERS = {"run": run.make_parser, "check": check.make_parser}


@pytest.mark.parametrize("path", ["docs/regression.md", ".github/workflows/benchmark.yml", "tox.ini"])
def test_commands_that_are_written_down_exist(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8").replace("`", "\n").replace("{posargs}", "")
    commands = COMMAND.findall(text)
    assert commands
    for module, rest in commands:
        line = re.split(r" #|;| && | > ", rest)[0]
        PARSERS[module]().parse_args(shlex.split(line))


def test_the_workflow_runs_the_gate_on_pull_requests_and_the_demo_once_a_week() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "benchmark.yml").read_text(encoding="utf-8"))
    triggers = workflow[True]  # YAML 1.1 reads "on" so
    assert "pull_request" in triggers and triggers["schedule"]
    steps = {name: job["steps"] for name, job in workflow["jobs"].items()}
    assert [step["run"] for step in steps["gate"] if "benchmarks.check" in step.get("run", "")]
    assert [step["run"] for step in steps["demo"] if step.get("run") == "python -m benchmarks.run --all"]


@pytest.mark.parametrize("error", [RuntimeError("planted"), BenchmarkError("planted")])
def test_a_defect_of_the_gate_is_no_regression(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(path: Path, profile: str) -> Reference:
        raise error

    monkeypatch.setattr("benchmarks.regression.reference.read_reference", fail)
    (tmp_path / "cells").mkdir()
    assert main(["--results", str(tmp_path)]) == 2
    assert "planted" in capsys.readouterr().err
