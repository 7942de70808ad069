"""The schedule: a cell starts as soon as the cells that it needs are done, in the order of the plan if several can start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from benchmarks.core.errors import BenchmarkError
from benchmarks.execution.executors.executor import Ended, Executor
from benchmarks.execution.progress.view import View
from benchmarks.planning.cells import Cell


def run(
    cells: Sequence[Cell], executor: Executor, view: View, *, max_parallel: int | None = None, retries: int = 0
) -> Iterator[Ended]:
    """Have all cells computed.

    A cell that needs a failed cell is not computed: it ends with the same error.

    Args:
        cells: in an order that respects their needs. Needed cells that are not among them are finished.
        executor: computes the cells; the caller has entered it.
        view: shows the progress.
        max_parallel: limit of cells at a time, if it is lower than the executor's.
        retries: how often a cell whose process was lost is started again, from its checkpoint.

    Yields:
        The end of each cell, in the order in which they end.
    """
    limits = [limit for limit in (max_parallel, executor.capacity) if limit is not None]
    waiting, running = list(cells), set[str]()
    failed: dict[str, Exception] = {}
    times_lost: Counter[str] = Counter()
    while waiting or running:
        for cell in _startable(waiting, running):
            failed_need = next((needed for needed in cell.needs.values() if needed.id in failed), None)
            if failed_need is not None:
                waiting.remove(cell)
                failed[cell.id] = failed[failed_need.id]
                yield _shown(view, Ended(cell, error=failed[cell.id], failed_need=failed_need))
            elif not limits or len(running) < min(limits):
                waiting.remove(cell)
                view.started(cell)
                executor.start(cell)
                running.add(cell.id)
        for ended in executor.poll(view.update) if running else ():
            cell = ended.cell
            running.remove(cell.id)
            if ended.lost_reason and times_lost[cell.id] < retries:
                times_lost[cell.id] += 1
                view.lost(cell, ended.lost_reason)
                waiting.insert(0, cell)
                continue
            if ended.lost_reason:
                lost = f"its process was lost {times_lost[cell.id] + 1} times, last: {ended.lost_reason}"
                mend = "give the same command again to go on from the checkpoint, or raise --retries"
                ended = Ended(cell, error=BenchmarkError(f"{lost}: {mend}"))
            if ended.error is not None:
                failed[cell.id] = ended.error
            yield _shown(view, ended)


def _shown(view: View, ended: Ended) -> Ended:
    view.ended(ended)
    return ended


def _startable(waiting: Sequence[Cell], running: set[str]) -> list[Cell]:
    """The waiting cells whose needed cells have all ended."""
    pending = running | {cell.id for cell in waiting}
    return [cell for cell in waiting if not any(needed.id in pending for needed in cell.needs.values())]
