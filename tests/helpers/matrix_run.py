"""A run whose cells only report progress, shown by ``Matrix``: ``python -m tests.helpers.matrix_run SEEDS``."""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Sequence

from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import BenchmarkError
from benchmarks.execution import schedule
from benchmarks.execution.executors.executor import Ended, Executor, ProgressCallback
from benchmarks.execution.progress.matrix import Matrix
from benchmarks.planning.cells import Cell
from benchmarks.planning.plan import make_plan
from tests.helpers.cell_results import cell_result

UNITS = 8
MESSAGES = ("a warning of the run", "a warning of Python", "a warning of a logger", "long " * 60 + "end")


class Paced(Executor):
    """Four cells at a time, each of which reports at every poll; FSRCNN's first is lost once, EDSR's fail."""

    capacity = 4

    def __init__(self) -> None:
        self.running: dict[str, tuple[Cell, int]] = {}
        self.lost = False
        self.logger = logging.getLogger("engine")
        self.logger.addHandler(logging.StreamHandler())  # holds the standard error of before the table

    def __exit__(self, *_: object) -> None:
        pass

    def start(self, cell: Cell) -> None:
        self.running[cell.id] = (cell, 0)

    def poll(self, report: ProgressCallback) -> Sequence[Ended]:
        time.sleep(0.01)
        ended = []
        for cell, done in list(self.running.values()):
            report(cell, done + 1, UNITS, {"l1": 1 / (done + 1)} if cell.kind == "train" else {})
            self.running[cell.id] = (cell, done + 1)
            if done == UNITS // 2 and cell.label == "fsrcnn" and not self.lost:
                self.lost = True
                ended.append(Ended(cell, lost_reason="killed"))
            elif done + 1 == UNITS:
                failed = cell.label == "edsr" and cell.kind == "train"
                error = BenchmarkError("out of \x1b[2J memory") if failed else None
                ended.append(Ended(cell, error=error, result=None if failed else cell_result(cell, seconds=0.1)))
        for end in ended:
            del self.running[end.cell.id]
        return ended


def main() -> None:
    """Run, and write messages of every kind on the way."""
    cells = make_plan(load_profile("smoke"), ["bicubic", "fsrcnn", "edsr"], seeds=range(int(sys.argv[1])))
    with Paced() as executor, Matrix(cells) as view:
        for number, _ in enumerate(schedule.run(cells, executor, view, retries=1)):
            if number == 2:
                time.sleep(0.4)  # the table has been drawn
                print(MESSAGES[0], file=sys.stderr)
                warnings.warn(MESSAGES[1], stacklevel=1)
                executor.logger.warning(MESSAGES[2])
                print(MESSAGES[3], file=sys.stderr)
                time.sleep(0.4)
    print("the end")


if __name__ == "__main__":
    main()
