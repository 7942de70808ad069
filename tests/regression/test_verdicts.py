"""The parts of the regression gate: reference files, verdicts, identity holes, reports, wrong use."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml

from benchmarks import check, run
from benchmarks.catalog.profiles import load_profile
from benchmarks.check import main
from benchmarks.core.errors import BenchmarkError, UsageError
from benchmarks.planning.plan import make_plan
from benchmarks.regression.identity_holes import IdentityHole, find_identity_holes
from benchmarks.regression.reference import Entry, EntryKey, ImageSet, Reference, mismatches, read_reference, write_reference
from benchmarks.regression.report import Report, to_junit, to_markdown
from benchmarks.regression.verdicts import Finding, compare_with_reference
from benchmarks.results.files import SCHEMA, to_result
from benchmarks.results.record import Environment, EvaluationResult, EvaluationSettings
from tests.conftest import ROOT

IMAGES = tuple(f"image-{index}" for index in range(24))
BASE = np.random.default_rng(0).normal(25, 3, 24)
KEYS: dict[str, EntryKey] = {"untrained": ("bicubic", "photos", None), "trained": ("edsr", "photos", 0)}
CELL = "0123456789abcdef"
ENVIRONMENT = Environment("3.11", "Linux", "processor", versions={"torch": "2"})


def entry(key: EntryKey, **tolerance: float) -> Entry:
    scores: dict[str, Any] = {"rgb": {"psnr": tuple(BASE), "ssim": tuple(BASE / 50), "lpips": tuple(BASE / 40)}}
    return Entry(*key, scores, {"rgb": tolerance})


def make_reference(**tolerance: float) -> Reference:
    return Reference(
        schema=1,
        profile="smoke",
        reason="made up",
        date="2020-01-01",
        commit=None,
        dirty=None,
        environment=ENVIRONMENT,
        protocols={"rgb": 1},
        metrics={name: {"target": ""} for name in ("psnr", "ssim", "lpips")},
        data={"photos": ImageSet("digest", IMAGES)},
        entries=tuple(entry(key, **tolerance) for key in KEYS.values()),
    )


def scored(scores: dict[str, Any], **fields: Any) -> EvaluationResult:
    """A result with these scores under the protocol rgb."""
    cell = {"id": CELL, "kind": "evaluate", "label": "a method", "dataset": "photos", "seed": None, "needs": {}}
    result = to_result(
        {
            **{"schema": SCHEMA, "status": "complete", "cell": cell, "settings": {"protocols": {"rgb": 1}}},
            **{"data": {"digest": "digest", "scale": 4}, "seconds": 1.0, "finished_at": "2020-01-02", "device": "cpu"},
            **{"environment": asdict(ENVIRONMENT), "git": {}, "scores": {"rgb": scores}, **fields},
        }
    )
    assert isinstance(result, EvaluationResult)
    return result


def columns(psnr: Any = 0.0, ssim: Any = 0.0, lpips: Any = 0.0) -> dict[str, dict[str, float]]:
    """The reference's scores, changed by so much."""
    values = {"psnr": BASE + psnr, "ssim": BASE / 50 + ssim, "lpips": BASE / 40 + lpips}
    return {name: dict(zip(IMAGES, map(float, column), strict=True)) for name, column in values.items()}


def result(psnr: Any = 0.0, ssim: Any = 0.0, lpips: Any = 0.0, **fields: Any) -> EvaluationResult:
    """A result whose scores differ from the reference's by so much."""
    return scored(columns(psnr, ssim, lpips), **fields)


def exit_code(findings: list[Finding]) -> int:
    return Report("smoke", "file", findings).exit_code


def verdict(method: str, metric: str, change: Any, **tolerance: float) -> str:
    measured: dict[Any, Any] = {key: result() for key in KEYS.values()} | {KEYS[method]: result(**{metric: change})}
    findings = compare_with_reference(make_reference(**tolerance), measured)
    assert len(findings) == 6
    changed = [finding for finding in findings if finding.verdict != "same"]
    assert all((finding.method.partition(" ")[0], finding.metric) == (KEYS[method][0], metric) for finding in changed)
    return changed[0].verdict if changed else "same"


NOISE = np.random.default_rng(1).normal(0, 0.01, 24)


@pytest.mark.parametrize(
    ("method", "metric", "change", "expected"),
    [
        ("trained", "psnr", -0.06, "regression"),
        ("trained", "psnr", -0.06 + NOISE, "regression"),
        ("trained", "psnr", -0.04, "same"),
        ("trained", "psnr", +0.06, "improvement"),
        ("trained", "ssim", -0.0021, "regression"),
        ("trained", "lpips", +0.006, "regression"),
        ("trained", "lpips", -0.006, "improvement"),
        ("untrained", "psnr", -0.006, "regression"),
        ("untrained", "psnr", +0.006, "moved"),
        ("untrained", "psnr", -0.004, "same"),
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
    assert verdict("trained", "psnr", -0.19, psnr=0.1) == "same"
    assert verdict("trained", "psnr", -0.21, psnr=0.1) == "regression"
    assert verdict("untrained", "psnr", -0.006, psnr=0.001) == "regression"


def test_noise_alone_is_never_a_regression() -> None:
    """24 images that scatter by 0.1 dB around no change, many times over."""
    generator = np.random.default_rng(3)
    for _ in range(50):
        assert verdict("trained", "psnr", generator.normal(0, 0.1, 24)) in ("same", "unclear")


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
    assert reasons == ["weights 'lpips-alex': no network", *["the result has 23 images, not the reference's 24"] * 3]
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
    for reference, now, expected in ((infinite, same, "same"), (infinite, worse, "regression"), (finite, both, "unclear")):
        (finding,) = compare_with_reference(reference, {KEYS["trained"]: now})
        assert finding.verdict == expected


def test_a_handful_of_images_cannot_support_a_verdict() -> None:
    few = replace(make_reference(), data={"photos": ImageSet("digest", IMAGES[:5])})
    few = replace(few, entries=tuple(replace(entry, scores={"rgb": {"psnr": tuple(BASE[:5])}}) for entry in few.entries))
    with pytest.raises(UsageError, match="5 test images cannot support a verdict on 2 columns: choose a profile with 8"):
        compare_with_reference(few, {})


def with_cell(reference: Reference, cell: str = CELL) -> Reference:
    return replace(reference, entries=tuple(replace(entry, cell=cell) for entry in reference.entries))


def holes(reference: Reference, **changes: Any) -> list[IdentityHole]:
    """Holes where the trained method's result is changed, and the untrained one's is not."""
    return find_identity_holes(reference, {KEYS["untrained"]: result(), KEYS["trained"]: result(**changes)})


def test_other_scores_under_the_same_id_are_an_identity_hole() -> None:
    one = np.zeros(24)
    one[3] = 0.001
    (hole,) = holes(with_cell(make_reference()), psnr=one)
    assert hole == IdentityHole("edsr on photos, seed 0", CELL, ("rgb psnr",))
    (hole,) = holes(with_cell(make_reference()), psnr=one, lpips=-0.1)
    assert hole.columns == ("rgb psnr", "rgb lpips")


def test_differences_below_the_digits_of_the_reference_are_no_hole() -> None:
    assert holes(with_cell(make_reference()), psnr=1e-9) == []


def test_the_same_scores_are_no_hole() -> None:
    assert holes(with_cell(make_reference())) == []


def test_other_scores_under_another_id_are_no_hole() -> None:
    assert holes(with_cell(make_reference(), "fedcba9876543210"), psnr=-1) == []
    assert holes(make_reference(), psnr=-1) == [], "a reference of an earlier version, without ids"


@pytest.mark.parametrize(
    "changes",
    [
        {"environment": asdict(replace(ENVIRONMENT, python="3.12"))},
        {"environment": asdict(replace(ENVIRONMENT, processor="another"))},
        {"environment": asdict(replace(ENVIRONMENT, versions={"torch": "3"}))},
        {"device": "cuda"},
    ],
)
def test_other_scores_elsewhere_are_no_hole(changes: dict[str, Any]) -> None:
    assert holes(with_cell(make_reference()), psnr=-1, **changes) == []
    elsewhere = {"environment": asdict(replace(ENVIRONMENT, platform="another", host="another"))}
    assert len(holes(with_cell(make_reference()), psnr=-1, **elsewhere)) == 1, "which moves no number"


def test_a_result_without_scores_is_no_hole() -> None:
    reference = with_cell(make_reference())
    lacking = scored({"psnr": columns()["psnr"]}, missing={"lpips": "no weights"})
    assert find_identity_holes(reference, {KEYS["untrained"]: "failed", KEYS["trained"]: lacking}) == []


def test_reports_say_what_an_identity_hole_is_and_how_to_mend_it() -> None:
    hole = IdentityHole("edsr on photos, seed 0", CELL, ("rgb psnr",))
    findings = compare_with_reference(make_reference(), dict.fromkeys(KEYS.values(), result()))
    report = Report("smoke", "file", findings, [hole])
    assert report.exit_code == 1
    assert report.outcome() == "identity hole: 1 cells with other scores under the same id, 6 as before"
    (error,) = ElementTree.fromstring(to_junit(report)).iter("error")  # noqa: S314 (our own)
    sentence = f"cell {CELL} has other scores than the reference (rgb psnr), under the same id"
    assert (error.attrib["type"], error.attrib["message"]) == ("identity hole", f"identity hole: {sentence}")
    text = to_markdown(report)
    assert f"- identity hole: edsr on photos, seed 0: {sentence}" in text
    assert "would go on to show results of the old code. Move that code to a room that cell ids cover" in text
    worse = compare_with_reference(make_reference(), dict.fromkeys(KEYS.values(), result(psnr=-1)))
    assert Report("smoke", "file", worse, [hole]).outcome().startswith("regression and identity hole: 1 cells with other ")


def test_a_reference_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "reference.json"
    written = make_reference(psnr=0.01)
    perfect = replace(written.entries[0], scores={"rgb": {"psnr": ("inf", *map(float, BASE[1:]))}}, cell=CELL)
    written = replace(written, entries=(perfect,))
    write_reference(path, written)
    assert read_reference(path, "smoke") == written
    assert next(read_reference(path, "smoke").entries[0].columns())[1][0] == math.inf
    rows = [line for line in path.read_text(encoding="utf-8").splitlines() if '"psnr": [' in line]
    assert len(rows) == 1 and rows[0].endswith("]"), "a column is a line"


def test_a_reference_of_an_earlier_version_has_no_ids(tmp_path: Path) -> None:
    path = tmp_path / "reference.json"
    path.write_text(spoilt(lambda data: [entry.pop("cell") for entry in data["entries"]]), encoding="utf-8")
    assert read_reference(path, "smoke") == make_reference()


def spoilt(change: Callable[[dict[str, Any]], object]) -> str:
    data = json.loads(json.dumps(asdict(make_reference())))
    change(data)
    return json.dumps(data)


BROKEN = {
    "empty": ("", "cannot be read"),
    "half": (spoilt(lambda data: None)[:-9], "cannot be read"),
    "binary": ("\x00\x01", "cannot be read"),
    "a list": ("[]", "not a JSON object"),
    "nested too deeply": ("[" * 100_000, "cannot be read"),
    "not a number": (spoilt(lambda data: data["entries"][0]["scores"]["rgb"]["psnr"].append(math.nan)), "NaN is no JSON"),
    "another schema": (spoilt(lambda data: data.update(schema=2)), "schema 2, this version reads 1"),
    "another profile": (spoilt(lambda data: data.update(profile="demo")), "of profile 'demo', not 'smoke'"),
    "a misspelt key": (spoilt(lambda data: data.update(protocol={})), "unknown key 'protocol': did you mean 'protocols'"),
    "no reason": (spoilt(lambda data: data.update(reason="")), "reason"),
    "no entries": (spoilt(lambda data: data.update(entries=[])), "entries"),
    "text for a score": (
        spoilt(lambda data: data["entries"][0]["scores"]["rgb"].update(psnr=["high"])),
        "Invalid enum value 'high' at `.entries[0].scores",
    ),
    "a missing score": (spoilt(lambda data: data["entries"][1]["scores"]["rgb"]["psnr"].pop()), "has 23 scores for 24 images"),
    "an entry twice": (spoilt(lambda data: data["entries"].append(data["entries"][0])), "bicubic on photos is there twice"),
    "no scores": (spoilt(lambda data: data["entries"][0].update(scores={})), "bicubic on photos has no scores"),
    "an unknown data set": (spoilt(lambda data: data["entries"][0].update(dataset="cats")), "data has no cats"),
    "an undeclared metric": (spoilt(lambda data: data["metrics"].pop("ssim")), "rgb ssim is not among"),
    "a negative tolerance": (spoilt(lambda data: data["entries"][0]["tolerance"]["rgb"].update(psnr=-1)), "tolerance"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_reference_is_one_line_and_exit_2(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, message = BROKEN[name]
    path, junit, summary = (tmp_path / file for file in ("reference.json", "gate.xml", "gate.md"))
    path.write_text(content, encoding="utf-8")
    (tmp_path / "cells").mkdir()
    files = ("--junit", str(junit), "--summary", str(summary))
    assert main(["--results", str(tmp_path), "--reference", str(path), *files]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and str(path) in said.err
    assert message in said.err
    (error,) = ElementTree.parse(junit).getroot().iter("error")  # noqa: S314 (our own)
    assert message in error.attrib["message"]
    assert "could not measure" in summary.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--results", "nowhere"), "--results nowhere: no results there"),
        (("--profile", "smok"), "unknown profile 'smok': did you mean 'smoke'"),
        (("--update",), "say why with --reason TEXT"),
        (("--update", "--reason", " "), "say why with --reason TEXT"),
        (("--reason", "x"), "--reason, --variation and --keep-scores are for --update"),
        (("--variation", "x"), "--reason, --variation and --keep-scores are for --update"),
        (("--keep-scores",), "--reason, --variation and --keep-scores are for --update"),
        (("--update", "--reason", "x", "--keep-scores"), "takes tolerances from --variation DIR and no scores"),
        (("--update", "--reason", "x", "--keep-scores", "--variation", "x", "--results", "x"), "leave --results out"),
        (("--update", "--reason", "x", "--keep-scores", "--variation", "x"), "--variation x: no finished evaluation of profile"),
        (("--update", "--reason", "x", "--junit", "x.xml"), "leave --junit and --summary out"),
        (("--junit", "."), "is a folder: name a file"),
        (("--summary", "/dev/null/x"), "cannot be written"),
        (("--reference", "nowhere.json"), "nowhere.json: no such reference: make it with --update"),
        (("--reference", "."), "cannot be read"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert message in said.err and said.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_protocols_metrics_and_data_must_be_the_same() -> None:
    (cell,) = make_plan(load_profile("smoke"), ["bicubic"])
    test = ImageSet(cell.data_digest, IMAGES)
    settings = cell.settings
    assert isinstance(settings, EvaluationSettings)
    same = replace(make_reference(), protocols=settings.protocols, metrics=settings.metrics, data={cell.dataset: test})
    assert mismatches(same, [cell]) == []
    weights = {**same.metrics["lpips"], "weights": {"lpips-alex": "other"}}
    for changed, said in (
        (replace(same, protocols={**same.protocols, "rgb": 2}), "protocol rgb: reference has version 2, this run 1"),
        (replace(same, protocols={"y": 1}), "protocol y: reference has version 1, this run does not have it"),
        (replace(same, metrics={**same.metrics, "lpips": weights}), "metric lpips: reference has other weights"),
        (replace(same, metrics={"mae": {"target": ""}}), "metric mae: this run does not have it"),
        (replace(same, data={cell.dataset: replace(test, digest="0" * 64)}), "reference has digest 000000000000, this run"),
    ):
        (line,) = mismatches(changed, [cell])
        assert said in line


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
    for uses in (step["uses"] for job in steps.values() for step in job if "uses" in step):
        assert re.fullmatch(r"actions/[\w-]+@v\d+\.\d+\.\d+", uses), f"{uses} is not pinned"


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
