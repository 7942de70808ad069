"""Progress of the steps of a training."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping

LINES = 4  # of progress, without a terminal
SILENCE = 30.0  # seconds without a line, without a terminal; twice as many after each line that ends a silence
WINDOW = 10.0  # seconds that a speed looks back: a machine that gets busy shows in it


class Speed:
    """Steps per second over the last ``WINDOW`` seconds.

    Attributes:
        value: steps per second; 0 before two reports.
        seconds: time since the first report.
    """

    def __init__(self) -> None:
        self.value = self.seconds = 0.0
        self._reports: deque[tuple[float, int]] = deque()
        self._begun = time.monotonic()

    def report(self, done: int) -> float:
        """Take a report of the steps done. Returns ``value``."""
        now = time.monotonic()
        if not self._reports:
            self._begun = now
        self._reports.append((now, done))
        while len(self._reports) > 2 and self._reports[1][0] <= now - WINDOW:
            self._reports.popleft()
        earlier, before = self._reports[0]
        self.seconds = now - self._begun
        self.value = (done - before) / (now - earlier) if now > earlier else 0.0
        return self.value


def in_words(losses: Mapping[str, float]) -> str:
    """Losses, and numbers of steps inside of an image, as a text."""
    return " ".join(f"{name} {value:,}" if isinstance(value, int) else f"{name} {value:.3g}" for name, value in losses.items())


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
            speed_estimate_period=WINDOW,
        )
        self.task = self.bar.add_task(title, total=None, speed="", losses="")
        self.printed = 0
        self.speed = Speed()
        self._silence, self._spoken = SILENCE, time.monotonic()

    def __enter__(self) -> StepProgress:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def update(self, done: int, total: int, losses: Mapping[str, float]) -> None:
        """Show that ``done`` of ``total`` steps are done, and the latest losses by name."""
        rate = self.speed.report(done)
        speed = f"{rate:.1f}/s" if rate > 0 else ""
        text = in_words(losses)
        if self.console.is_terminal:
            self.bar.update(self.task, completed=done, total=total, losses=text, speed=speed)
            return
        is_silent = time.monotonic() - self._spoken >= self._silence
        if (losses and done * LINES // total > self.printed) or is_silent:
            self._silence *= 2 if is_silent else 1
            self.printed, self._spoken = done * LINES // total, time.monotonic()
            self.console.print(" ".join(f"{self.title}: {done}/{total} {speed} {text}".split()), soft_wrap=True)
