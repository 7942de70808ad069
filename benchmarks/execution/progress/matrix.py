"""The view of a run that computes several cells at a time: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from benchmarks.core.errors import one_line
from benchmarks.core.progress.step_progress import LINES, Speed, in_words
from benchmarks.results.record import COMPLETE

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
    from rich.table import Table

    from benchmarks.execution.executors.executor import Ended
    from benchmarks.planning.cells import Cell

# States of a cell, in the order of their places on the screen: if it is full, cells in the last states are only counted.
STATES = ("running", "failed", "lost", "queued", "waiting", "done", "not run")
RUNNING, FAILED, LOST, QUEUED, WAITING, DONE, NOT_RUN = STATES
ENDED = (FAILED, DONE, NOT_RUN)
COLUMNS = ("cell", "", "step", "speed", "left", "")
SPARE = 4  # lines of the screen that show no cell: the header, two lines of counts, and an empty line


@dataclass(frozen=True)
class _Row:
    """Progress of a cell.

    Attributes:
        state: one of ``STATES``; ``queued`` from the start until the first report.
        note: remark beside the state, for example an error.
        done: steps (training) or images (evaluation) done.
        total: total number of steps or images.
        speed: steps or images per second of this attempt, over its last seconds; None before its first report.
        losses: the latest losses, as text.
        lines: number of printed lines of progress.
        times_lost: number of times that the cell's process was lost.
    """

    state: str = WAITING
    note: str = ""
    done: int = 0
    total: int = 0
    speed: Speed | None = None
    losses: str = ""
    lines: int = 0
    times_lost: int = 0

    def reported(self, done: int, total: int, losses: Mapping[str, float]) -> _Row:
        """The row after a report of the running cell."""
        speed = self.speed or Speed()
        speed.report(done)
        return replace(self, state=RUNNING, done=done, total=total, speed=speed, losses=in_words(losses))

    def columns(self) -> list[str]:
        """Texts of the columns: state, steps or images, speed, time left, and losses or a note."""
        if self.state != RUNNING:
            return [self.state, "", "", "", self.note]
        again = f"lost {self.times_lost} times " if self.times_lost > 1 else "lost once " * self.times_lost
        speed, left = "", ""
        if self.speed and self.speed.value > 0:
            speed, left = f"{self.speed.value:.1f}/s", str(timedelta(seconds=round((self.total - self.done) / self.speed.value)))
        return [self.state, f"{self.done:,}/{self.total:,}", speed, left, again + self.losses]


class Matrix:
    """A table of all cells, as a context manager.

    Args:
        cells: all cells of the run that will be computed, in the plan's order.
        console: where the table is written; standard error if None.
    """

    def __init__(self, cells: Sequence[Cell], console: Console | None = None) -> None:
        from rich.console import Console

        self._console = console or Console(stderr=True, highlight=False, markup=False)
        self._is_live = self._console.is_terminal and not self._console.is_dumb_terminal
        self._titles = {cell.id: one_line(str(cell)) for cell in cells}
        self._rows = {cell.id: _Row() for cell in cells}  # no key is added or removed: another thread draws the table
        self._started = time.monotonic()
        self._stack = ExitStack()

    def __enter__(self) -> Matrix:
        if self._is_live:
            from rich.live import Live

            live = Live(self, console=self._console, redirect_stdout=sys.stdout.isatty(), refresh_per_second=4)
            before = sys.stderr
            self._stack.enter_context(live)
            self._stack.enter_context(_redirected_loggers(before))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def started(self, cell: Cell) -> None:
        """Show the cell as queued."""
        self._change(cell, state=QUEUED, note="", speed=None)

    def update(self, cell: Cell, done: int, total: int, losses: Mapping[str, float], /) -> None:
        """Show steps or images, speed and losses of the running cell."""
        before = self._rows[cell.id]
        if before.state not in (QUEUED, RUNNING):  # a report that comes after the end of the cell
            return
        if before.state == QUEUED:
            self._line(cell, "started")
        row = before.reported(done, total, losses)
        if losses and done * LINES // total > row.lines:
            row = replace(row, lines=done * LINES // total)
            self._line(cell, " ".join(f"{done}/{total} {row.speed.value if row.speed else 0:.1f}/s {row.losses}".split()))
        self._rows[cell.id] = row

    def lost(self, cell: Cell, why: str) -> None:
        """Show that the cell's process was lost."""
        self._change(cell, state=LOST, note=one_line(why), times_lost=self._rows[cell.id].times_lost + 1)
        self._line(cell, f"its process was lost ({one_line(why)}): it goes on from its last checkpoint")

    def ended(self, ended: Ended) -> None:
        """Show how the cell has ended."""
        state, note = _outcome(ended)
        self._change(ended.cell, state=state, note=note)
        self._line(ended.cell, f"done {note}" if state == DONE else state)  # the run itself prints errors

    def _change(self, cell: Cell, **values: object) -> None:
        self._rows[cell.id] = replace(self._rows[cell.id], **values)  # type: ignore[arg-type]

    def _line(self, cell: Cell, text: str) -> None:
        """Print a line that begins with the number of ended cells; nothing on a terminal, which has the table."""
        if not self._is_live:
            ended = sum(row.state in ENDED for row in self._rows.values())
            self._console.print(f"[{ended}/{len(self._rows)}] {self._titles[cell.id]}: {text}", soft_wrap=True)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        rows = dict(self._rows)
        shown = self._cells_shown(rows, console.height - SPARE)
        yield self._table(rows, shown)
        counts = Counter(row.state for row in rows.values())
        elapsed = timedelta(seconds=round(time.monotonic() - self._started))
        ended = sum(counts[state] for state in ENDED)
        yield Text(f"[{ended}/{len(rows)}] {elapsed}: {_counted(counts)}", no_wrap=True, overflow="ellipsis")
        if hidden := Counter(rows[cell].state for cell in rows.keys() - shown):
            yield Text(f"not shown: {_counted(hidden)}", no_wrap=True, overflow="ellipsis")

    def _cells_shown(self, rows: Mapping[str, _Row], lines: int) -> list[str]:
        """Ids of the cells that the screen has room for, in the plan's order."""
        by_state = sorted(rows, key=lambda cell: STATES.index(rows[cell].state))
        first = set(by_state[: max(0, lines)])
        return [cell for cell in rows if cell in first]

    def _table(self, rows: Mapping[str, _Row], shown: Sequence[str]) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for number, name in enumerate(COLUMNS):
            max_width = None if number else max(20, self._console.width * 2 // 5)
            justify: JustifyMethod = "right" if name in ("step", "speed", "left") else "left"
            is_last = number == len(COLUMNS) - 1  # the last column is cut on a narrow screen
            table.add_column(name, justify=justify, no_wrap=not is_last, max_width=max_width)
        for cell in shown:
            style = {RUNNING: "bold", FAILED: "red", LOST: "yellow"}.get(rows[cell].state, "dim")
            texts = (self._titles[cell], *rows[cell].columns())
            table.add_row(*(Text(text, no_wrap=True, overflow="ellipsis") for text in texts), style=style)
        return table


def _outcome(ended: Ended) -> tuple[str, str]:
    """State and note of a cell that has ended."""
    if ended.failed_need is not None:
        return NOT_RUN, f"{ended.failed_need} failed"
    if ended.error is not None:
        return FAILED, one_line(str(ended.error))
    if ended.result is None or ended.result.status != COMPLETE:
        return FAILED, "diverged"
    return DONE, f"in {ended.result.seconds:.1f} s"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])


@contextmanager
def _redirected_loggers(before: object) -> Iterator[None]:
    """Redirect loggers that write to standard error to its replacement, so that they write above the table and not into it."""
    others = logging.root.manager.loggerDict.values()
    loggers = [logging.root, *(logger for logger in others if isinstance(logger, logging.Logger))]
    handlers = {handler for logger in loggers for handler in logger.handlers if isinstance(handler, logging.StreamHandler)}
    moved = [handler for handler in handlers if handler.stream is before]
    for handler in moved:
        handler.setStream(sys.stderr)
    try:
        yield
    finally:
        for handler in moved:
            handler.setStream(before)
