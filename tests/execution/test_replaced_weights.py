"""Evaluations are bound to the weights that they scored: where a training has other weights now, they are computed again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import check
from benchmarks.catalog.profiles import load_profile
from benchmarks.execution import compute
from benchmarks.execution.dry_run import print_dry_run
from benchmarks.execution.executors.executor import Ended
from benchmarks.execution.outcome import Outcome
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell
from benchmarks.planning.plan import make_plan
from benchmarks.results.layout import WEIGHTS
from benchmarks.results.provenance import environment
from benchmarks.results.record import Result, TrainingResult
from benchmarks.results.trained import pack_weights
from reports.studies import load_evidence, without_replaced_weights
from tests.helpers.cell_results import cell_result

PROFILE = load_profile("smoke")
SCORED = "has other weights now than those that were scored"


def result(cell: Cell, digest: str = "", needed: Mapping[str, str] | None = None) -> Result:
    """A result with the digest of its own weights and of those that it started from."""
    made = replace(cell_result(cell), environment=environment(), needed_weights=dict(needed or {}))
    return replace(made, weights_digest=digest) if isinstance(made, TrainingResult) else made


def write(workspace: Workspace, cell: Cell, *arguments: Any) -> None:
    workspace.write(cell, result(cell, *arguments))
    if cell.kind == "train":
        (workspace.folder(cell) / WEIGHTS).write_bytes(pack_weights({}))


@pytest.fixture
def edsr(tmp_path: Path) -> tuple[Workspace, Cell, Cell]:
    """A workspace, and EDSR's training and evaluation."""
    training, evaluation = make_plan(PROFILE, ["edsr"])
    return Workspace(tmp_path), training, evaluation


@pytest.mark.parametrize(
    ("now", "scored", "again"),
    [
        ("b", {"edsr": "a"}, True),
        ("a", {"edsr": "a"}, False),
        ("b", {}, False),  # an old file, without the record
        ("", {"edsr": "a"}, False),  # an old training, without a digest
    ],
)
def test_an_evaluation_of_other_weights_is_computed_again(
    edsr: tuple[Workspace, Cell, Cell], now: str, scored: dict[str, str], again: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, training, evaluation = edsr
    write(workspace, training, now)
    write(workspace, evaluation, "", scored)
    outcome = Outcome([training, evaluation], [], workspace)
    outcome.read_finished(force=False)
    assert outcome.waiting() == [evaluation] * again
    assert (f"{evaluation}: edsr {SCORED}: it is computed again\n" in capsys.readouterr().err) == again
    print_dry_run([training, evaluation], workspace, PROFILE, force=False, form="text")
    assert f"2 cells, {int(again)} to do" in capsys.readouterr().out
    measured = check._result(evaluation, workspace, {})
    assert (measured == f"edsr {SCORED}: run it again in {workspace.root}") == again
    kept, lines = without_replaced_weights(load_evidence(workspace.root))
    assert (len(kept), len(lines)) == (2 - again, int(again))
    assert not again or lines == [f"{evaluation}: edsr {SCORED}: it is left out: run it again"]


def test_a_training_that_alone_is_computed_again_says_which_scores_are_left_out(
    edsr: tuple[Workspace, Cell, Cell], capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, training, evaluation = edsr
    write(workspace, training, "a")
    write(workspace, evaluation, "", {"edsr": "a"})
    outcome = Outcome([training], [training, evaluation], workspace)
    outcome.read_finished(force=True)
    assert capsys.readouterr().err == "" and outcome.shown() == [evaluation, training]
    outcome.take(Ended(training, result(training, "b")))
    assert capsys.readouterr().err == f"{evaluation}: edsr {SCORED}: it is left out: run it again\n"
    assert outcome.shown() == [training]


def test_the_same_weights_again_change_nothing(edsr: tuple[Workspace, Cell, Cell], capsys: pytest.CaptureFixture[str]) -> None:
    workspace, training, evaluation = edsr
    write(workspace, evaluation, "", {"edsr": "a"})
    outcome = Outcome([training], [evaluation], workspace)
    outcome.read_finished(force=True)
    outcome.take(Ended(training, result(training, "a")))
    assert capsys.readouterr().err == "" and evaluation in outcome.shown()


def test_trainings_on_top_of_other_weights_are_kept_and_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = make_plan(PROFILE, ["cincgan"])
    first, inner, joint, evaluation = cells
    assert [cell.label for cell in cells] == ["edsr", "cincgan-inner", "cincgan-joint", "cincgan"]
    workspace = Workspace(tmp_path)
    for cell in (first, inner):
        write(workspace, cell, "b")
    write(workspace, joint, "j", {"edsr": "a", "cincgan-inner": "b"})
    write(workspace, evaluation, "", {"edsr": "a", "cincgan-inner": "b", "cincgan-joint": "j"})
    outcome = Outcome(cells, [], workspace)
    outcome.read_finished(force=False)
    assert outcome.waiting() == [evaluation]
    outcome.take(Ended(inner, result(inner, "b")))
    assert capsys.readouterr().err.splitlines() == [
        f"{joint}: edsr has other weights now than those it started from: --cell {joint.id} --force trains it again",
        f"{evaluation}: edsr {SCORED}: it is computed again",
    ]


def test_a_result_records_the_weights_that_it_started_from(
    edsr: tuple[Workspace, Cell, Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, training, evaluation = edsr
    write(workspace, training, "a")
    monkeypatch.setattr(compute, "_evaluate", lambda cell, *_: (cell_result(cell), {}))
    assert compute.run_cell(evaluation, workspace).needed_weights == {"edsr": "a"}
    stored = workspace.read(evaluation)
    assert stored is not None and stored.needed_weights == {"edsr": "a"}
