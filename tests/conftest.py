from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# Or torch's threads would wait busily, each process's for its own, and two processes side by side take ten times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

# Workers of xdist get the terminal's width, to which captions that commands print would keep.
os.environ.pop("COLUMNS", None)

ROOT = Path(__file__).resolve().parents[1]

pytest.register_assert_rewrite("tests.helpers")

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SLOW = ("train", "ray", "slurm", "browser", "latex")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first, so that workers side by side do not wait for a slow file at the end."""
    slow = {item.path for item in items if any(item.get_closest_marker(marker) for marker in SLOW)}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def command(tmp_path: Path) -> Run:
    """Runs ``python -m benchmarks.run …`` as a user would, from the repository's root, with ``--output tmp_path/runs``.

    In a process from nothing where ``PYTHONPATH`` is given, which decides what is imported at the start.
    """
    from tests.helpers.warm_process import run_module

    def run(*arguments: str, output: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
        line = [*arguments, "--output", str(output or tmp_path / "runs")]
        if "PYTHONPATH" not in environment:
            return run_module("benchmarks.run", line, ROOT, {**env, **environment})
        line = [sys.executable, "-m", "benchmarks.run", *line]
        return subprocess.run(line, cwd=ROOT, env={**env, **environment}, capture_output=True, text=True, timeout=600)

    return run


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Within, no file can grow beyond ``size`` bytes."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def heed_interrupts() -> None:
    """Heed SIGINT and SIGHUP, which a test run in the background or under nohup ignores, and its children with it."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def mlflow_statuses(output: Path) -> set[str]:
    """Of all MLflow runs of a workspace."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{output / 'mlflow.db'}")
    (experiment,) = (found for found in client.search_experiments() if found.name == "cincgan-benchmark")
    return {run.info.status for run in client.search_runs([experiment.experiment_id])}


@pytest.fixture
def shared_data() -> Path:
    """Real images beside the project, where a developer has them."""
    folder = Path(os.environ.get("CINCGAN_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no images at {folder}: set CINCGAN_SHARED_DATA")
    return folder


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty cache of the project, and none of the images of a user's folder that this process has read."""
    from benchmarks.data.kinds.user_folder import _sources

    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CINCGAN_DATA", raising=False)
    _sources.cache_clear()
    yield
    _sources.cache_clear()


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables: creating them takes seconds, copying them does not."""
    from benchmarks.tracking.session import connect, quiet

    folder = tmp_path_factory.mktemp("fresh")
    with quiet():
        connect(f"sqlite:///{folder / 'mlflow.db'}").search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def output(tmp_path: Path, mlflow_database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with an empty MLflow database."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(mlflow_database, tmp_path / "mlflow.db")
    return tmp_path
