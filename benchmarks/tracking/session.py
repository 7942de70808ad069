"""A connection with MLflow: what its experiment has of the result files, and how it gets the rest. Everything here may raise."""

from __future__ import annotations

import logging
import os
import platform
import posixpath
import re
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.core.files import is_alive, temporary_path
from benchmarks.tracking.entry import Entry, Number, as_text, flatten

EXPERIMENT = "cincgan-benchmark"
BATCH_ENTITIES, BATCH_PARAMS = 1000, 100  # MLflow's own limits for one log_batch call

# What holds while MLflow works, where the user has not set it: left alone, it retries for minutes and reports its use.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
_DATABASE_ATTEMPTS = 3  # MLflow's ten take 100 seconds
_CREATION_SECONDS = 50  # to wait for another process that creates the same database, which takes five to ten


def is_mirrored(run: Any) -> bool:
    """Whether a run has all of a result: it is closed last. One that was cut off is RUNNING, KILLED, or of old FAILED."""
    status, tags = run.info.status, run.data.tags
    return "cell_id" in tags and (status == "FINISHED" or (status == "FAILED" and tags.get("status") == "diverged"))


class Session:
    """A connection with its experiment, what that has already, and a parent run of its own once one is needed.

    Args:
        uri: of a tracking server or database.
        output: the workspace, whose lock the caller holds.
        invocation: the parent's parameters.
        started: when the invocation began, in seconds since 1970.
        restore: bring back the experiment where it was deleted.
        look_only: change nothing; there may be no experiment then.

    Attributes:
        mirrored: by key of an entry, the run that has it.
        abandoned: runs that a killed process has left open.
    """

    def __init__(
        self,
        uri: str,
        output: Path,
        invocation: Mapping[str, Any],
        started: float,
        *,
        restore: bool = False,
        look_only: bool = False,
    ) -> None:
        self.mirrored: dict[tuple[str, str], str] = {}
        self.abandoned: list[str] = []
        self._output, self._own = output, uri == own_uri(output)
        self._invocation, self._started, self._parent = invocation, started, ""
        self._client = connect(uri)
        self._experiment = self._find_experiment(uri, restore) if not look_only else self._look_for_experiment()
        if self._experiment:
            self._survey()

    def _look_for_experiment(self) -> str:
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        return str(experiment.experiment_id) if experiment and experiment.lifecycle_stage != "deleted" else ""

    def _find_experiment(self, uri: str, restore: bool) -> str:
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            # Without a location, MLflow would put artifacts into ./mlruns of whatever the working directory is.
            database = sqlite_file(uri)
            folder = (database.parent if database else self._output) / "mlartifacts"
            try:
                location = folder.as_uri() if uri.startswith("sqlite:") else None
                return str(self._client.create_experiment(EXPERIMENT, artifact_location=location))
            except Exception:  # another process may have been faster
                experiment = self._client.get_experiment_by_name(EXPERIMENT)
                if experiment is None:
                    raise
        if experiment.lifecycle_stage == "deleted":
            if not restore:
                raise RuntimeError(f"the experiment {EXPERIMENT} was deleted")
            self._client.restore_experiment(experiment.experiment_id)
        return str(experiment.experiment_id)

    def _survey(self) -> None:
        """One search over the experiment: learn what is mirrored already, and what a killed process left open."""
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
        """Whether an open run's process is gone. Who holds a workspace's lock is alone in it, and in its own database."""
        if self._own and "host" in tags:
            return True
        here = tags.get("host") == platform.node()
        return here and (tags.get("workspace") == str(self._output) or not _alive(tags.get("pid", "")))

    def close_abandoned(self) -> int:
        """Mark as KILLED what killed processes left open. Returns how many runs these were."""
        for run_id in self.abandoned:
            self._cut_short(run_id)
        return len(self.abandoned)

    def open_parent(self) -> str:
        """The invocation's run, created when first asked for."""
        if not self._parent:
            name = (
                f"{self._invocation.get('profile', 'run')} {datetime.fromtimestamp(self._started).isoformat(timespec='seconds')}"
            )
            self._parent = self._create(name, self._started, {"kind": "invocation"})
            self._log(self._parent, flatten(self._invocation))
        return self._parent

    def close_parent(self, status: str) -> None:
        """Close the invocation's run, where it has one."""
        if self._parent:
            self._end(self._parent, status)

    def note_reuse(self, entry: Entry) -> None:
        """Note on the parent which run has the entry already."""
        self._client.set_tag(self.open_parent(), f"reused.{entry.key[0]}", self.mirrored[entry.key])

    def add(self, entry: Entry, files: Sequence[Path]) -> str:
        """Add a child run, and close it only when it has all. One that is cut off is KILLED, and mirrored anew next time."""
        run_id = self._create(entry.name, entry.start, {**entry.tags, "mlflow.parentRunId": self.open_parent()})
        try:
            self._log(run_id, entry.params, entry.metrics, entry.end)
            self.upload(run_id, files)
        except BaseException:
            self._cut_short(run_id)
            raise
        self._end(run_id, entry.status, entry.end)
        self.mirrored[entry.key] = run_id
        return run_id

    def upload(self, run_id: str, files: Sequence[Path]) -> None:
        """Store files with a run: images as samples."""
        for file in files:
            self._client.log_artifact(run_id, str(file), _place(file) or None)

    def lost(self, run_id: str, files: Sequence[Path]) -> list[Path]:
        """Those of the files that the run has not, or in another size."""
        sizes: dict[str, int | None] = {}
        for place in {_place(file) for file in files}:
            sizes |= {item.path: item.file_size for item in self._client.list_artifacts(run_id, place or None)}
        names = {file: posixpath.join(_place(file), file.name) for file in files}
        return [file for file, name in names.items() if sizes.get(name, -1) not in (None, file.stat().st_size)]

    def _end(self, run_id: str, status: str, when: float = 0) -> None:
        self._client.set_terminated(run_id, status, end_time=int((when or time.time()) * 1000))

    def _cut_short(self, run_id: str) -> None:
        """End a run that did not come to its end, and drop its artifacts here, of which the last may be half a file."""
        if self._own:
            shutil.rmtree(self._output / "mlartifacts" / run_id, ignore_errors=True)
        self._end(run_id, "KILLED")

    def _create(self, name: str, start: float, tags: Mapping[str, str]) -> str:
        owner = {"host": platform.node(), "pid": str(os.getpid()), "workspace": as_text(str(self._output))}
        run = self._client.create_run(self._experiment, start_time=int(start * 1000), tags={**owner, **tags}, run_name=name)
        return str(run.info.run_id)

    def _log(self, run_id: str, params: Mapping[str, str], metrics: Sequence[Number] = (), when: float = 0) -> None:
        """As few ``log_batch`` calls as MLflow's limits allow."""
        from mlflow.entities import Metric, Param

        p = [Param(key, value) for key, value in params.items()]
        m = [Metric(name, value, int(when * 1000), step) for name, value, step in metrics]
        while p or m:
            room = BATCH_ENTITIES - len(p[:BATCH_PARAMS])
            self._client.log_batch(run_id, metrics=m[:room], params=p[:BATCH_PARAMS])
            p, m = p[BATCH_PARAMS:], m[room:]


def _place(file: Path) -> str:
    """The folder of a run's artifacts that a file goes to."""
    return "samples" if file.suffix == ".png" else ""


def own_uri(output: Path) -> str:
    """The SQLite file in the output folder."""
    return f"sqlite:///{(output.resolve() / 'mlflow.db').as_posix()}"


def sqlite_file(uri: str) -> Path | None:
    """The file of an SQLite address; None for any other."""
    path = uri.removeprefix("sqlite:///").partition("?")[0]
    return Path(path).absolute() if uri.startswith("sqlite:///") and path not in ("", ":memory:") else None


def connect(uri: str) -> Any:
    """An ``MlflowClient``, without any global state of MLflow's; creates the database where there is none."""
    from mlflow import MlflowClient
    from mlflow.store.db import utils

    if uri.startswith("sqlite:") and "MLFLOW_TRACKING_URI" not in os.environ and re.search(r"\?|%[\da-fA-F]{2}", uri):
        raise ValueError("a path with '?' or '%' cannot be written as a database address: choose another output folder")
    before, utils.MAX_RETRY_COUNT = utils.MAX_RETRY_COUNT, _DATABASE_ATTEMPTS
    database = sqlite_file(uri)
    try:
        with _alone(database) if database else nullcontext():
            if database and not database.exists():
                _create_database(database)
            return MlflowClient(tracking_uri=uri)
    finally:
        utils.MAX_RETRY_COUNT = before


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Several processes that open a fresh SQLite file crash in MLflow's migrations: one after the other.

    Who creates a database makes the lock's file first. A database without it was made long ago, or is somebody else's.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(database.with_name(f".{database.name}.lock"))
    is_there = database.exists() and (not database.is_file() or database.stat().st_size > 0)
    if is_there and not Path(lock.lock_file).exists():
        yield
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire(timeout=_CREATION_SECONDS)
    except Timeout:
        raise TimeoutError(f"another process has been creating {database} for {_CREATION_SECONDS} s") from None
    except OSError:
        pass  # in a folder that cannot be written nothing is created either
    try:
        yield
    finally:
        lock.release()


def _create_database(path: Path) -> None:
    """Make a fresh SQLite database whole or not at all: MLflow never opens one again whose first migrations were cut off."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    temporary = temporary_path(path)
    try:
        SqlAlchemyStore(f"sqlite:///{temporary.as_posix()}", "./mlruns")._dispose_engine()  # type: ignore[no-untyped-call]
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _alive(pid: str) -> bool:
    """Whether another process of this host has the number. Our own number was an earlier process's: we have no run yet."""
    return pid.isdigit() and int(pid) != os.getpid() and is_alive(int(pid))


@contextmanager
def quiet() -> Iterator[None]:
    """MLflow's environment and silence for the time of one call: the tracker reports what fails, nothing outlives the call."""
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
