"""SIGINT and SIGTERM: stop within seconds, between two training steps, after writing the checkpoint.

A signal raises :class:`Interrupted` in the main thread, at once or, inside ``whole()``, at the end of that block. If Python
cannot do so in time (one long call into a library), or at a second signal, the process prints a last message and ends as if
killed. Files are written so that this loses only the work since the last checkpoint.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

PATIENCE = 4.0  # seconds from the signal to the end


class Interrupted(KeyboardInterrupt):
    """A signal asked this process to stop.

    Attributes:
        exit_code: 130 after SIGINT, 143 after SIGTERM.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class _State:
    """State of the process: the pending signal, nested ``whole()`` blocks, the deadline."""

    def __init__(self) -> None:
        self.asked: Interrupted | None = None
        self.handles = False
        self.depth = 0
        self.deadline = 0.0
        self.hurried = True
        self.last_words: Callable[[], None] = lambda: None


_state = _State()


@contextmanager
def interruptible(last_words: Callable[[], None]) -> Iterator[None]:
    """Handle SIGINT and SIGTERM while the block runs; does nothing outside the main thread.

    Args:
        last_words: prints the last message; called if the block did not end in time.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]
    before, handled = {number: signal.signal(number, _handle) for number in wanted}, _state.handles
    _state.asked, _state.last_words, _state.handles = None, last_words, True
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _state.asked, _state.handles = None, handled


def is_foreign_exit(error: BaseException) -> bool:
    """Whether code raised an exception that would end the process, such as ``sys.exit``, without a signal that asked to stop."""
    if isinstance(error, KeyboardInterrupt):
        return _state.handles and not isinstance(error, Interrupted)
    return not isinstance(error, Exception)


@contextmanager
def whole() -> Iterator[None]:
    """A block that runs completely, such as a training step: a signal waits for its end."""
    _state.depth += 1
    try:
        yield
    finally:
        _state.depth -= 1
    if _state.asked and not _state.depth:
        raise _state.asked


@contextmanager
def unhurried() -> Iterator[None]:
    """A block without time limit after a signal, such as writing a checkpoint. A second signal ends it nevertheless."""
    _state.hurried = False
    try:
        yield
    finally:
        _state.hurried, _state.deadline = True, time.monotonic() + PATIENCE


def _handle(number: int, frame: FrameType | None) -> None:
    if _state.asked:
        _end(_state.asked.exit_code)
    _state.asked = Interrupted(number)
    _state.deadline = time.monotonic() + PATIENCE
    threading.Thread(target=_watch, args=(_state.asked,), daemon=True).start()
    if not _state.depth:
        raise _state.asked


def _watch(asked: Interrupted) -> None:
    while _state.asked is asked:
        if _state.hurried and time.monotonic() > _state.deadline:
            _end(asked.exit_code)
        time.sleep(0.05)


def _end(code: int) -> None:
    _state.last_words()
    os._exit(code)
