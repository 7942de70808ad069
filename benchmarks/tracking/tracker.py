"""The MLflow mirror of the result files: one parent run per invocation, one child run per cell.

Result files are the truth. Whatever fails here is remembered, reported in one line and never loses a result; what MLflow lacks is
mirrored by the next invocation that passes the result again, or by ``python -m benchmarks.sync``.
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
from benchmarks.results.record import Result
from benchmarks.tracking.entry import forget_stale_note, make_entry, mirrored_files, write_note
from benchmarks.tracking.session import Session, own_uri, quiet

if TYPE_CHECKING:
    from concurrent.futures import Future

GIVE_UP_AFTER = 3  # failed cells in a row: the tracker is down
PATIENCE = 120.0  # seconds that failures may cost one process in all, however MLflow fails; a new database alone takes ten
CLOSING = 5.0  # seconds that closing the run may take, where patience is at an end
CLOSING_INTERRUPTED = 3.0  # the same after a signal, which leaves four in all

T = TypeVar("T")

# What is the matter, within the messages of SQLAlchemy and urllib3.
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
}  # what an error's text contains -> what helps


def tracking_uri(output: Path) -> str:
    """Where runs are mirrored: ``MLFLOW_TRACKING_URI`` if set, else an SQLite file in the output folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or own_uri(output)


def ui_command(output: Path) -> str:
    """The shell line that opens the user interface. An address with a password in it is named, not spelt out."""
    uri = tracking_uri(output)
    word = shlex.quote(uri) if without_password(uri) == uri else '"$MLFLOW_TRACKING_URI"'
    return f"python -m webbrowser {word}" if uri.startswith("http") else f"mlflow ui --backend-store-uri {word}"


class Patience:
    """How long a tracker's failures may hold this process up: whatever MLflow waits for, the time of all of them is bounded."""

    def __init__(self) -> None:
        self.left = PATIENCE

    def run(self, call: Callable[[], T], minimum: float = 0.0, maximum: float = PATIENCE) -> T:
        """What a call returns or raises.

        It runs in a thread, for nothing else ends a wait for a server that answers one byte a minute, or for a stopped
        process's file lock. Such a thread is left to itself, and ends with this process.

        Args:
            call: of MLflow.
            minimum: seconds that it may take, where patience is at an end.
            maximum: seconds that it may take.

        Raises:
            TimeoutError: it takes longer.
        """
        limit = min(max(self.left, minimum), maximum)
        started = time.monotonic()
        try:
            with quiet():
                return _within(limit, call)
        except Exception:
            self.left -= time.monotonic() - started
            raise


def _within(seconds: float, call: Callable[[], T]) -> T:
    from concurrent.futures import Future
    from concurrent.futures import TimeoutError as Late

    outcome: Future[T] = Future()
    threading.Thread(target=_settle, args=(outcome, call), daemon=True).start()
    try:
        return outcome.result(seconds)
    except Late:
        if outcome.done():  # the call's own, or it came at the last moment
            return outcome.result()
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # it may still come to that
        raise TimeoutError(f"no answer in {seconds:.0f} s") from None


def _settle(outcome: Future[T], call: Callable[[], T]) -> None:
    try:
        outcome.set_result(call())
    except BaseException as error:
        outcome.set_exception(error)


class Tracker:
    """Mirrors results into MLflow, as a context manager. No failure of MLflow leaves it.

    The first ``open`` or ``mirror``, at the latest leaving, imports MLflow (seconds) and creates the parent run.

    Args:
        output: the workspace, whose lock the caller holds; the default database and the artifacts go here.
        invocation: what was asked for (profile, methods, datasets, seeds, git commit): the parent's parameters.
        warn: called with one line at the first failure, and with another at the end where cells are not mirrored.

    Attributes:
        failures: what went wrong with MLflow, one line each.
        cell_failed: set by the caller where a cell failed; the parent run then ends FAILED.
    """

    def __init__(self, output: Path, *, invocation: Mapping[str, Any], warn: Callable[[str], None]) -> None:
        self.failures: list[str] = []
        self.cell_failed = False
        self._output, self._uri = output.resolve(), tracking_uri(output)
        self._invocation, self._warn = invocation, warn
        self._session: Session | None = None
        self._started, self._patience = time.time(), Patience()
        self._tried, self._failed_in_a_row = False, 0
        self._passed, self._lacking = 0, 0

    def __enter__(self) -> Tracker:
        self._started = time.time()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        interrupted = kind is not None and not issubclass(kind, Exception)
        if not interrupted:  # who presses Ctrl-C does not wait for an import
            self.open()
        if session := self._session:
            status = "KILLED" if interrupted else "FAILED" if kind or self.cell_failed else "FINISHED"
            most = CLOSING_INTERRUPTED if interrupted else CLOSING if self._is_down() else PATIENCE
            self._attempt("closing the run", lambda: session.close_parent(status), minimum=CLOSING, maximum=most)
        if self._lacking:
            command = f"python -m benchmarks.sync --results {shlex.quote(str(self._output))}"
            self._warn(f"MLflow lacks {self._lacking} of {self._passed} cells, whose results are safe: {command} mirrors them")

    @property
    def address(self) -> str:
        """Of the tracking server or database, without a password."""
        return without_password(self._uri)

    def open(self) -> bool:
        """Create the database, the experiment and the parent run, once. Returns whether there is a tracker to talk to."""
        if not self._tried:
            self._tried = True  # also where it fails: no second attempt
            self._session = self._attempt(f"opening {self.address}", self._connect)
            if session := self._session:
                self._attempt("closing what a killed process left open", session.close_abandoned)
        return self._session is not None

    def _connect(self) -> Session:
        session = Session(self._uri, self._output, self._invocation, self._started)
        session.open_parent()
        return session

    def mirror(self, result: Result, folder: Path) -> str:
        """Mirror a result as a child run with its file and samples, or note on the parent which run has it already.

        Args:
            result: as parsed.
            folder: of the cell; ``mlflow.json`` there names the run.

        Returns:
            The child's run id; empty where it could not be mirrored.
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
        session, what = self._session, f"mirroring cell {result.cell.id}"
        try:
            entry = make_entry(result)
        except ValueError as error:
            self._failed(what, error)  # which is no failure of MLflow
            return ""
        run_id = session.mirrored.get(entry.key, "")
        if run_id:
            self._attempt(f"noting which run has cell {entry.key[0]}", lambda: session.note_reuse(entry))
        else:
            run_id = self._attempt(what, lambda: session.add(entry, mirrored_files(folder))) or ""
        if run_id:
            try:
                write_note(folder, entry, run_id, self.address)
            except UsageError as error:
                self._failed(f"{what} as {run_id}", error)
        return run_id

    def _is_down(self) -> bool:
        return self._failed_in_a_row >= GIVE_UP_AFTER or self._patience.left <= 0

    def _attempt(self, what: str, call: Callable[[], T], minimum: float = 0.0, maximum: float = PATIENCE) -> T | None:
        try:
            outcome = self._patience.run(call, minimum, maximum)
        except Exception as error:  # whatever a tracker raises, the benchmark goes on
            self._failed_in_a_row += 1
            self._failed(what, error)
            return None
        self._failed_in_a_row = 0
        return outcome

    def _failed(self, what: str, error: Exception) -> None:
        self.failures.append(f"MLflow, {what}: {reason(error)}")
        if len(self.failures) == 1:
            self._warn(f"{self.failures[0]} (results are safe in {self._output}; further MLflow failures are not shown)")


def reason(error: Exception) -> str:
    """What went wrong, in one line without passwords, and how to mend it where MLflow does not say so or says what is wrong."""
    text = without_password(" ".join(f"{type(error).__name__}: {error}".split()))
    cause = _CAUSE.search(text)
    if cause:  # behind hundreds of characters about who raised what, and an SQL statement
        text = ": ".join(filter(None, cause.groups()))
    for sign, remedy in _REMEDIES.items():
        if sign in text:
            return f"{text[:200]}: {remedy}"
    return text[:300]


def without_password(text: str) -> str:
    """Text in which every address is without its user and password."""
    return re.sub(r"//[^/@\s]+@", "//", text)
