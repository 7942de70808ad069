"""Code that is edited while a run goes on: a cell's identity is taken when it is planned, its code is imported later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.catalog.profiles import Resources, load_profile
from benchmarks.core.errors import BenchmarkError, CodeChanged, UsageError
from benchmarks.execution.compute import run_cell
from benchmarks.execution.executors import slurm_job
from benchmarks.execution.executors.executor import Ended
from benchmarks.execution.executors.serial import Serial
from benchmarks.execution.outcome import Outcome
from benchmarks.execution.worker import compute
from benchmarks.execution.workspace import Workspace
from benchmarks.planning import identity
from benchmarks.planning.cells import Cell
from benchmarks.planning.plan import make_plan
from benchmarks.results.layout import CHECKPOINT, JOB_OUTCOME
from tests.conftest import ROOT
from tests.helpers.changed_source import changed_source
from tests.helpers.stand_ins import photograph, save

METHOD = "baselines.bicubic.method"
FILE = "baselines/bicubic/method.py"
RESOURCES = Resources(0, 1, 1, 1)


def bicubic(where: Path, *changes: str) -> Cell:
    save(photograph(1, 64), where / "photos" / "test" / "a.png")
    profile = load_profile("smoke", ("threads=1", "metrics=['psnr']", "protocols=['rgb']", "shown=['rgb']", *changes))
    (cell,) = make_plan(profile, ["bicubic"], ["folder"], data_dir=where / "photos")
    return cell


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    return bicubic(tmp_path)


@pytest.fixture
def edits() -> Iterator[Callable[..., None]]:
    """A function that edits the source of a module, until the test ends."""
    with ExitStack() as stack:
        yield lambda module, source=None: stack.enter_context(changed_source(module, source))


@pytest.mark.parametrize("module", [METHOD, "benchmarks.scoring.tiling", "benchmarks.degradations.imresize"])
def test_code_that_was_edited_after_the_plan_is_not_run(
    cell: Cell, module: str, tmp_path: Path, edits: Callable[..., None]
) -> None:
    edits(module)
    with pytest.raises(BenchmarkError) as caught:
        run_cell(cell, Workspace(tmp_path))
    file = f"{module.replace('.', '/')}.py"
    text = f"{file} has been edited since the run was planned: undo it, or run again with the new code"
    assert str(caught.value) == text and not isinstance(caught.value, CodeChanged)
    assert not Workspace(tmp_path).folder(cell).exists()


@pytest.mark.parametrize("source", [None, "def broken(:\n", ""], ids=["edited", "no valid Python", "emptied"])
def test_a_result_of_code_that_was_edited_meanwhile_is_not_kept(
    cell: Cell, source: str | None, tmp_path: Path, edits: Callable[..., None]
) -> None:
    with pytest.raises(CodeChanged) as caught:
        run_cell(cell, Workspace(tmp_path), lambda *_: edits(METHOD, source))
    assert str(caught.value) == f"{FILE} has been edited while it was computed: its result is not kept: run again"
    assert not Workspace(tmp_path).folder(cell).exists()


def test_an_earlier_result_stays_and_untouched_code_gives_it_again(cell: Cell, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    first = run_cell(cell, workspace)
    files = {path: path.read_bytes() for path in workspace.folder(cell).rglob("*.*")}
    with ExitStack() as stack, pytest.raises(CodeChanged):
        run_cell(cell, workspace, lambda *_: stack.enter_context(changed_source("benchmarks.scoring.metrics")))
    assert files == {path: path.read_bytes() for path in workspace.folder(cell).rglob("*.*")}
    again = run_cell(cell, workspace)
    assert replace(again, seconds=first.seconds, finished_at=first.finished_at) == first


def test_comments_and_code_of_other_cells_may_be_edited(cell: Cell, tmp_path: Path, edits: Callable[..., None]) -> None:
    comment = (ROOT / FILE).read_text(encoding="utf-8") + "\n# a remark\n"

    def edit(*_: object) -> None:
        edits(METHOD, comment)
        edits("cincgan.joint")

    assert run_cell(cell, Workspace(tmp_path), edit).status == "complete"


def test_every_executor_notices(cell: Cell, tmp_path: Path, edits: Callable[..., None]) -> None:
    serial = Serial(Workspace(tmp_path))
    serial.start(cell)
    (ended,) = serial.poll(lambda *_: edits(METHOD))
    assert isinstance(ended.error, CodeChanged)
    with pytest.raises(UsageError, match=rf"differs from the code that planned this run \({FILE}\): install the .* edited since"):
        compute(cell, tmp_path, RESOURCES, lambda *_: None)
    slurm_job.run(cell, tmp_path, RESOURCES)
    (error,) = slurm_job.outcome(Workspace(tmp_path).folder(cell)) or []
    assert isinstance(error, UsageError) and FILE in str(error)


def test_an_edit_meanwhile_arrives_from_a_job(cell: Cell, tmp_path: Path, edits: Callable[..., None]) -> None:
    folder = Workspace(tmp_path).folder(cell)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slurm_job._Progress, "__call__", lambda *_: edits(METHOD))
        slurm_job.run(cell, tmp_path, RESOURCES)
    (error,) = slurm_job.outcome(folder) or []
    assert isinstance(error, CodeChanged) and [path.name for path in folder.iterdir()] == [JOB_OUTCOME]


def test_a_checkpoint_of_edited_code_is_removed_and_others_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training, evaluation = make_plan(load_profile("smoke"), ["fsrcnn"])
    outcome = Outcome([training, evaluation], [], Workspace(tmp_path))
    path = outcome.workspace.folder(training) / CHECKPOINT
    for error, stays in ((BenchmarkError("edited before it was computed"), True), (CodeChanged("meanwhile"), False)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"checkpoint")
        outcome.take(Ended(training, error=error))
        assert path.exists() == stays
    assert outcome.exit_code == 1 and capsys.readouterr().err.endswith(f"{training}: meanwhile\n")


def test_a_card_of_weights_that_was_edited_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = bicubic(tmp_path, "metrics=['psnr', 'lpips']")
    monkeypatch.setattr(identity, "card_digest", lambda name: "other")
    with pytest.raises(BenchmarkError, match=r"^datasets/weights/lpips-alex.toml has been edited since the run was planned"):
        run_cell(cell, Workspace(tmp_path))


def test_an_image_that_was_exchanged_is_named(cell: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path / "cache"))
    save(np.zeros((64, 64, 3), np.uint8), tmp_path / "photos" / "test" / "a.png")
    with pytest.raises(UsageError, match=r"image a.png"):
        run_cell(cell, Workspace(tmp_path))


def test_digests_of_sources_are_those_of_the_identity(cell: Cell) -> None:
    assert METHOD in cell.sources and cell.code == identity.code_here(cell).name
    assert replace(cell, sources={}).id == cell.id
