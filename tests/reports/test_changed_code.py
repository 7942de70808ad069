"""Results of code that has changed since are counted; other machines, missing packages and missing results raise no alarm."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.planning.plan import make_plan
from benchmarks.results import provenance
from benchmarks.results.record import DataRecord, Environment, Git, Result, TrainingResult
from reports import changed_code as module
from reports.changed_code import changed_code, is_same
from tests.helpers.cell_results import cell_result

LOST = "12345678" * 5


@pytest.fixture(name="results")
def planned() -> list[Result]:
    """Results of bicubic and EDSR, its training included, as of the present code."""
    cells = make_plan(load_profile("smoke"), ["bicubic", "edsr"])
    data = {cell.id: DataRecord("d", 4, **cell.data.describe(cell.splits)) for cell in cells}  # type: ignore[arg-type]
    here = Environment(python=platform.python_version())
    return [replace(cell_result(cell), data=data[cell.id], environment=here) for cell in cells]


def with_code(result: Result, code: str) -> Result:
    return replace(result, cell=replace(result.cell, code=code))


def changed(results: Sequence[Result], label: str, **fields: Any) -> list[Result]:
    """The results, those of a label with a digest of other code and with these fields."""
    return [
        replace(with_code(result, f"{result.cell.code.split()[0]} 0123456789abcdef"), **fields)
        if result.cell.label == label
        else result
        for result in results
    ]


def test_results_of_the_present_code_are_silent(results: list[Result]) -> None:
    assert len(results) == 3 and changed_code(results) == ""
    assert changed_code([with_code(result, f"{result.cell.code} bm3d==0.1") for result in results]) == "", "a version is no code"


def test_other_code_is_counted_with_names(results: list[Result]) -> None:
    assert changed_code(changed(results, "edsr")) == "Since then: 2 of 3 results are of code that has changed (edsr)."
    gone = [replace(result, cell=replace(result.cell, label="gone")) for result in results]
    assert "3 of 3 results are of code that has changed (gone)" in changed_code(gone)


def test_settings_of_another_day_are_named(results: list[Result]) -> None:
    (training,) = (result for result in results if isinstance(result, TrainingResult))
    stage = {**training.settings.stage, "training": {**training.settings.stage["training"], "steps": 7}, "gone": 1}
    earlier = replace(training, settings=replace(training.settings, stage=stage))
    others = [replace(result, profile="smoke") for result in results if result is not training]
    steps = training.settings.steps
    assert changed_code([earlier, *others]) == f"Since then: settings of that day: edsr (edsr training.steps 7, now {steps})."
    by_hand = [replace(result, changes=("stages.edsr.training.steps=7",)) for result in others]
    assert changed_code([earlier, *by_hand]) == changed_code([training, *others]) == ""
    assert changed_code([earlier, *(replace(result, profile="gone") for result in others)]) == "", "nothing to compare with"


def test_what_cannot_be_told_is_no_alarm(results: list[Result], monkeypatch: pytest.MonkeyPatch) -> None:
    assert changed_code(changed(results, "edsr", environment=Environment(python="2.7.18"))) == "", "other digests of one source"
    assert changed_code([with_code(result, "") for result in results]) == "", "older files have none"
    evaluation = [result for result in changed(results, "edsr") if result.cell.kind == "evaluate"]
    assert changed_code(evaluation) == "", "its sanity checks are of images that the training's result names"

    def missing(*_: object) -> None:
        raise UsageError("the Python package 'bm3d' is not installed")

    monkeypatch.setattr(module, "evaluation_code", missing)
    monkeypatch.setattr(module, "training_code", missing)
    assert changed_code(changed(results, "edsr")) == ""


def test_commits_that_are_gone_are_named_where_git_tells(results: list[Result], monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"rev-parse": "false", "rev-list": f"{'a' * 40}\n{'b' * 40}"}
    monkeypatch.setattr(provenance, "_git", lambda *arguments: answers[arguments[0]])
    monkeypatch.setattr(provenance, "git", lambda: Git("a" * 40, False))
    monkeypatch.setattr(provenance, "IS_INSTALLED", False)
    of_lost = [replace(result, git=Git(commit, False)) for result, commit in zip(results, ("a" * 40, LOST, LOST), strict=True)]
    assert changed_code(of_lost) == "Since then: 1 commit not in the repository's history (1234567812)."
    answers["rev-parse"] = "true"
    assert changed_code(of_lost) == "", "a shallow clone"
    monkeypatch.setattr(provenance, "git", lambda: Git(unknown="git is not installed"))
    assert changed_code(of_lost) == ""


def test_pages_are_compared_without_the_sentence() -> None:
    page = "# Results\n\nCommit a; torch 2.{}\n\n| cincgan | 22.0 |\n"
    sentence = " Since then: 2 of 3 results are of code that has changed (edsr)."
    assert is_same(page.format("1."), page.format(f"1.{sentence}"))
    assert not is_same(page.format("1."), page.format(f"2.{sentence}"))
    assert not is_same(page, page.replace("22.0", "23.0"))
