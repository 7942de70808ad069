"""Progress of the steps of a training."""

from __future__ import annotations

import time
from collections.abc import Mapping

LINES = 4  # of progress, without a terminal


class StepProgress:
    """Progress of a long computation, as a context manager, on standard error: a bar on a terminal, else a few plain lines."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.title = title
        self.console = Console(stderr=True, highlight=False, markup=False)
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}", markup=False),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
        )
        self.task = self.bar.add_task(title, total=None, speed="", losses="")
        self.printed = 0
        self.first: tuple[float, int] | None = None

    def __enter__(self) -> StepProgress:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def update(self, done: int, of: int, losses: Mapping[str, float]) -> None:
        """Show that ``done`` of ``of`` steps are done, and the latest losses by name."""
        self.first = self.first or (time.monotonic(), done)
        elapsed, units = time.monotonic() - self.first[0], done - self.first[1]
        speed = f"{units / elapsed:.1f}/s" if units and elapsed > 0 else ""
        text = " ".join(f"{name} {loss:.3g}" for name, loss in losses.items())
        if self.console.is_terminal:
            self.bar.update(self.task, completed=done, total=of, losses=text, speed=speed)
        elif losses and done * LINES // of > self.printed:
            self.printed = done * LINES // of
            self.console.print(f"{self.title}: {done}/{of} {speed} {text}", soft_wrap=True)
