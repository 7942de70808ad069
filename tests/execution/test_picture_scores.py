"""Scores of SR images without ground truth, of which a metric refuses some: the others are scored, tables name the missing."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.api.image import Image
from benchmarks.catalog.metrics import get_metric
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.execution.executors.executor import Ended
from benchmarks.execution.outcome import Outcome
from benchmarks.execution.picture_scores import score_pictures
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.plan import make_plan
from benchmarks.results.files import SCHEMA, read_result, to_result, write_result
from benchmarks.results.record import NO_REFERENCE, EvaluationResult
from reports.build import build
from reports.studies import load_evidence

SCORED = Path(__file__).parents[1] / "results" / "old_results" / f"schema-{SCHEMA}-evaluate.json"
NAMES = ("a", "b", "tiny")


class Picky:
    """A stand-in for NIQE: refuses images with a side below 64 pixels."""

    def score_batch(self, sr: Sequence[Image], hr: Sequence[Image]) -> list[float]:
        if any(min(image.shape[:2]) < 64 for image in sr):
            raise UsageError("NIQE needs larger images")
        return [float(image.mean()) for image in sr]


@pytest.fixture
def picky(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.scoring.pairs.load_metric", lambda entry: Picky())


def pictures(*sides: int) -> dict[str, Image]:
    return {name: np.full((side, side, 3), 50 + side, np.uint8) for name, side in zip(NAMES, sides, strict=False)}


@pytest.mark.usefixtures("picky")
def test_an_image_that_a_metric_refuses_does_not_stop_the_others() -> None:
    scored = score_pictures(pictures(80, 64, 20), [get_metric("niqe")])
    assert scored.scores == {NO_REFERENCE: {"niqe": {"a": 130.0, "b": 114.0}}} and not scored.missing
    assert score_pictures({}, []).scores == {}
    with pytest.raises(UsageError, match="a: NIQE needs larger images: leave the metric out, or name another with --set metrics"):
        score_pictures(pictures(20, 21), [get_metric("niqe")])


def result_of(column: dict[str, float]) -> EvaluationResult:
    """A result without ground truth, with numbers of some pictures."""
    result = read_result(SCORED)
    assert isinstance(result, EvaluationResult)
    scores = {NO_REFERENCE: {"niqe": column}}
    settings = replace(result.settings, protocols={NO_REFERENCE: 1})
    return replace(
        result, scores=scores, summary={}, shifts={}, missing={}, pictures=NAMES, groups=dict(zip(NAMES, NAMES, strict=True)),
        settings=settings, without_contrast=(), sanity=(),
    )  # fmt: skip


def test_tables_are_of_the_scored_images_and_name_the_others(tmp_path: Path) -> None:
    result = result_of({"a": 4.0, "b": 6.0})
    assert result.unscored == {"niqe": ["tiny"]}
    write_result(tmp_path / "cells" / "evaluate-a" / "result.json", result)
    build(load_evidence(tmp_path), tmp_path / "report")
    (row,) = csv.DictReader((tmp_path / "report" / "tables.csv").open(encoding="utf-8"))
    assert float(row["mean"]) == 5.0 and float(row["degrees"]) == 1.0
    assert "no niqe of 1 image (tiny), too small for it or without contrast" in row["note"]
    assert "no niqe of 1 image (tiny)" in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")


def test_scores_of_other_images_than_the_pictures_are_a_contradiction() -> None:
    content = json.loads(SCORED.read_text(encoding="utf-8"))
    content |= {"pictures": ["a"], "groups": {}, "scores": {NO_REFERENCE: {"niqe": {"b": 1.0}}}, "shifts": {}, "summary": {}}
    with pytest.raises(ValueError, match="scores of other images than the pictures"):
        to_result(content)


def test_a_run_names_unscored_images_and_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cell,) = make_plan(load_profile("smoke"), ["bicubic"])
    outcome = Outcome([cell], [], Workspace(tmp_path))
    outcome.take(Ended(cell, result_of({"a": 4.0})))
    assert "no niqe of 2 of 3 images (b, tiny): too small for it, or without contrast" in capsys.readouterr().err
    assert outcome.exit_code == 1
