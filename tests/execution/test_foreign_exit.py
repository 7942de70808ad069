"""Code of a cell that would end the process ends its cell; a signal still ends the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import Unexpected
from benchmarks.core.interruption import Interrupted, interruptible
from benchmarks.execution import compute
from benchmarks.execution.executors.serial import Serial
from benchmarks.execution.outcome import Outcome
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.plan import make_plan
from benchmarks.results.layout import ERROR


@pytest.mark.parametrize("error", [SystemExit(0), SystemExit("usage: mine"), KeyboardInterrupt(), GeneratorExit()], ids=repr)
def test_an_exit_of_a_method_fails_its_cell_only(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def exits(*_: object) -> None:
        raise error

    monkeypatch.setattr(compute, "method_class", exits)
    (cell,) = make_plan(load_profile("smoke"), ["bicubic"])
    outcome, serial = Outcome([cell], [], Workspace(tmp_path)), Serial(Workspace(tmp_path))
    with interruptible(lambda: None):
        serial.start(cell)
        for ended in serial.poll(lambda *_: None):
            outcome.take(ended)
    path = outcome.workspace.folder(cell) / ERROR
    text = f"failed unexpectedly (its code tried to end the process: {error!r}): the traceback is in {path}"
    assert (outcome.exit_code, capsys.readouterr().err) == (1, f"{cell}: {text}\n")
    assert "in exits" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("handled", [True, False])
def test_an_interruption_is_not_taken_for_an_exit(handled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop: BaseException = Interrupted(15) if handled else KeyboardInterrupt()

    def stopped(*_: object) -> None:
        raise stop

    monkeypatch.setattr(compute, "method_class", stopped)
    (cell,) = make_plan(load_profile("smoke"), ["bicubic"])
    with pytest.raises(type(stop)) as caught:
        if handled:
            with interruptible(lambda: None):
                compute.run_cell(cell, Workspace(tmp_path))
        else:
            compute.run_cell(cell, Workspace(tmp_path))
    assert not isinstance(caught.value, Unexpected)
