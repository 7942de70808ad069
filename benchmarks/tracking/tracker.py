"""The MLflow mirror of the result files: one parent run per invocation, one child run per cell.

Result files are the truth. A failure of MLflow is remembered, reported in one line, and loses no result. Cells that MLflow lacks
are mirrored by the next invocation that passes their results again, or by ``python -m benchmarks.sync``.
"""

from __future__ import annotations

import os
import re
import shlex
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.core.errors import UsageError
from benchmarks.core.files import real_path
from benchmarks.core.secrets import address_without_secrets, without_secrets
from benchmarks.core.text import counted
from benchmarks.results.record import Result
from benchmarks.tracking.entry import forget_stale_note, make_entry, mirrored_files, write_note
from benchmarks.tracking.session import Session, own_uri, quiet

if TYPE_CHECKING:
    from concurrent.futures import Future

MAX_FAILURES = 3  # cells in a row that could not be mirrored; then the tracker counts as down
FAILURE_SECONDS = 120.0  # that failing calls may cost a process in all; creating a database alone takes ten
CLOSING_SECONDS = 5.0  # for closing the parent run when the time for failures is used up
INTERRUPTED_SECONDS = 3.0  # for closing the parent run after a signal, which leaves four seconds in all

T = TypeVar("T")

# The cause of an error within the messages of SQLAlchemy and urllib3
_CAUSE = re.compile(r"\((\w+\.\w+Error)\) (.+?) (?:\[SQL|\(Background)|\(Caused by (\w+)\(['\"]?(.+?)['\"]?\)*$")
_REBUILD = "move the database away, and python -m benchmarks.sync writes a new one"
_NEWER = "the database is another MLflow version's: upgrade MLflow, or, where the database is older, the database"
_REMEDIES = {
    "file is not a database": _REBUILD,
    "disk image is malformed": _REBUILD,
    "out-of-date database schema": _NEWER,
    "Can't locate revision": _NEWER,
    "database is locked": "another process holds it",
    "readonly database": "check its permissions",
    "was deleted": "python -m benchmarks.sync brings it back",
}  # remedy by a part of the error's message


def tracking_uri(output: Path) -> str:
    """Address of the mirror: ``MLFLOW_TRACKING_URI`` if it is set, otherwise an SQLite file in the output folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or own_uri(output)


def ui_command(output: Path) -> str:
    """The shell line that opens MLflow's user interface. An address with secrets stays behind its environment variable."""
    uri = tracking_uri(output)
    word = shlex.quote(uri) if address_without_secrets(uri) == uri else '"$MLFLOW_TRACKING_URI"'
    return f"python -m webbrowser {word}" if uri.startswith("http") else f"mlflow ui --backend-store-uri {word}"


class FailureBudget:
    """Total time that failing calls of MLflow may cost this process.

    Attributes:
        seconds: that are left; negative if the last failure took longer.
    """

    def __init__(self) -> None:
        self.seconds = FAILURE_SECONDS

    def run(self, call: Callable[[], T], minimum: float = 0.0, maximum: float = FAILURE_SECONDS) -> T:
        """Call MLflow within a time limit; the time of a failure is deducted from the budget.

        The call runs in a thread of its own. Nothing else would end the wait for a server that sends a byte a minute, or for
        the file lock of a stopped process. A thread that is too late goes on in the background until this process ends.

        Args:
            call: uses MLflow.
            minimum: time limit in seconds when the budget is used up.
            maximum: time limit in seconds.

        Returns:
            The result of the call.

        Raises:
            TimeoutError: the call takes longer.
        """
        limit = min(max(self.seconds, minimum), maximum)
        started = time.monotonic()
        try:
            with quiet():
                return _within(limit, call)
        except Exception:
            self.seconds -= time.monotonic() - started
            raise


def _within(seconds: float, call: Callable[[], T]) -> T:
    from concurrent.futures import Future
    from concurrent.futures import TimeoutError as TooLate

    outcome: Future[T] = Future()
    threading.Thread(target=_settle, args=(outcome, call), daemon=True).start()
    try:
        return outcome.result(seconds)
    except TooLate:
        if outcome.done():  # the call raised a timeout of its own, or it ended at the last moment
            return outcome.result()
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # the thread may still print its URLs
        raise TimeoutError(f"no answer in {seconds:.0f} s") from None


def _settle(outcome: Future[T], call: Callable[[], T]) -> None:
    try:
        outcome.set_result(call())
    except BaseException as error:
        outcome.set_exception(error)


class Tracker:
    """Mirrors results into MLflow, as a context manager. It never raises an error of MLflow.

    MLflow is imported (seconds) and the parent run created by the first ``open`` or ``mirror``, at the latest on leaving.

    Args:
        output: the workspace, whose lock the caller holds; the default database and the artifacts go there.
        invocation: parameters of the parent run: profile, methods, data sets, seeds, git commit.
        warn: called with one line at the first failure, and with another one at the end if cells are not mirrored.

    Attributes:
        failures: errors of MLflow, one line each.
        cell_failed: set by the caller when a cell failed; the parent run then ends as FAILED.
    """

    def __init__(self, output: Path, *, invocation: Mapping[str, Any], warn: Callable[[str], None]) -> None:
        self.failures: list[str] = []
        self.cell_failed = False
        self._output, self._uri = real_path(output), tracking_uri(output)
        self._invocation, self._warn = invocation, warn
        self._session: Session | None = None
        self._started, self._budget = time.time(), FailureBudget()
        self._tried_to_open, self._failures_in_a_row = False, 0
        self._passed, self._lacking = 0, 0

    def __enter__(self) -> Tracker:
        self._started = time.time()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        interrupted = kind is not None and not issubclass(kind, Exception)
        if not interrupted:  # Ctrl-C does not wait for an import
            self.open()
        if session := self._session:
            status = "KILLED" if interrupted else "FAILED" if kind or self.cell_failed else "FINISHED"
            limit = INTERRUPTED_SECONDS if interrupted else CLOSING_SECONDS if self._is_down() else FAILURE_SECONDS
            self._attempt("closing the run", lambda: session.close_parent(status), minimum=CLOSING_SECONDS, maximum=limit)
        if self._lacking:
            command = f"python -m benchmarks.sync --results {shlex.quote(str(self._output))}"
            cells = f"{self._lacking} of {counted(self._passed, 'cell')}"
            self._warn(f"MLflow lacks {cells}, whose results are safe: {command} mirrors them")

    @property
    def address(self) -> str:
        """Address of the tracking server or database, without secrets."""
        return address_without_secrets(self._uri)

    @property
    def is_lacking(self) -> bool:
        """True if a result that was passed could not be mirrored."""
        return self._lacking > 0

    def open(self) -> bool:
        """Create the database, the experiment and the parent run, in the first call only.

        Returns:
            True if MLflow can be used. A failure is final: later calls do not try again.
        """
        if not self._tried_to_open:
            self._tried_to_open = True
            self._session = self._attempt(f"opening {self.address}", self._connect)
            if session := self._session:
                self._attempt("closing runs that a killed process left open", session.close_abandoned)
        return self._session is not None

    def _connect(self) -> Session:
        session = Session(self._uri, self._output, self._invocation, self._started)
        session.open_parent()
        return session

    def mirror(self, result: Result, folder: Path) -> str:
        """Mirror a result as a child run with its files, or tag the parent run with the id of the run that mirrors it already.

        Args:
            result: the parsed result file.
            folder: the cell's folder; ``mlflow.json`` there will name the run.

        Returns:
            The id of the child run; empty if the result could not be mirrored.
        """
        run_id = self._mirror(result, folder)
        self._passed += 1
        self._lacking += not run_id
        if not run_id:
            forget_stale_note(folder, result)
        return run_id

    def _mirror(self, result: Result, folder: Path) -> str:
        if self._is_down() or not self.open() or self._session is None:
            return ""
        session, action = self._session, f"mirroring cell {result.cell.id}"
        try:
            entry = make_entry(result)
        except ValueError as error:
            self._add_failure(action, error)  # the result is wrong, not MLflow
            return ""
        run_id = session.mirrored.get(entry.key, "")
        if run_id:
            self._attempt(f"noting which run has cell {entry.key[0]}", lambda: session.note_reuse(entry))
        else:
            run_id = self._attempt(action, lambda: session.add(entry, mirrored_files(folder))) or ""
        if run_id:
            try:
                write_note(folder, entry, run_id, self.address)
            except UsageError as error:
                self._add_failure(f"{action} as {run_id}", error)
        return run_id

    def _is_down(self) -> bool:
        return self._failures_in_a_row >= MAX_FAILURES or self._budget.seconds <= 0

    def _attempt(self, action: str, call: Callable[[], T], minimum: float = 0.0, maximum: float = FAILURE_SECONDS) -> T | None:
        """Result of a call of MLflow; None if it failed, which is reported."""
        try:
            result = self._budget.run(call, minimum, maximum)
        except Exception as error:  # a tracker may raise anything; the benchmark goes on
            self._failures_in_a_row += 1
            self._add_failure(action, error)
            return None
        self._failures_in_a_row = 0
        return result

    def _add_failure(self, action: str, error: Exception) -> None:
        self.failures.append(f"MLflow, {action}: {reason(error, self._uri)}")
        if len(self.failures) == 1:
            self._warn(f"{self.failures[0]} (results are safe in {self._output}; further MLflow failures are not shown)")


def reason(error: Exception, uri: str) -> str:
    """An error of MLflow at an address in one line: its cause, without secrets, and a remedy if one is known."""
    return ": ".join(filter(None, cause_and_remedy(error, uri)))


def cause_and_remedy(error: Exception, uri: str) -> tuple[str, str]:
    """Cause of an error of MLflow at an address, in one line without secrets, and a remedy; empty if none is known."""
    text = without_secrets(" ".join(f"{type(error).__name__}: {error}".split()), uri)
    cause = _CAUSE.search(text)
    if cause:  # it stands behind hundreds of characters of wrapped errors and SQL
        text = ": ".join(filter(None, cause.groups()))
    for sign, remedy in _REMEDIES.items():
        if sign in text:
            return _shortened(text, 200), remedy
    return _shortened(text, 300), ""


def _shortened(text: str, length: int) -> str:
    """A text of at most about ``length`` characters: its whole sentences, or its beginning if the first sentence is longer."""
    if len(text) <= length:
        return text
    sentences, stop, _ = text[:length].rpartition(". ")
    return sentences if stop else f"{text[:length].rstrip()} …"
