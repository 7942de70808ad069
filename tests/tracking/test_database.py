"""The empty database of a version of MLflow, which the cache keeps and new workspaces copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import mlflow
import pytest
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from benchmarks.tracking.session import KEPT
from tests.helpers.mlflow_cells import all_runs, make_result, make_tracker, mirror


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def created(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses of the databases that MLflow has created by its migrations."""
    addresses: list[str] = []
    initialise = SqlAlchemyStore.__init__

    def record(self: SqlAlchemyStore, address: str, *arguments: object) -> None:
        if not Path(address.removeprefix("sqlite:///")).exists():
            addresses.append(address)
        initialise(self, address, *arguments)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(SqlAlchemyStore, "__init__", record)
    return addresses


def mirrored(output: Path) -> int:
    """Number of runs in the database of a fresh workspace with one mirrored result."""
    output.mkdir()
    with make_tracker(output) as tracker:
        mirror(tracker, output, make_result())
    assert tracker.failures == []
    return len([run for runs in all_runs(output) for run in runs])


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that keeps the database of this version."""
    folder = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CINCGAN_CACHE", str(folder / "cache"))
        mirrored(folder / "runs")
    return folder / "cache"


def test_the_second_workspace_copies_the_empty_database_of_the_first(tmp_path: Path, cache: Path, created: list[str]) -> None:
    assert [mirrored(tmp_path / name) for name in ("first", "second", "third")] == [2, 2, 2]
    assert len(created) == 1
    [kept] = (cache / KEPT).iterdir()
    assert kept.name.startswith(f"{mlflow.__version__}-")


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty", "a folder", "another version's"])
def test_a_kept_database_that_is_not_the_written_one_is_not_used(
    damage: str, filled: Path, tmp_path: Path, cache: Path, created: list[str]
) -> None:
    shutil.copytree(filled, cache)
    assert mirrored(tmp_path / "first") == 2 and created == [], "the kept one is used while it is whole"
    [kept] = (cache / KEPT).iterdir()
    content = kept.read_bytes()
    middle = len(content) // 2
    if damage == "another version's":
        kept.rename(kept.with_name(f"0{kept.name}"))
    elif damage == "a folder":
        kept.unlink()
        kept.mkdir()
    else:
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        kept.write_bytes({"flipped": flipped, "truncated": content[:middle], "empty": b""}[damage])
    assert mirrored(tmp_path / "second") == 2
    assert len(created) == 1


@pytest.mark.parametrize("place", ["a file", "no home"])
def test_without_a_cache_the_database_is_created_all_the_same(
    place: str, tmp_path: Path, cache: Path, created: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if place == "a file":
        cache.write_text("")
    else:
        monkeypatch.setenv("CINCGAN_CACHE", "~nobody-of-this-name/cache")
    assert mirrored(tmp_path / "first") == 2
    assert len(created) == 1
