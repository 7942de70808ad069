"""A run on paper: the real schedule with an executor that computes nothing and only keeps a clock."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.execution import schedule
from benchmarks.execution.executors.executor import Ended, Executor, Report
from benchmarks.planning.cells import Cell
from benchmarks.planning.costs import Cost, Costs

WORKERS = (1, 4, 16, 64)  # for which a plan is simulated


class Simulated(Executor):
    """So many workers, whose cells take exactly as long as they are said to.

    A cell that does not find its workers free waits as in an engine's queue: in the order in which cells came, where one that
    needs fewer workers may overtake.

    Args:
        workers: at least as many as any cell needs.
        costs: of the cells, by id.
        capacity: cells that it takes at a time; None for all that can start.
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
        """Put it into the queue."""
        self._queue.append(cell)

    def poll(self, report: Report) -> Sequence[Ended]:
        """Move the clock to the next end."""
        self._begin()
        self.seconds = self._running[0][0]
        ended = []
        while self._running and self._running[0][0] <= self.seconds:
            cell = heapq.heappop(self._running)[2]
            self._free += self._costs[cell.id].workers
            ended.append(Ended(cell))
        return ended

    def _begin(self) -> None:
        """Start what is queued and finds its workers free."""
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


class _Unseen:
    """The view of a run that nobody watches."""

    def update(self, cell: Cell, done: int, of: int, losses: Mapping[str, float], /) -> None:
        pass

    def started(self, cell: Cell) -> None:
        pass

    def lost(self, cell: Cell, why: str) -> None:
        pass

    def ended(self, ended: Ended) -> None:
        pass


@dataclass(frozen=True)
class Run:
    """A simulated run, in seconds from its start: its end, and when an evaluation, a table's row, was done on average."""

    seconds: float
    row_seconds: float


def simulate(cells: Sequence[Cell], executor: Simulated, max_parallel: int | None = None) -> Run:
    """Run a plan on paper.

    Args:
        cells: as ``schedule.run`` takes them; what they need and is not among them costs nothing.
        executor: a new one.
        max_parallel: cells at a time.
    """
    rows = []
    with executor:
        for ended in schedule.run(cells, executor, _Unseen(), max_parallel=max_parallel):
            if ended.cell.kind == "evaluate":
                rows.append(executor.seconds)
    return Run(executor.seconds, sum(rows) / len(rows) if rows else 0.0)


def critical_path(cells: Sequence[Cell], costs: Mapping[str, Cost]) -> list[Cell]:
    """The chain of cells, each needed by the next, that takes longest: no number of workers is faster."""
    below = _below(cells, costs)
    path: list[Cell] = []
    candidates = [cell for cell in cells if not any(needed.id in below for needed in cell.needs.values())]
    while candidates:
        path.append(max(candidates, key=lambda cell: below[cell.id]))
        candidates = [cell for cell in cells if path[-1].id in {needed.id for needed in cell.needs.values()}]
    return path


def longest_first(cells: Sequence[Cell], costs: Mapping[str, Cost]) -> list[Cell]:
    """The cells by how long the longest chain is that begins with them."""
    below = _below(cells, costs)
    return sorted(cells, key=lambda cell: -below[cell.id])


def _below(cells: Sequence[Cell], costs: Mapping[str, Cost]) -> dict[str, float]:
    """Seconds from the start of each cell to the end of all that needs it, by id, on any number of workers."""
    after = dict.fromkeys((cell.id for cell in cells), 0.0)
    found = {}
    for cell in reversed(cells):
        found[cell.id] = costs[cell.id].wall + after[cell.id]
        for needed in cell.needs.values():
            if needed.id in after:
                after[needed.id] = max(after[needed.id], found[cell.id])
    return found


@dataclass(frozen=True)
class Wall:
    """A plan on so many workers.

    Attributes:
        workers: how many.
        run: in the plan's order, as many cells at a time as there are workers.
        queued: all cells that can start are given to the engine at once, whose queue then has the say.
        longest_first: as ``run``, but in the order of the longest chain that begins with a cell.
        bound: seconds that no order can be faster than.
        busy: the part of the workers' time in which they have a cell, in ``run``.
    """

    workers: int
    run: Run
    queued: Run
    longest_first: Run
    bound: float
    busy: float


@dataclass(frozen=True)
class Outlook:
    """A plan on paper. ``seconds`` is the time of all workers together, ``gpu_seconds`` of GPUs alone."""

    costs: Costs
    cells: int
    unknown: int
    seconds: float
    gpu_seconds: float
    path: Sequence[Cell]
    path_seconds: float
    walls: Sequence[Wall]


def outlook(cells: Sequence[Cell], costs: Costs, max_parallel: int | None = None) -> Outlook:
    """Simulate a plan on as many workers as ``WORKERS`` says.

    Args:
        cells: those that are to be computed, in the plan's order.
        costs: of these cells.
        max_parallel: cells at a time; no more workers than they need are simulated.
    """
    of = {cell.id: costs.of[cell.id] for cell in cells}
    work = sum(cost.wall * cost.workers for cost in of.values())
    path = critical_path(cells, of)
    longest = sum(of[cell.id].wall for cell in path)
    walls = []
    widest = max((cost.workers for cost in of.values()), default=1)
    for workers in _numbers(widest, None if max_parallel is None else min(max_parallel, max(1, len(cells)))):
        run = simulate(cells, Simulated(workers, of, workers), max_parallel)
        queued = simulate(cells, Simulated(workers, of), max_parallel)
        other = simulate(longest_first(cells, of), Simulated(workers, of, workers), max_parallel)
        busy = work / workers / run.seconds if run.seconds else 0.0
        walls.append(Wall(workers, run, queued, other, max(longest, work / workers), busy))
    return Outlook(
        costs,
        cells=len(cells),
        unknown=sum(cost.seconds is None for cost in of.values()),
        seconds=work,
        gpu_seconds=sum(cost.wall * cost.gpus for cost in of.values()),
        path=path,
        path_seconds=longest,
        walls=walls,
    )


def _numbers(widest: int, max_parallel: int | None) -> list[int]:
    """Of workers: those of ``WORKERS`` that are enough for the widest cell, and no more than so many cells can use."""
    if max_parallel is None:
        return [number for number in WORKERS if number >= widest] or [widest]
    most = max_parallel * widest
    return [*(number for number in WORKERS if widest <= number < most), most]
