"""The outcome of a run: its exit code, its messages, and the results that it reads again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import BenchmarkError, DamagedCell, NotWritten, UsageError
from benchmarks.execution.executors.executor import Ended
from benchmarks.execution.outcome import Outcome
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell
from benchmarks.planning.plan import make_plan
from benchmarks.results.layout import CHECKPOINT, ERROR, RESULT, WEIGHTS
from benchmarks.results.provenance import environment
from benchmarks.results.record import EvaluationResult
from benchmarks.results.trained import pack_weights
from tests.helpers.cell_results import cell_result, diverged_result


@pytest.fixture
def outcome(tmp_path: Path) -> Outcome:
    """Nothing is computed yet: bicubic, and EDSR with its training."""
    return Outcome(make_plan(load_profile("smoke"), ["bicubic", "edsr"]), [], Workspace(tmp_path))


def lacking(cell: Cell) -> EvaluationResult:
    result = cell_result(cell)
    assert isinstance(result, EvaluationResult)
    return replace(result, missing={"lpips": "weights 'lpips-alex': no network"})


def test_a_complete_run_ends_with_0(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    for cell in outcome.cells:
        outcome.take(Ended(cell, cell_result(cell)))
    assert (outcome.exit_code, outcome.waiting(), outcome.missing, capsys.readouterr().err) == (0, [], [], "")


@pytest.mark.parametrize(("error", "code"), [(BenchmarkError("broken"), 1), (UsageError("no images"), 2), (ValueError("bug"), 1)])
def test_a_failure_decides_the_exit_code(outcome: Outcome, error: Exception, code: int) -> None:
    outcome.take(Ended(outcome.cells[0], error=error))
    assert outcome.exit_code == code


def test_a_diverged_training_ends_with_1_and_missing_weights_with_2(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    bicubic, edsr, _ = outcome.cells
    outcome.take(Ended(edsr, diverged_result(edsr)))
    assert outcome.exit_code == 1
    assert capsys.readouterr().err == f"{edsr}: diverged: the loss is no number at step 3\n"
    outcome.take(Ended(bicubic, lacking(bicubic)))
    assert (outcome.exit_code, outcome.missing) == (2, ["weights 'lpips-alex': no network"])


def test_cells_that_need_a_failed_cell_have_its_failure(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    _, edsr, evaluation = outcome.cells
    error = BenchmarkError("broken")
    outcome.take(Ended(edsr, error=error))
    outcome.take(Ended(evaluation, error=error, failed_need=edsr))
    assert outcome.failures == {edsr.id: error, evaluation.id: error}
    assert capsys.readouterr().err == f"{edsr}: broken\n{evaluation}: not run, because {edsr} failed\n"


def test_a_bug_leaves_its_traceback_in_the_cells_folder(outcome: Outcome) -> None:
    cell = outcome.cells[0]
    outcome.take(Ended(cell, error=ValueError("bug")))
    path = outcome.workspace.folder(cell) / ERROR
    assert str(outcome.failures[cell.id]) == f"failed unexpectedly (ValueError: bug): the traceback is in {path}"
    assert "ValueError: bug" in path.read_text(encoding="utf-8")


def test_a_full_disk_ends_the_run(outcome: Outcome) -> None:
    with pytest.raises(NotWritten, match="no space"):
        outcome.take(Ended(outcome.cells[0], error=NotWritten("no space")))
    assert outcome.failures == {}


def test_finished_results_are_read_again_and_their_checkpoints_removed(
    outcome: Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    bicubic, edsr, evaluation = outcome.cells
    outcome.workspace.write(bicubic, replace(cell_result(bicubic), environment=environment()))
    checkpoint = outcome.workspace.folder(bicubic) / CHECKPOINT
    checkpoint.write_bytes(b"of a run that was killed before it removed it")
    outcome.workspace.write(edsr, diverged_result(edsr))
    outcome.read_finished(force=False)
    assert outcome.waiting() == [evaluation] and not checkpoint.exists()
    text = f"{edsr}: diverged before (the loss is no number at step 3): --force computes it again\n"
    assert (outcome.exit_code, capsys.readouterr().err) == (1, text)


def test_results_of_another_environment_are_reused_with_a_message(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    bicubic = outcome.cells[0]
    outcome.workspace.write(bicubic, replace(cell_result(bicubic), environment=replace(environment(), processor="another")))
    outcome.read_finished(force=False)
    assert bicubic.id in outcome.results
    errors = capsys.readouterr().err
    assert (
        errors.startswith("of another environment (processor ")
        and "): 1 reused result; --force computes" in errors
        and errors.count("\n") == 1
    )


def test_results_with_missing_metrics_are_computed_again(outcome: Outcome) -> None:
    bicubic = outcome.cells[0]
    outcome.workspace.write(bicubic, lacking(bicubic))
    outcome.read_finished(force=False)
    assert bicubic in outcome.waiting()


def test_force_does_not_read_the_cells_that_it_mends(outcome: Outcome) -> None:
    bicubic, edsr, evaluation = outcome.cells
    outcome.workspace.write(edsr, cell_result(edsr))
    corrupt = outcome.workspace.folder(bicubic) / RESULT
    corrupt.parent.mkdir(parents=True)
    corrupt.write_text("{")
    with pytest.raises(DamagedCell, match="corrupt result file"):
        outcome.read_finished(force=False)
    forced = Outcome([bicubic], [evaluation], outcome.workspace)
    forced.read_finished(force=True)
    assert forced.waiting() == [bicubic] and forced.shown() == [bicubic]


def spoil(workspace: Workspace, cell: Cell) -> Path:
    """A half-written result beside weights that are cut off."""
    folder = workspace.folder(cell)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RESULT).write_text("{")
    (folder / WEIGHTS).write_bytes(pack_weights({"sr": {"a": torch.zeros(9)}})[:-4])
    return folder


def test_what_a_run_does_not_need_may_be_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bicubic, edsr, evaluation = make_plan(load_profile("smoke"), ["bicubic", "edsr"])
    workspace = Workspace(tmp_path)
    folder = spoil(workspace, edsr)
    outcome = Outcome([bicubic], [bicubic, edsr, evaluation], workspace)
    outcome.read_finished(force=False)
    error = capsys.readouterr().err
    assert error.startswith(f"{folder / RESULT}: corrupt result file (") and error.count("\n") == 1
    assert f"--cell {edsr.id}" in error and outcome.waiting() == [bicubic] and (folder / RESULT).read_text() == "{"


def test_each_damaged_cell_can_be_computed_again_whatever_else_is_damaged(tmp_path: Path) -> None:
    cells = make_plan(load_profile("smoke"), ["bicubic", "edsr"])
    bicubic, edsr, evaluation = cells
    for cell in cells:
        spoil(Workspace(tmp_path), cell)
    for forced in (bicubic, edsr):
        outcome = Outcome([forced], cells, Workspace(tmp_path))
        outcome.read_finished(force=True)
        assert outcome.waiting() == [forced]
    for own in ([evaluation], [edsr, evaluation]):
        with pytest.raises(DamagedCell) as caught:
            Outcome(own, cells, Workspace(tmp_path)).read_finished(force=len(own) == 1)
        assert caught.value.cell == edsr.id, "what the evaluation starts from comes first"


def test_weights_that_are_cut_off_do_not_count_as_finished(tmp_path: Path) -> None:
    edsr, evaluation = make_plan(load_profile("smoke"), ["edsr"])
    workspace = Workspace(tmp_path)
    spoil(workspace, edsr)
    workspace.write(edsr, cell_result(edsr))
    for own in ([edsr, evaluation], [evaluation]):
        with pytest.raises(DamagedCell, match=r"weights.safetensors: corrupt weights .*recompute the cell with --force"):
            workspace.all_finished(own, (), print, force=False)
    workspace.write(evaluation, cell_result(evaluation))
    assert set(workspace.all_finished([evaluation], (), print, force=False)) == {evaluation.id}, "it needs no weights any more"


def test_tables_show_finished_cells_that_were_not_asked_for(tmp_path: Path) -> None:
    bicubic, edsr, evaluation = make_plan(load_profile("smoke"), ["bicubic", "edsr"])
    outcome = Outcome([bicubic], [bicubic, edsr, evaluation], Workspace(tmp_path))
    outcome.workspace.write(evaluation, cell_result(evaluation))
    outcome.read_finished(force=False)
    assert outcome.shown() == [evaluation, bicubic] and outcome.waiting() == [bicubic]


def test_a_run_that_was_cut_off_leaves_its_workspace_stale(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert not workspace.is_stale
    workspace.mark_stale()
    assert Workspace(tmp_path).is_stale
    workspace.mark_synced()
    assert not workspace.is_stale
