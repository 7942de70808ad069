"""Connection to MLflow: runs that mirror result files are listed, created and closed. Every call may raise what MLflow raises."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import posixpath
import re
import shutil
import sqlite3
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.core.errors import BenchmarkError
from benchmarks.core.files import cache_root, is_alive, real_path, temporary_path, write_atomically
from benchmarks.core.locks import Busy, NoLock, locked
from benchmarks.results.layout import MLFLOW_ARTIFACTS, MLFLOW_DATABASE, SAMPLES
from benchmarks.tracking.entry import Entry, Number, as_text, flatten

EXPERIMENT = "cincgan-benchmark"
KEPT = "mlflow"  # folder of the cache with an empty database of each version of MLflow
BATCH_ENTITIES, BATCH_PARAMS = 1000, 100  # MLflow's own limits for one log_batch call

# Environment of MLflow calls, unless the user has set these variables: the defaults are telemetry and minutes of retries
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
_DATABASE_ATTEMPTS = 3  # MLflow's default of ten takes 100 seconds
_CREATION_SECONDS = 50  # limit of the wait while another process creates the same database, which takes five to ten


def is_mirrored(run: Any) -> bool:
    """True if a run mirrors a whole result: runs are closed last.

    A run that was cut off is RUNNING or KILLED, or FAILED if an early version of this project wrote it.
    """
    status, tags = run.info.status, run.data.tags
    return "cell_id" in tags and (status == "FINISHED" or (status == "FAILED" and tags.get("status") == "diverged"))


class Session:
    """A connection to the experiment, with the runs that are there. A parent run is created when the first child needs it.

    Args:
        uri: address of a tracking server or database.
        output: the workspace, whose lock the caller holds.
        invocation: parameters of the parent run.
        started: when the invocation began, in seconds since 1970.
        restore: bring back the experiment if it was deleted.
        read_only: change nothing; the experiment may be missing then.

    Attributes:
        mirrored: id of the run that mirrors an entry, by the entry's key.
        abandoned: ids of runs that killed processes have left open.
    """

    def __init__(
        self,
        uri: str,
        output: Path,
        invocation: Mapping[str, Any],
        started: float,
        *,
        restore: bool = False,
        read_only: bool = False,
    ) -> None:
        self.mirrored: dict[tuple[str, str], str] = {}
        self.abandoned: list[str] = []
        self._output, self._own = output, uri == own_uri(output)
        self._invocation, self._started, self._parent = invocation, started, ""
        self._client = connect(uri)
        self._experiment = self._existing_experiment() if read_only else self._open_experiment(uri, restore)
        if self._experiment:
            self._read_runs()

    def _existing_experiment(self) -> str:
        """Id of the experiment; empty if there is none."""
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        return str(experiment.experiment_id) if experiment and experiment.lifecycle_stage != "deleted" else ""

    def _open_experiment(self, uri: str, restore: bool) -> str:
        """Id of the experiment, which is created if there is none. Raises RuntimeError if it was deleted and stays so."""
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            # Without a location, MLflow would put artifacts into ./mlruns of the working directory.
            database = sqlite_file(uri)
            folder = (database.parent if database else self._output) / MLFLOW_ARTIFACTS
            try:
                location = folder.as_uri() if uri.startswith("sqlite:") else None
                return str(self._client.create_experiment(EXPERIMENT, artifact_location=location))
            except Exception:  # another process may have created it in the meantime
                experiment = self._client.get_experiment_by_name(EXPERIMENT)
                if experiment is None:
                    raise
        if experiment.lifecycle_stage == "deleted":
            if not restore:
                raise RuntimeError(f"the experiment {EXPERIMENT} was deleted")
            self._client.restore_experiment(experiment.experiment_id)
        return str(experiment.experiment_id)

    def _read_runs(self) -> None:
        """Read all runs of the experiment, page by page, and keep the mirrored and the abandoned ones."""
        token: str | None = ""
        while token is not None:
            page = self._client.search_runs([self._experiment], page_token=token or None)
            for run in page:
                tags = run.data.tags
                if is_mirrored(run):
                    self.mirrored[tags["cell_id"], tags.get("finished_at", "")] = run.info.run_id
                elif run.info.status == "RUNNING" and self._is_abandoned(tags):
                    self.abandoned.append(run.info.run_id)
            token = page.token or None

    def _is_abandoned(self, tags: Mapping[str, str]) -> bool:
        """True if the process of an open run is gone.

        The holder of a workspace's lock is the only process in it, and in the workspace's own database.
        """
        if self._own and "host" in tags:
            return True
        is_on_this_host = tags.get("host") == platform.node()
        return is_on_this_host and (tags.get("workspace") == str(self._output) or not _alive(tags.get("pid", "")))

    def close_abandoned(self) -> int:
        """Mark runs that killed processes left open as KILLED, and return their number."""
        for run_id in self.abandoned:
            self._kill(run_id)
        return len(self.abandoned)

    def open_parent(self) -> str:
        """Id of the invocation's run, which the first call creates."""
        if not self._parent:
            started = datetime.fromtimestamp(self._started).isoformat(timespec="seconds")
            name = f"{self._invocation.get('profile', 'run')} {started}"
            self._parent = self._create(name, self._started, {"kind": "invocation"})
            self._log(self._parent, flatten(self._invocation))
        return self._parent

    def close_parent(self, status: str) -> None:
        """Close the invocation's run if it was created."""
        if self._parent:
            self._end(self._parent, status)

    def note_reuse(self, entry: Entry) -> None:
        """Tag the parent run with the id of the run that mirrors the entry already."""
        self._client.set_tag(self.open_parent(), f"reused.{entry.key[0]}", self.mirrored[entry.key])

    def add(self, entry: Entry, files: Sequence[Path]) -> str:
        """Add a child run, close it when it is whole, and return its id.

        A run that is cut off is marked as KILLED; the next session mirrors its entry again.
        """
        run_id = self._create(entry.name, entry.start, {**entry.tags, "mlflow.parentRunId": self.open_parent()})
        try:
            self._log(run_id, entry.params, entry.metrics, entry.end)
            self.upload(run_id, files)
        except BaseException:
            self._kill(run_id)
            raise
        self._end(run_id, entry.status, entry.end)
        self.mirrored[entry.key] = run_id
        return run_id

    def upload(self, run_id: str, files: Sequence[Path]) -> None:
        """Store files as artifacts of a run, images in the folder ``samples``."""
        for file in files:
            self._client.log_artifact(run_id, str(file), _artifact_folder(file) or None)

    def lost_artifacts(self, run_id: str, files: Sequence[Path]) -> list[Path]:
        """The files that are no artifacts of the run, or have another size there."""
        sizes: dict[str, int | None] = {}
        for folder in {_artifact_folder(file) for file in files}:
            sizes |= {item.path: item.file_size for item in self._client.list_artifacts(run_id, folder or None)}
        names = {file: posixpath.join(_artifact_folder(file), file.name) for file in files}
        return [file for file, name in names.items() if sizes.get(name, -1) not in (None, file.stat().st_size)]

    def _end(self, run_id: str, status: str, when: float = 0) -> None:
        self._client.set_terminated(run_id, status, end_time=int((when or time.time()) * 1000))

    def _kill(self, run_id: str) -> None:
        """Mark a run as KILLED, and remove its artifacts from the workspace: the last may be half a file."""
        if self._own:
            shutil.rmtree(self._output / MLFLOW_ARTIFACTS / run_id, ignore_errors=True)
        self._end(run_id, "KILLED")

    def _create(self, name: str, start: float, tags: Mapping[str, str]) -> str:
        owner = {"host": platform.node(), "pid": str(os.getpid()), "workspace": as_text(str(self._output))}
        run = self._client.create_run(self._experiment, start_time=int(start * 1000), tags={**owner, **tags}, run_name=name)
        return str(run.info.run_id)

    def _log(self, run_id: str, params: Mapping[str, str], metrics: Sequence[Number] = (), when: float = 0) -> None:
        """Log parameters and metrics in as few ``log_batch`` calls as MLflow's limits allow."""
        from mlflow.entities import Metric, Param

        param_queue = [Param(key, value) for key, value in params.items()]
        metric_queue = [Metric(name, value, int(when * 1000), step) for name, value, step in metrics]
        while param_queue or metric_queue:
            room = BATCH_ENTITIES - len(param_queue[:BATCH_PARAMS])
            self._client.log_batch(run_id, metrics=metric_queue[:room], params=param_queue[:BATCH_PARAMS])
            param_queue, metric_queue = param_queue[BATCH_PARAMS:], metric_queue[room:]


def _artifact_folder(file: Path) -> str:
    """Folder of a file within a run's artifacts; empty for the top."""
    return SAMPLES if file.suffix == ".png" else ""


def own_uri(output: Path) -> str:
    """Address of the SQLite file in the output folder."""
    return f"sqlite:///{(real_path(output) / MLFLOW_DATABASE).as_posix()}"


def sqlite_file(uri: str) -> Path | None:
    """The file that an SQLite address names; None for other addresses."""
    path = uri.removeprefix("sqlite:///").partition("?")[0]
    return Path(path).absolute() if uri.startswith("sqlite:///") and path not in ("", ":memory:") else None


def connect(uri: str) -> Any:
    """An ``MlflowClient``; MLflow's global state stays as it was. An SQLite database is created if it is missing.

    Raises:
        ValueError: the path of the workspace's database cannot be written as an address.
        TimeoutError: another process has been creating the database for too long.
    """
    from mlflow import MlflowClient
    from mlflow.store.db import utils

    if uri.startswith("sqlite:") and "MLFLOW_TRACKING_URI" not in os.environ and re.search(r"\?|%[\da-fA-F]{2}", uri):
        raise ValueError("a path with '?' or '%' cannot be written as a database address: choose another output folder")
    before, utils.MAX_RETRY_COUNT = utils.MAX_RETRY_COUNT, _DATABASE_ATTEMPTS
    database = sqlite_file(uri)
    try:
        with _creation_lock(database) if database else nullcontext():
            if database and not database.exists():
                _create_database(database)
            elif database:
                _relocate_artifacts(database)
            return MlflowClient(tracking_uri=uri)
    finally:
        utils.MAX_RETRY_COUNT = before


@contextmanager
def _creation_lock(database: Path) -> Iterator[None]:
    """Let one process at a time open a fresh SQLite database: several at once crash in MLflow's migrations.

    The process that creates a database creates the lock file first. A database without a lock file is older than this lock
    or belongs to another program, and is not locked.
    """
    lock_file = database.with_name(f".{database.name}.lock")
    exists = database.exists() and (not database.is_file() or database.stat().st_size > 0)
    if exists and not lock_file.exists():
        yield
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(lock_file, "choose another folder", limit=_CREATION_SECONDS))
        except Busy:
            raise TimeoutError(f"another process has been creating {database} for {_CREATION_SECONDS} s") from None
        except NoLock:
            pass  # where the folder cannot be written nothing will be created, and without locks one process must do
        yield


def _create_database(path: Path) -> None:
    """Create an SQLite database atomically: MLflow cannot open a database whose first migrations were cut off.

    MLflow's migrations take a second. The cache keeps an empty database of each version of MLflow, which is copied from then on.
    """
    from mlflow import __version__
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    temporary = temporary_path(path)
    try:
        if empty := _kept_database(__version__):
            temporary.write_bytes(empty)
        else:
            SqlAlchemyStore(f"sqlite:///{temporary.as_posix()}", "./mlruns")._dispose_engine()  # type: ignore[no-untyped-call]
            _keep_database(__version__, temporary.read_bytes())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _kept_database(version: str) -> bytes | None:
    """The empty database of a version of MLflow; None if none is kept, or its SHA-256 is not the one in its name."""
    with suppress(OSError, BenchmarkError):
        for path in (cache_root() / KEPT).glob(f"{version}-*.db"):
            content = path.read_bytes()
            if path.name == _kept_name(version, content):
                return content
    return None


def _keep_database(version: str, content: bytes) -> None:
    """Keep an empty database for later workspaces. Without a cache that can be written, none is kept."""
    with suppress(OSError, BenchmarkError):
        write_atomically(cache_root() / KEPT / _kept_name(version, content), lambda file: file.write(content))


def _kept_name(version: str, content: bytes) -> str:
    return f"{version}-{hashlib.sha256(content).hexdigest()}.db"


def _relocate_artifacts(path: Path) -> None:
    """Have artifacts beside an SQLite database where it is now: MLflow writes absolute paths, which a moved folder leaves behind.

    Locations that the user has chosen stay. A database that cannot be written stays as it is.
    """
    here = (path.parent / MLFLOW_ARTIFACTS).as_uri()
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=1)) as database, database:
        query = "SELECT experiment_id, artifact_location FROM experiments WHERE name = ?"
        for experiment, before in database.execute(query, (EXPERIMENT,)).fetchall():
            if before != here and str(before).startswith("file:") and str(before).endswith(f"/{MLFLOW_ARTIFACTS}"):
                moved = "artifact_uri = ? || substr(artifact_uri, ?) WHERE experiment_id = ? AND substr(artifact_uri, 1, ?) = ?"
                length = len(before)
                database.execute(f"UPDATE runs SET {moved}", (here, length + 1, experiment, length, before))  # noqa: S608 - a constant
                database.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (here, experiment))


def _alive(pid: str) -> bool:
    """True if another process of this host has this id. A run with our own id is an earlier process's: we have none yet."""
    return pid.isdigit() and int(pid) != os.getpid() and is_alive(int(pid))


@contextmanager
def quiet() -> Iterator[None]:
    """Set MLflow's environment and silence its loggers within the block: the tracker reports failures. Restored on leaving."""
    chosen = {key: value for key, value in _ENVIRONMENT.items() if key not in os.environ}
    names = ("mlflow", "alembic", "urllib3.connectionpool") if "MLFLOW_LOGGING_LEVEL" in chosen else ()
    levels = {name: logging.getLogger(name).level for name in names}
    os.environ.update(chosen)
    for name in levels:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        for key in chosen:
            os.environ.pop(key, None)
