"""Reference files of the regression gate: reading, writing, broken files, wrong use."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.catalog.profiles import load_profile
from benchmarks.check import main
from benchmarks.planning.plan import make_plan
from benchmarks.regression.reference import ReferenceImages, mismatches, read_reference, write_reference
from benchmarks.results.record import EvaluationSettings
from tests.helpers.gate_reference import BASE, CELL, IMAGES, make_reference


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
        "entries[0].scores.rgb.psnr[0] is ",
    ),
    "a missing score": (spoilt(lambda data: data["entries"][1]["scores"]["rgb"]["psnr"].pop()), "has 23 scores for 24 images"),
    "an entry twice": (spoilt(lambda data: data["entries"].append(data["entries"][0])), "bicubic on photos is repeated"),
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
        (("--reason", "x"), "--reason, --variation and --keep-scores need --update"),
        (("--variation", "x"), "--reason, --variation and --keep-scores need --update"),
        (("--keep-scores",), "--reason, --variation and --keep-scores need --update"),
        (("--update", "--reason", "x", "--keep-scores"), "--keep-scores needs --variation DIR"),
        (
            ("--update", "--reason", "x", "--keep-scores", "--variation", "x", "--results", "x"),
            "--keep-scores measures no scores: leave --results out",
        ),
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
    test = ReferenceImages(cell.data_digest, IMAGES)
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
