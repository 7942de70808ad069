"""The order in which cells are started, and the fate of cells that fail or are lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType

import pytest

from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import BenchmarkError
from benchmarks.execution import schedule
from benchmarks.execution.executors.executor import Ended, Executor, ProgressCallback
from benchmarks.planning.cells import Cell
from benchmarks.planning.plan import make_plan
from tests.helpers.cell_results import cell_result


class Scripted(Executor):
    """Ends the oldest running cell at each poll, as its script says: by an error, a loss, or a result."""

    def __init__(self, capacity: int | None = None, script: Mapping[str, Sequence[str]] | None = None) -> None:
        self.capacity = capacity
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

    def poll(self, report: ProgressCallback) -> Sequence[Ended]:
        cell = self.running.pop(0)
        report(cell, 1, 1, {})
        ends = self.script.get(str(cell), [])
        end = ends.pop(0) if ends else ""
        if end == "error":
            return [Ended(cell, error=BenchmarkError("broken"))]
        return [Ended(cell, lost_reason="killed") if end == "lost" else Ended(cell, result=cell_result(cell))]


class Recording:
    """A view that keeps what it is told."""

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


def run(plan: Sequence[Cell], executor: Scripted, max_parallel: int | None = None, retries: int = 0) -> list[Ended]:
    with executor:
        return list(schedule.run(plan, executor, Recording(), max_parallel=max_parallel, retries=retries))


@pytest.mark.parametrize("capacity", [1, 2, None])
def test_a_cell_starts_after_all_cells_that_it_needs(capacity: int | None) -> None:
    plan = cells("bicubic", "edsr", "cincgan")
    executor, done = Scripted(capacity), set[str]()
    with executor:
        for ended in schedule.run(plan, executor, Recording()):
            done.add(ended.cell.id)
            for running in executor.running:
                assert {needed.id for needed in running.needs.values()} <= done
    assert done == {cell.id for cell in plan} and len(executor.started) == len(plan)
    assert executor.most == (capacity or len([cell for cell in plan if not cell.needs]))


def test_one_at_a_time_is_the_order_of_the_plan() -> None:
    plan = cells("cincgan", "edsr", "bicubic")
    executor = Scripted(1)
    run(plan, executor)
    assert executor.started == [str(cell) for cell in plan]


def test_max_parallel_limits_the_cells_at_a_time() -> None:
    executor = Scripted(None)
    run(cells("bicubic", "fsrcnn", "edsr", "cincgan"), executor, max_parallel=3)
    assert executor.most == 3


def test_cells_that_need_a_failed_cell_are_not_run_and_the_others_are() -> None:
    plan = cells("bicubic", "edsr", "cincgan")
    edsr = next(cell for cell in plan if cell.label == "edsr" and cell.kind == "train")
    executor = Scripted(2, {str(edsr): ["error"]})
    ends = {str(ended.cell): ended for ended in run(plan, executor)}
    assert len(ends) == len(plan)
    below = {edsr.id}
    for cell in plan:
        below |= {cell.id} if below & {needed.id for needed in cell.needs.values()} else set()
    assert {ended.cell.id for ended in ends.values() if ended.error} == below and len(below) > 3
    for ended in (ended for ended in ends.values() if ended.error):
        assert "broken" in str(ended.error) and (ended.failed_need is None) == (ended.cell == edsr)
        assert (str(ended.cell) in executor.started) == (ended.cell == edsr)


def test_a_lost_cell_is_started_again() -> None:
    plan = cells("bicubic")
    executor = Scripted(1, {str(plan[0]): ["lost", "lost"]})
    assert run(plan, executor, retries=2)[0].result == cell_result(plan[0])
    assert len(executor.started) == 3


def test_a_cell_that_is_lost_too_often_has_failed() -> None:
    plan = cells("edsr")
    executor = Scripted(1, {str(plan[0]): ["lost"] * 3})
    train, evaluate = run(plan, executor, retries=2)
    mend = "give the same command again to go on from the checkpoint, or raise --retries"
    assert str(train.error) == f"its process was lost 3 times, last: killed: {mend}" and evaluate.failed_need
    assert evaluate.failed_need.id == plan[0].id


def test_an_error_is_not_tried_again() -> None:
    plan = cells("bicubic")
    executor = Scripted(1, {str(plan[0]): ["error"]})
    assert run(plan, executor, retries=5)[0].error and len(executor.started) == 1


def test_equal_cells_are_one_cell_though_not_the_same_object() -> None:
    plan = cells("edsr")
    twin = replace(plan[1], needs={name: replace(needed) for name, needed in plan[1].needs.items()})
    executor = Scripted(2)
    assert [ended.cell.id for ended in run([plan[0], twin], executor)] == [cell.id for cell in plan]
