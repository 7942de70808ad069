"""Progress of downloads and extractions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.core.progress.step_progress import LINES

if TYPE_CHECKING:
    from rich.progress import TaskID


class TransferProgress:
    """Progress of downloads and extractions: bars with rate and time left on a terminal, else a few plain lines."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

        self.console = Console(stderr=True, highlight=False, markup=False)
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
        )
        self.tasks: dict[str, TaskID] = {}
        self.started: dict[str, tuple[float, int]] = {}
        self.shown: dict[str, int] = {}

    def __enter__(self) -> TransferProgress:
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def report(self, title: str, done: int, total: int | None) -> None:
        """Show the bytes done and the bytes in all, if known, of the transfer with this title."""
        if title not in self.tasks:
            self.tasks[title] = self.bars.add_task(title, total=None)
            self.started[title], self.shown[title] = (time.monotonic(), done), 0
        if self.console.is_terminal:
            self.bars.update(self.tasks[title], completed=done, total=total, visible=total is None or done < total)
        elif total and done * LINES // total > self.shown[title]:
            self.shown[title] = done * LINES // total
            began, first = self.started[title]
            rate = max(done - first, 1) / max(time.monotonic() - began, 1e-3)
            figures = f"{done / 1e6:.1f} of {total / 1e6:.1f} MB, {rate / 1e6:.1f} MB/s, {(total - done) / rate:.0f} s left"
            self.console.print(f"{title}: {figures}", soft_wrap=True)
