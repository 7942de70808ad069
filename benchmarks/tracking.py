"""The MLflow mirror of the result files: one parent run per invocation, one child run per cell.

Result files are the truth. Whatever fails here is remembered, reported in one line and never loses a result; what MLflow lacks is
mirrored by the next invocation that passes the result again.
"""

from __future__ import annotations

import json
import logging
import math
import os
import platform
import re
import shlex
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

EXPERIMENT = "cincgan-benchmark"

# MLflow's own limits, for one log_batch call and for one value.
BATCH_ENTITIES, BATCH_PARAMS, VALUE_LENGTH, KEY_LENGTH = 1000, 100, 6000, 250
GIVE_UP_AFTER = 3  # failed cells in a row: the tracker is down, and each further try would cost its time-out

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

Number = tuple[str, float, int]  # name, value, step


def tracking_uri(output: Path) -> str:
    """Where runs are mirrored: ``MLFLOW_TRACKING_URI`` if set, else an SQLite file in the output folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(output.resolve() / 'mlflow.db').as_posix()}"


def ui_command(output: Path) -> str:
    """The shell line that opens the user interface. An address with a password in it is named, not spelt out."""
    uri = tracking_uri(output)
    word = shlex.quote(uri) if _without_password(uri) == uri else '"$MLFLOW_TRACKING_URI"'
    return f"python -m webbrowser {word}" if uri.startswith("http") else f"mlflow ui --backend-store-uri {word}"


class Tracker:
    """Mirrors results into MLflow, as a context manager. No failure of MLflow leaves it.

    The first ``open`` or ``mirror``, at the latest leaving, imports MLflow (seconds) and creates the parent run; after ``skip``,
    nothing does. For one process only: several that open a fresh database at once crash in its migrations.

    Args:
        output: the workspace; the default database and the artifacts go here.
        invocation: what was asked for (profile, methods, datasets, seeds, git commit): the parent's parameters.
        warn: called once, with one line, at the first failure.

    Attributes:
        failures: what went wrong with MLflow, one line each.
        cell_failed: set by the caller where a cell failed; the parent run then ends FAILED.
    """

    def __init__(self, output: Path, *, invocation: Mapping[str, Any], warn: Callable[[str], None]) -> None:
        self.failures: list[str] = []
        self.cell_failed = False
        self._output, self._uri = output.resolve(), tracking_uri(output)
        self._invocation, self._warn = invocation, warn
        self._session: _Session | None = None
        self._started = time.time()
        self._skip, self._failed_in_a_row = False, 0

    def __enter__(self) -> Tracker:
        self._started = time.time()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        interrupted = kind is not None and issubclass(kind, (KeyboardInterrupt, SystemExit))
        if not interrupted:  # who presses Ctrl-C does not wait for an import
            self.open()
        if self._session:
            with self._attempt("closing the run"):
                status = "KILLED" if interrupted else "FAILED" if kind or self.cell_failed else "FINISHED"
                self._session.end(self._session.parent, status)

    @property
    def address(self) -> str:
        """Of the tracking server or database, without a password."""
        return _without_password(self._uri)

    def skip(self) -> None:
        """There is nothing to mirror, every cell was reused: leave MLflow alone, unless it is open already."""
        self._skip = True

    def open(self) -> bool:
        """Create the database, the experiment and the parent run, once. Returns whether there is a tracker to talk to."""
        if self._session is None and not self._skip:
            self._skip = True  # also where it fails: no second attempt
            with self._attempt(f"opening {self._uri}"):
                session = _Session(self._uri, self._output)
                session.start(self._invocation, self._started)
                self._session = session
        return self._session is not None

    def mirror(self, result: Mapping[str, Any], images: Sequence[Path] = (), file: Path | None = None) -> str:
        """Mirror a parsed result file as a child run with its sample images, or note on the parent which run has it already.

        Args:
            result: as parsed.
            images: samples to keep with it.
            file: the result file itself, to keep with it.

        Returns:
            The child's run id; empty where it could not be mirrored.
        """
        run_id = ""
        if self._failed_in_a_row >= GIVE_UP_AFTER or not self.open() or self._session is None:
            return run_id
        with self._attempt(f"mirroring cell {result['cell']['id']}"):
            run_id = self._session.mirror(result, images, file)
            self._failed_in_a_row = 0
        return run_id

    @contextmanager
    def _attempt(self, what: str) -> Iterator[None]:
        try:
            with quiet():
                yield
        except Exception as error:  # whatever a tracker raises, the benchmark goes on
            self._failed_in_a_row += 1
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            self.failures.append(_without_password(f"MLflow, {what}: {reason[:300]}"))
            if len(self.failures) == 1:
                self._warn(f"{self.failures[0]} (results are safe in {self._output}; further MLflow failures are not shown)")


class _Session:
    """A connection with its experiment and its parent run. Everything here may raise."""

    def __init__(self, uri: str, output: Path) -> None:
        self.parent = ""
        self._mirrored: dict[tuple[str, str], str] = {}  # (cell id, finished at) -> run id
        self._client = connect(uri)
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            # Without a location, MLflow would put artifacts into ./mlruns of whatever the working directory is.
            location = (output / "mlartifacts").as_uri() if uri.startswith("sqlite:") else None
            self._experiment = self._client.create_experiment(EXPERIMENT, artifact_location=location)
        else:
            self._experiment = experiment.experiment_id
            self._survey()

    def start(self, invocation: Mapping[str, Any], when: float) -> None:
        name = f"{invocation.get('profile', 'run')} {datetime.fromtimestamp(when).isoformat(timespec='seconds')}"
        self.parent = self._create(name, when, {"kind": "invocation"})
        self._log(self.parent, flatten(invocation))

    def _survey(self) -> None:
        """One search over the experiment: learn what is mirrored already, close what a killed process of this host left open."""
        token: str | None = ""
        while token is not None:
            page = self._client.search_runs([self._experiment], page_token=token or None)
            for run in page:
                tags, status = run.data.tags, run.info.status
                if status == "FINISHED":
                    self._mirrored[tags.get("cell_id", ""), tags.get("finished_at", "")] = run.info.run_id
                elif status == "RUNNING" and tags.get("host") == platform.node() and not _alive(tags.get("pid", "")):
                    self.end(run.info.run_id, "KILLED")
            token = page.token or None

    def mirror(self, result: Mapping[str, Any], images: Sequence[Path], file: Path | None) -> str:
        key = (result["cell"]["id"], result["finished_at"])
        if key in self._mirrored:
            self._client.set_tag(self.parent, f"reused.{key[0]}", self._mirrored[key])
        else:
            self._mirrored[key] = self._add_child(result, images, file)
        return self._mirrored[key]

    def _add_child(self, result: Mapping[str, Any], images: Sequence[Path], file: Path | None) -> str:
        """Only a FINISHED child counts as mirrored: one that failed half-way is mirrored anew next time."""
        cell = result["cell"]
        end = datetime.fromisoformat(result["finished_at"]).timestamp()
        seed = "" if cell["seed"] is None else f" seed {cell['seed']}"
        metrics, nonfinite = collect_metrics(result)
        tags = {**cell_tags(result), **nonfinite, "mlflow.parentRunId": self.parent}
        run_id = self._create(f"{cell['kind']} {cell['label']}{seed}", end - float(result.get("seconds") or 0), tags)
        try:
            self._log(run_id, flatten(result["settings"]), metrics, end)
            for image in images:
                self._client.log_artifact(run_id, str(image), "samples")
            if file:
                self._client.log_artifact(run_id, str(file))
        except BaseException:
            self.end(run_id, "FAILED")
            raise
        self.end(run_id, "FINISHED", end)
        return run_id

    def end(self, run_id: str, status: str, when: float = 0) -> None:
        self._client.set_terminated(run_id, status, end_time=int((when or time.time()) * 1000))

    def _create(self, name: str, start: float, tags: Mapping[str, str]) -> str:
        owner = {"host": platform.node(), "pid": str(os.getpid())}
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


def connect(uri: str) -> Any:
    """An ``MlflowClient``, without any global state of MLflow's; creates the database where there is none."""
    from mlflow import MlflowClient
    from mlflow.store.db import utils

    if uri.startswith("sqlite:") and "MLFLOW_TRACKING_URI" not in os.environ and re.search(r"\?|%[\da-fA-F]{2}", uri):
        raise ValueError("a path with '?' or '%' cannot be written as a database address: choose another output folder")
    before, utils.MAX_RETRY_COUNT = utils.MAX_RETRY_COUNT, _DATABASE_ATTEMPTS
    try:
        return MlflowClient(tracking_uri=uri)
    finally:
        utils.MAX_RETRY_COUNT = before


def flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested data as MLflow parameters or tags: dotted keys, values as text, both within MLflow's limits.

    >>> flatten({"adam": {"betas": [0.5, 0.999]}, "steps": 10})
    {'adam.betas': '[0.5, 0.999]', 'steps': '10'}
    """
    flat: dict[str, str] = {}
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[_name(f"{prefix}{key}")] = (value if isinstance(value, str) else json.dumps(value, default=str))[:VALUE_LENGTH]
    return flat


def cell_tags(result: Mapping[str, Any]) -> dict[str, str]:
    """A cell's identity and origin as tags; what a result does not have gets none."""
    tags = {("cell_id" if key == "id" else key): value for key, value in result["cell"].items()}
    tags |= {key: result.get(key) for key in ("finished_at", "weights_digest")}
    tags["data_digest"], git = result["data"].get("digest"), result["git"]
    tags |= {"git_dirty": git.get("dirty"), "mlflow.source.git.commit": git.get("commit")}
    return flatten({key: value for key, value in tags.items() if value is not None})


def collect_metrics(result: Mapping[str, Any]) -> tuple[list[Number], dict[str, str]]:
    """A result's finite numbers, and a tag for each name with a value that MLflow cannot hold (it stores infinity as 1.8e308).

    >>> collect_metrics({"summary": {"rgb": {"psnr": {"mean": 25.0, "low": 24.0, "high": float("inf")}}}})
    ([('rgb.psnr', 25.0, 0), ('rgb.psnr.low', 24.0, 0)], {'nonfinite.rgb.psnr.high': 'inf'})
    """
    named: list[tuple[str, Any, int]] = [(key, result.get(key), 0) for key in ("seconds", "training_seconds")]
    for protocol, metrics in (result.get("summary") or {}).items():
        for metric, statistics in metrics.items():
            if isinstance(statistics, Mapping):  # a metric without its weights has a message instead
                named += [(f"{protocol}.{metric}.{key}".removesuffix(".mean"), value, 0) for key, value in statistics.items()]
    for entry in result.get("history") or []:
        named += [(key, value, int(entry["step"])) for key, value in entry.items() if key != "step"]
    numbers = [(_name(name), float(value), step) for name, value, step in named if isinstance(value, (int, float))]
    finite = [number for number in numbers if math.isfinite(number[1])]
    return finite, {f"nonfinite.{name}": str(value) for name, value, _ in numbers if not math.isfinite(value)}


def _name(text: str) -> str:
    """A name that MLflow takes on every platform."""
    return re.sub(r"[^\w. /-]", "_", text, flags=re.ASCII)[:KEY_LENGTH]


def _alive(pid: str) -> bool:
    """Whether another process of this host has the number. Our own number was an earlier process's: we have no run yet."""
    if os.name == "nt":
        return True  # os.kill would end the process there
    try:
        os.kill(int(pid), 0)
        return int(pid) != os.getpid()
    except (OSError, ValueError, OverflowError) as error:
        return isinstance(error, PermissionError)


def _without_password(text: str) -> str:
    return re.sub(r"//[^/@\s]+@", "//", text)


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
