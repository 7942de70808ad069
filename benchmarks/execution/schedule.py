"""Which cell is computed when: as soon as all that it needs is done, in the order of the plan where several could be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from benchmarks.core.errors import BenchmarkError
from benchmarks.execution.executors.executor import Ended, Executor
from benchmarks.planning.cells import Cell


class View(Protocol):
    """Shows how far the cells are."""

    def update(self, cell: Cell, done: int, of: int, losses: Mapping[str, float], /) -> None:
        """How far a running cell is, as ``executors.Report`` says it."""

    def started(self, cell: Cell) -> None:
        """A cell is handed to the executor."""

    def lost(self, cell: Cell, why: str) -> None:
        """A cell's process is gone; it will be tried again."""

    def ended(self, ended: Ended) -> None:
        """A cell has come to its end."""


def run(
    cells: Sequence[Cell], executor: Executor, view: View, *, max_parallel: int | None = None, retries: int = 0
) -> Iterator[Ended]:
    """Have all cells computed.

    A cell that a failed one is needed for is not computed: it ends with the same error.

    Args:
        cells: in an order that respects their needs; what they need and is not among them is finished.
        executor: computes them, and is entered by the caller.
        view: told of all that happens.
        max_parallel: cells at a time, where the executor would take more.
        retries: how often one that is lost is started again, from its checkpoint.

    Yields:
        How each cell ended, as it does; the caller may take its time.
    """
    limits = [limit for limit in (max_parallel, executor.capacity) if limit is not None]
    waiting, running = list(cells), set[str]()
    failed: dict[str, Exception] = {}
    losses: Counter[str] = Counter()
    while waiting or running:
        for cell in _startable(waiting, running):
            because = next((needed for needed in cell.needs.values() if needed.id in failed), None)
            if because is not None:
                waiting.remove(cell)
                failed[cell.id] = failed[because.id]
                yield _told(view, Ended(cell, error=failed[cell.id], because=because))
            elif not limits or len(running) < min(limits):
                waiting.remove(cell)
                view.started(cell)
                executor.start(cell)
                running.add(cell.id)
        for ended in executor.poll(view.update) if running else ():
            cell = ended.cell
            running.remove(cell.id)
            if ended.lost and losses[cell.id] < retries:
                losses[cell.id] += 1
                view.lost(cell, ended.lost)
                waiting.insert(0, cell)
                continue
            if ended.lost:
                error = BenchmarkError(f"its process was lost {losses[cell.id] + 1} times, at last: {ended.lost}")
                ended = Ended(cell, error=error)
            if ended.error is not None:
                failed[cell.id] = ended.error
            yield _told(view, ended)


def _told(view: View, ended: Ended) -> Ended:
    view.ended(ended)
    return ended


def _startable(waiting: Sequence[Cell], running: set[str]) -> list[Cell]:
    """Those of which nothing that they need is still to come."""
    to_come = running | {cell.id for cell in waiting}
    return [cell for cell in waiting if not any(needed.id in to_come for needed in cell.needs.values())]
