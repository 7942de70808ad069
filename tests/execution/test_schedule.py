"""The order in which cells are started, and what becomes of those that fail or are lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType

import pytest

from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import BenchmarkError
from benchmarks.execution import schedule
from benchmarks.execution.executors.executor import Ended, Executor, Report
from benchmarks.planning.cells import Cell
from benchmarks.planning.plan import make_plan
from benchmarks.results.record import Result

RESULT: Result = {"status": "complete"}


class Scripted(Executor):
    """Ends the oldest running cell at each poll, as its script says: ``error``, ``lost`` or a result."""

    def __init__(self, at_once: int | None = None, script: Mapping[str, Sequence[str]] | None = None) -> None:
        self.at_once = at_once
        self.script = {label: list(ends) for label, ends in (script or {}).items()}
        self.running: list[Cell] = []
        self.started: list[str] = []
        self.most = 0

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert not self.running

    def start(self, cell: Cell) -> None:
        self.started.append(str(cell))
        self.running.append(cell)
        self.most = max(self.most, len(self.running))

    def poll(self, report: Report) -> Sequence[Ended]:
        cell = self.running.pop(0)
        report(cell, 1, 1, {})
        ends = self.script.get(str(cell), [])
        what = ends.pop(0) if ends else ""
        if what == "error":
            return [Ended(cell, error=BenchmarkError("broken"))]
        return [Ended(cell, lost="killed") if what == "lost" else Ended(cell, result=RESULT)]


class Silent:
    def __init__(self) -> None:
        self.told: list[str] = []

    def started(self, cell: Cell) -> None:
        self.told.append(f"start {cell}")

    def update(self, cell: Cell, done: int, of: int, losses: Mapping[str, float], /) -> None:
        self.told.append(f"update {cell}")

    def lost(self, cell: Cell, why: str) -> None:
        self.told.append(f"lost {cell}: {why}")

    def ended(self, ended: Ended) -> None:
        self.told.append(f"end {ended.cell}")


def cells(*methods: str) -> list[Cell]:
    return make_plan(load_profile("smoke"), methods)


def run(plan: Sequence[Cell], executor: Scripted, at_most: int | None = None, retries: int = 0) -> list[Ended]:
    with executor:
        return list(schedule.run(plan, executor, Silent(), at_most=at_most, retries=retries))


@pytest.mark.parametrize("at_once", [1, 2, None])
def test_a_cell_starts_after_all_that_it_needs_has_ended(at_once: int | None) -> None:
    plan = cells("bicubic", "edsr", "cincgan")
    executor, done = Scripted(at_once), set[str]()
    with executor:
        for ended in schedule.run(plan, executor, Silent()):
            done.add(ended.cell.id)
            for running in executor.running:
                assert {needed.id for needed in running.needs.values()} <= done
    assert done == {cell.id for cell in plan} and len(executor.started) == len(plan)
    assert executor.most == (at_once or len([cell for cell in plan if not cell.needs]))


def test_one_at_a_time_is_the_order_of_the_plan() -> None:
    plan = cells("cincgan", "edsr", "bicubic")
    executor = Scripted(1)
    run(plan, executor)
    assert executor.started == [str(cell) for cell in plan]


def test_at_most_so_many_at_a_time() -> None:
    executor = Scripted(None)
    run(cells("bicubic", "fsrcnn", "edsr", "cincgan"), executor, at_most=3)
    assert executor.most == 3


def test_what_needs_a_failed_cell_is_not_run_and_the_rest_is() -> None:
    plan = cells("bicubic", "edsr", "cincgan")
    edsr = next(cell for cell in plan if cell.label == "edsr" and cell.kind == "train")
    executor = Scripted(2, {str(edsr): ["error"]})
    found = {str(ended.cell): ended for ended in run(plan, executor)}
    assert len(found) == len(plan)
    below = {edsr.id}
    for cell in plan:
        below |= {cell.id} if below & {needed.id for needed in cell.needs.values()} else set()
    assert {ended.cell.id for ended in found.values() if ended.error} == below and len(below) > 3
    for ended in (ended for ended in found.values() if ended.error):
        assert "broken" in str(ended.error) and (ended.because is None) == (ended.cell == edsr)
        assert (str(ended.cell) in executor.started) == (ended.cell == edsr)


def test_a_lost_cell_is_started_again_so_many_times() -> None:
    plan = cells("bicubic")
    executor = Scripted(1, {str(plan[0]): ["lost", "lost"]})
    assert run(plan, executor, retries=2)[0].result == RESULT
    assert len(executor.started) == 3


def test_a_cell_that_is_lost_too_often_has_failed() -> None:
    plan = cells("edsr")
    executor = Scripted(1, {str(plan[0]): ["lost"] * 3})
    found = run(plan, executor, retries=2)
    assert str(found[0].error) == "its process was lost 3 times, at last: killed" and found[1].because
    assert found[1].because.id == plan[0].id


def test_an_error_is_not_tried_again() -> None:
    plan = cells("bicubic")
    executor = Scripted(1, {str(plan[0]): ["error"]})
    assert run(plan, executor, retries=5)[0].error and len(executor.started) == 1


def test_cells_that_are_equal_but_not_the_same_object_are_one() -> None:
    plan = cells("edsr")
    twin = replace(plan[1], needs={name: replace(needed) for name, needed in plan[1].needs.items()})
    executor = Scripted(2)
    assert [ended.cell.id for ended in run([plan[0], twin], executor)] == [cell.id for cell in plan]
