"""Simulation of a run: the real schedule, with an executor that computes nothing and keeps a clock."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.execution import schedule
from benchmarks.execution.executors.executor import Ended, Executor, ProgressCallback
from benchmarks.execution.progress.view import Silent
from benchmarks.planning.cells import Cell
from benchmarks.planning.costs import Cost, Costs

WORKERS = (1, 4, 16, 64)  # numbers of workers that a plan is simulated with


class Simulated(Executor):
    """Workers whose cells take exactly as long as their costs say.

    A cell that needs more workers than are free waits in a queue, in the order of arrival; cells that need fewer may overtake it.

    Args:
        workers: number of workers, at least as many as any cell needs.
        costs: of the cells, by id.
        capacity: cells that are taken at a time; None for all that can start.

    Attributes:
        seconds: time on the clock.
    """

    def __init__(self, workers: int, costs: Mapping[str, Cost], capacity: int | None = None) -> None:
        self.capacity = capacity
        self.seconds = 0.0
        self._free, self._costs = workers, costs
        self._queue: list[Cell] = []
        self._running: list[tuple[float, int, Cell]] = []
        self._begun = 0

    def __exit__(self, *_: object) -> None:
        pass

    def start(self, cell: Cell) -> None:
        """Put the cell into the queue."""
        self._queue.append(cell)

    def poll(self, report: ProgressCallback) -> Sequence[Ended]:
        """Move the clock to the next end of a cell, and return the cells that end then."""
        self._begin()
        self.seconds = self._running[0][0]
        ended = []
        while self._running and self._running[0][0] <= self.seconds:
            cell = heapq.heappop(self._running)[2]
            self._free += self._costs[cell.id].workers
            ended.append(Ended(cell))
        return ended

    def _begin(self) -> None:
        """Start the queued cells for which enough workers are free."""
        waiting = []
        for cell in self._queue:
            cost = self._costs[cell.id]
            if cost.workers > self._free:
                waiting.append(cell)
                continue
            self._free -= cost.workers
            self._begun += 1
            heapq.heappush(self._running, (self.seconds + cost.wall, self._begun, cell))
        self._queue = waiting


@dataclass(frozen=True)
class Times:
    """Times of a simulated run.

    Attributes:
        seconds: from the start of the run to its end.
        seconds_to_scores: from the start of the run to the end of an evaluation, which gives a row of the table, on average.
    """

    seconds: float
    seconds_to_scores: float


def simulate(cells: Sequence[Cell], executor: Simulated, max_parallel: int | None = None) -> Times:
    """Simulate a plan.

    Args:
        cells: as ``schedule.run`` takes them. Needed cells that are not among them cost nothing.
        executor: a fresh ``Simulated``, whose clock is at 0.
        max_parallel: limit of cells at a time.
    """
    rows = []
    with executor:
        for ended in schedule.run(cells, executor, Silent(), max_parallel=max_parallel):
            if ended.cell.kind == "evaluate":
                rows.append(executor.seconds)
    return Times(executor.seconds, sum(rows) / len(rows) if rows else 0.0)


def critical_path(cells: Sequence[Cell], costs: Mapping[str, Cost]) -> list[Cell]:
    """The longest chain of cells, each needed by the next. No number of workers is faster than this chain."""
    remaining = _remaining(cells, costs)
    path: list[Cell] = []
    candidates = [cell for cell in cells if not any(needed.id in remaining for needed in cell.needs.values())]
    while candidates:
        path.append(max(candidates, key=lambda cell: remaining[cell.id]))
        candidates = [cell for cell in cells if path[-1].id in {needed.id for needed in cell.needs.values()}]
    return path


def longest_first(cells: Sequence[Cell], costs: Mapping[str, Cost]) -> list[Cell]:
    """The cells, sorted by the length of the longest chain that begins with a cell, the longest first."""
    remaining = _remaining(cells, costs)
    return sorted(cells, key=lambda cell: -remaining[cell.id])


def _remaining(cells: Sequence[Cell], costs: Mapping[str, Cost]) -> dict[str, float]:
    """Seconds, by id, of the longest chain that begins with a cell: from its start to the end of all cells that need it."""
    after = dict.fromkeys((cell.id for cell in cells), 0.0)
    remaining = {}
    for cell in reversed(cells):
        remaining[cell.id] = costs[cell.id].wall + after[cell.id]
        for needed in cell.needs.values():
            if needed.id in after:
                after[needed.id] = max(after[needed.id], remaining[cell.id])
    return remaining


@dataclass(frozen=True)
class SimulatedSchedule:
    """Simulations of a plan with one number of workers.

    Attributes:
        workers: number of workers.
        run: cells in the plan's order, as many at a time as there are workers.
        queued: all cells that can start are given to the engine at once, which starts them in the order of arrival.
        longest_first: as ``run``, but sorted by the longest chain that begins with a cell.
        bound: lower bound in seconds for every order.
        busy: share of the workers' time in which they have a cell, in ``run``.
    """

    workers: int
    run: Times
    queued: Times
    longest_first: Times
    bound: float
    busy: float


@dataclass(frozen=True)
class Forecast:
    """Costs and simulations of a plan.

    Attributes:
        costs: of the cells.
        cells: number of cells.
        unknown: number of cells whose time is not known; they count as 0 seconds.
        seconds: of all workers together.
        gpu_seconds: of all GPUs together.
        path: the critical path.
        path_seconds: length of the critical path.
        simulations: one for each number of workers.
    """

    costs: Costs
    cells: int
    unknown: int
    seconds: float
    gpu_seconds: float
    path: Sequence[Cell]
    path_seconds: float
    simulations: Sequence[SimulatedSchedule]


def forecast(cells: Sequence[Cell], costs: Costs, max_parallel: int | None = None) -> Forecast:
    """Simulate a plan with each number of workers in ``WORKERS``.

    Args:
        cells: the cells to be computed, in the plan's order.
        costs: of these cells.
        max_parallel: limit of cells at a time; the largest simulated number of workers is then ``max_parallel`` times the
            workers of the widest cell.
    """
    by_cell = {cell.id: costs.by_cell[cell.id] for cell in cells}
    work = sum(cost.wall * cost.workers for cost in by_cell.values())
    path = critical_path(cells, by_cell)
    longest = sum(by_cell[cell.id].wall for cell in path)
    simulations = []
    widest = max((cost.workers for cost in by_cell.values()), default=1)
    for workers in _worker_numbers(widest, None if max_parallel is None else min(max_parallel, max(1, len(cells)))):
        run = simulate(cells, Simulated(workers, by_cell, workers), max_parallel)
        queued = simulate(cells, Simulated(workers, by_cell), max_parallel)
        sorted_run = simulate(longest_first(cells, by_cell), Simulated(workers, by_cell, workers), max_parallel)
        busy = work / workers / run.seconds if run.seconds else 0.0
        simulations.append(SimulatedSchedule(workers, run, queued, sorted_run, max(longest, work / workers), busy))
    return Forecast(
        costs,
        cells=len(cells),
        unknown=sum(cost.seconds is None for cost in by_cell.values()),
        seconds=work,
        gpu_seconds=sum(cost.wall * cost.gpus for cost in by_cell.values()),
        path=path,
        path_seconds=longest,
        simulations=simulations,
    )


def _worker_numbers(widest: int, max_parallel: int | None) -> list[int]:
    """The numbers in ``WORKERS`` that are enough for the widest cell, up to the number that ``max_parallel`` cells can use."""
    if max_parallel is None:
        return [number for number in WORKERS if number >= widest] or [widest]
    most = max_parallel * widest
    return [*(number for number in WORKERS if widest <= number < most), most]
