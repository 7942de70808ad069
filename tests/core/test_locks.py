"""Locks: who waits for whom, and file systems that have none, at every lock of the project."""

from __future__ import annotations

import ast
import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.core.errors import UsageError, WeightsMissing
from benchmarks.core.locks import Busy, NoLock, locked
from benchmarks.data import cache
from benchmarks.data.acquisition.archive import Archive
from benchmarks.data.acquisition.download import Remote, download
from benchmarks.data.acquisition.pins import pin
from benchmarks.data.acquisition.store import prepare
from benchmarks.data.acquisition.weights import fetch, load_weight_card
from benchmarks.execution.workspace import Workspace
from benchmarks.tracking.session import connect, quiet
from tests.conftest import ROOT

UNSUPPORTED = ("ENOLCK", "EOPNOTSUPP", "ENOTSUP", "ENOSYS")


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    waits: list[float] = []
    with locked(tmp_path / "new" / ".lock", "mend"):
        with pytest.raises(Busy, match="another process holds this lock"), locked(tmp_path / "new" / ".lock", "mend", limit=0):
            pass
        with pytest.raises(Busy), locked(tmp_path / "new" / ".lock", "mend", limit=0.2, on_wait=lambda: waits.append(1)):
            pass
    assert waits == [1]
    with locked(tmp_path / "new" / ".lock", "mend", limit=0):
        pass


def test_a_lock_is_passed_on(tmp_path: Path) -> None:
    held: list[str] = []

    def hold(name: str) -> None:
        with locked(tmp_path / ".lock", "mend"):
            held.append(name)
            time.sleep(0.1)
            held.append(name)

    threads = [threading.Thread(target=hold, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert held[::2] == held[1::2], "two held it at once"


def test_a_lock_is_released_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path / ".lock", "mend"):
        raise ZeroDivisionError
    with locked(tmp_path / ".lock", "mend", limit=0):
        pass


@pytest.mark.parametrize("limit", [None, 0, 5.0])
@pytest.mark.parametrize("name", UNSUPPORTED)
def test_a_file_system_without_locks(name: str, limit: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_locks(name, monkeypatch)
    with pytest.raises(NoLock) as failure, locked(tmp_path / ".lock", "choose another", limit=limit):
        pass
    assert str(failure.value).startswith(f"{tmp_path}: its file system has no locks (")
    assert str(failure.value).endswith("): choose another")


def test_a_failing_disk_is_not_taken_for_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_locks("EIO", monkeypatch)
    with pytest.raises(NoLock, match="cannot be locked"), locked(tmp_path / ".lock", "mend", limit=0):
        pass


def without_locks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    number = getattr(errno, name)

    def fails(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", fails)


def workspace_lock(folder: Path) -> None:
    with Workspace(folder).locked():
        pass


def pixels(folder: Path) -> None:
    cache.stack("ab", lambda: [np.zeros((2, 2, 3), np.uint8)])


def archive(folder: Path) -> None:
    prepare(Archive("a", ("http://127.0.0.1:9/a.zip",), 1, None), ("f",), None, lambda *_: None)


def weights(folder: Path) -> None:
    fetch(load_weight_card("lpips-alex"))


LOCKS: dict[str, Callable[[Path], object]] = {
    "workspace": workspace_lock,
    "pixels": pixels,
    "archive": archive,
    "weights": weights,
    "pins": lambda folder: pin(folder, "name", "0" * 64),
    "download": lambda folder: download(Remote("f", ("http://127.0.0.1:9/f",), None, None), folder / "f"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
@pytest.mark.parametrize("lock", LOCKS)
def test_every_lock_says_so_in_one_line(lock: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path))
    monkeypatch.delenv("CINCGAN_DATA", raising=False)
    without_locks(name, monkeypatch)
    with pytest.raises(UsageError) as failure:
        LOCKS[lock](tmp_path)
    assert "its file system has no locks" in str(failure.value) and "\n" not in str(failure.value)
    assert isinstance(failure.value, WeightsMissing) == (lock == "weights")


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_a_database_needs_no_lock(name: str, tmp_path: Path, mlflow_database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.db").write_bytes(mlflow_database.read_bytes())
    (tmp_path / ".m.db.lock").touch()  # as beside a database that this project has created
    without_locks(name, monkeypatch)
    with quiet():
        assert connect(f"sqlite:///{tmp_path / 'm.db'}").search_experiments()


def test_locks_have_one_home() -> None:
    importers = set()
    for path in (path for folder in ("benchmarks", "reports", "cincgan", "baselines") for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if {"fcntl", "msvcrt", "filelock"} & set(names):
                importers.add(path.relative_to(ROOT).as_posix())
    assert importers == {"benchmarks/core/locks.py"}
