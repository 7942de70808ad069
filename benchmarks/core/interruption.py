"""Signals that ask to stop: within seconds, between two training steps, after writing the checkpoint.

They are SIGINT (Ctrl-C), SIGTERM, SIGHUP (the terminal or the connection is gone) and SIGUSR1 (schedulers send it before the end
of a job's time). A signal raises :class:`Interrupted` in the main thread, at once or, inside ``whole()``, at the end of that
block. If Python cannot do so in time (one long call into a library, such as a wait for another process), or at a second signal,
the process prints a last message and ends as if killed. Files are written so that this loses only the work since the last
checkpoint.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

PATIENCE = 4.0  # seconds from the signal to the end
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
SIGNALS = tuple(signal.Signals[name] for name in NAMES if hasattr(signal, name))  # Windows lacks two


class Interrupted(KeyboardInterrupt):
    """A signal asked this process to stop.

    Attributes:
        exit_code: 128 and the signal's number, such as 130 after SIGINT and 143 after SIGTERM.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class _State:
    """State of the process: the pending signal, nested ``whole()`` blocks, the deadline."""

    def __init__(self) -> None:
        self.pending: Interrupted | None = None
        self.handles = False
        self.open_blocks = 0
        self.deadline = 0.0
        self.has_time_limit = True
        self.print_last_message: Callable[[], None] = lambda: None


_state = _State()


@contextmanager
def interruptible(print_last_message: Callable[[], None]) -> Iterator[None]:
    """Handle signals that ask to stop while the block runs; does nothing outside the main thread.

    Args:
        print_last_message: prints the last message; called if the block did not end in time.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before, handled = {number: signal.signal(number, _handle) for number in wanted}, _state.handles
    _state.pending, _state.print_last_message, _state.handles = None, print_last_message, True
    try:
        with _heard_in_long_calls():
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _state.pending, _state.handles = None, handled


@contextmanager
def _heard_in_long_calls() -> Iterator[None]:
    """Have a thread hear of signals in the block: Python runs handlers only when a call into a library has returned."""
    inlet, outlet = os.pipe()
    os.set_blocking(outlet, False)
    before = signal.set_wakeup_fd(outlet, warn_on_full_buffer=False)
    over = threading.Event()
    threading.Thread(target=_listen, args=(inlet, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        os.close(outlet)


def _listen(inlet: int, over: threading.Event) -> None:
    """Read numbers of signals until the other end of the pipe is closed."""
    while numbers := os.read(inlet, 64):
        ours = [number for number in numbers if number in SIGNALS and signal.getsignal(number) is _handle]
        if ours:
            _end_unless_handled(128 + ours[0], over)
    os.close(inlet)


def _end_unless_handled(code: int, over: threading.Event) -> None:
    """End the process if no handler has run after ``PATIENCE`` seconds, and the block is not over."""
    deadline = time.monotonic() + PATIENCE
    while not over.wait(0.05) and _state.pending is None:
        if not _state.has_time_limit:
            deadline = time.monotonic() + PATIENCE
        elif time.monotonic() > deadline:
            _end(code)


def _stop_listening() -> None:
    """Stop the listening thread of a forked process: its signals are none of its parent's."""
    with suppress(ValueError):
        signal.set_wakeup_fd(-1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_stop_listening)


def is_foreign_exit(error: BaseException) -> bool:
    """True if code raised an exception that would end the process, such as ``sys.exit``, without a signal that asked to stop."""
    if isinstance(error, KeyboardInterrupt):
        return _state.handles and not isinstance(error, Interrupted)
    return not isinstance(error, Exception)


@contextmanager
def whole() -> Iterator[None]:
    """A block that runs completely, such as a training step: a signal waits for its end."""
    _state.open_blocks += 1
    try:
        yield
    finally:
        _state.open_blocks -= 1
    if _state.pending and not _state.open_blocks:
        raise _state.pending


@contextmanager
def unhurried() -> Iterator[None]:
    """A block without time limit after a signal, such as writing a checkpoint. A second signal ends it nevertheless."""
    _state.has_time_limit = False
    try:
        yield
    finally:
        _state.has_time_limit, _state.deadline = True, time.monotonic() + PATIENCE


def _handle(number: int, frame: FrameType | None) -> None:
    if _state.pending:
        _end(_state.pending.exit_code)
    _state.pending = Interrupted(number)
    _state.deadline = time.monotonic() + PATIENCE
    threading.Thread(target=_watch, args=(_state.pending,), daemon=True).start()
    if not _state.open_blocks:
        raise _state.pending


def _watch(pending: Interrupted) -> None:
    while _state.pending is pending:
        if _state.has_time_limit and time.monotonic() > _state.deadline:
            _end(pending.exit_code)
        time.sleep(0.05)


def _end(code: int) -> None:
    _state.print_last_message()
    os._exit(code)
