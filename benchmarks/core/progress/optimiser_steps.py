"""Steps of torch's optimisers inside a call: methods such as ZSSR train for minutes on every image that they enlarge."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

EVERY = 1.0  # seconds between two reports


class OptimiserSteps:
    """Counts steps of all optimisers of this process, as a context manager.

    Args:
        report: called with the number of steps since the start of an image, at most once a second.
    """

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report, self._steps, self._reported = report, 0, time.monotonic()
        self._stack = ExitStack()

    def __enter__(self) -> OptimiserSteps:
        from torch.optim.optimizer import register_optimizer_step_post_hook

        self._stack.callback(register_optimizer_step_post_hook(self._count).remove)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def restart(self) -> None:
        """Begin another image."""
        self._steps = 0

    def _count(self, *_: object) -> None:
        self._steps += 1
        now = time.monotonic()
        if now - self._reported >= EVERY:
            self._reported = now
            self._report(self._steps)
