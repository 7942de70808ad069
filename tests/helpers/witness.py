"""Checks of a workspace: after every kill, and at the end against the workspace of an undisturbed run."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import torch
from mlflow import MlflowClient
from PIL import Image
from safetensors.torch import load_file

from benchmarks.results.layout import (
    CELLS,
    CHECKPOINT,
    ERROR,
    MIRROR_NOTE,
    MLFLOW_ARTIFACTS,
    MLFLOW_DATABASE,
    SAMPLES,
    WEIGHTS,
    result_files,
)
from reports.page.folder import MANIFEST

TEMPORARY = re.compile(r"\..+\.[0-9]+\.tmp(-journal)?")
OWN_FIELDS = {
    "seconds",
    "training_seconds",
    "finished_at",
    "git",
    "content_digest",
}  # of a result: they differ between equal runs


def parse_all(root: Path, known: set[tuple[str, int, int]]) -> None:
    """Read every file of a workspace but temporaries. Raises AssertionError for a file that does not parse.

    Args:
        root: the workspace.
        known: path, inode and time of files that were read before; extended.
    """
    for path in sorted(root.rglob("*")):
        if not path.is_file() or TEMPORARY.fullmatch(path.name) or _belongs_to_an_open_run(path):
            continue
        status = path.stat()
        stamp = (str(path), status.st_ino, status.st_mtime_ns)
        if stamp in known:
            continue
        try:
            READERS[path.suffix](path)
        except Exception as error:
            raise AssertionError(f"{path}, {status.st_size} bytes, does not parse: {error!r}") from error
        known.add(stamp)


def _belongs_to_an_open_run(path: Path) -> bool:
    """True for MLflow's artifacts, which are half-written while their run is RUNNING. ``mirrored`` checks them at the end."""
    return MLFLOW_ARTIFACTS in path.parts


def _image(path: Path) -> None:
    with Image.open(path) as image:
        image.load()


def _database(path: Path) -> None:
    """Check a copy of the database and of its journal: opening the original would repair it."""
    with tempfile.TemporaryDirectory() as folder:
        for file in path.parent.glob(f"{path.name}*"):
            shutil.copy(file, folder)
        with closing(sqlite3.connect(Path(folder) / path.name)) as database:
            answer = database.execute("PRAGMA integrity_check").fetchall()
            assert answer == [("ok",)], answer
            assert database.execute("SELECT count(*) FROM alembic_version").fetchall() == [(1,)]


def _result(path: Path) -> None:
    json.loads(path.read_text(encoding="utf-8"))


def _page(path: Path) -> None:
    assert path.read_text(encoding="utf-8").rstrip().endswith(">")


READERS: dict[str, Callable[[Path], object]] = {
    ".json": _result,
    ".png": _image,
    ".webp": _image,
    ".safetensors": load_file,
    ".pt": lambda path: torch.load(path, weights_only=True),
    ".csv": lambda path: list(csv.reader(path.read_text(encoding="utf-8").splitlines(), strict=True)),
    ".svg": lambda path: ElementTree.parse(path),  # noqa: S314 - our own
    ".html": _page,
    ".md": lambda path: path.read_text(encoding="utf-8"),
    ".tex": lambda path: path.read_text(encoding="utf-8"),
    ".txt": lambda path: path.read_text(encoding="utf-8"),
    ".db": _database,
    ".db-journal": lambda path: None,  # checked with its database
    "": lambda path: None,  # locks and marks, which are empty
    ".lock": lambda path: None,
}


def look_at_the_end(root: Path, reference: Path) -> None:
    """Check a finished workspace against the workspace of an undisturbed run."""
    assert leftovers(root) == []
    assert mirrored(root) == []
    ours, theirs = outcome(root), outcome(reference)
    assert sorted(ours) == sorted(theirs)
    assert [name for name in ours if ours[name] != theirs[name]] == []


def leftovers(root: Path) -> list[str]:
    """Temporaries, checkpoints and marks, which a finished workspace does not have."""
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        if TEMPORARY.fullmatch(path.name) or path.name in (CHECKPOINT, ERROR, ".stale", ".writable")
    )


def complete(root: Path) -> dict[str, tuple[int, int, str]]:
    """Inode, time and date of complete results, by cell: they must never change again."""
    stamps = {}
    for path in result_files(root):
        result = json.loads(path.read_text(encoding="utf-8"))
        status = path.stat()
        if not result.get("missing"):
            stamps[path.parent.name] = (status.st_ino, status.st_mtime_ns, result["finished_at"])
    return stamps


def outcome(root: Path) -> dict[str, Any]:
    """Contents by path that equal runs have in common: results without ``OWN_FIELDS``, and the bytes of all other files."""
    contents: dict[str, Any] = {}
    for path in result_files(root):
        result = json.loads(path.read_text(encoding="utf-8"))
        contents[_name(root, path)] = {key: value for key, value in result.items() if key not in OWN_FIELDS}
    for path in (
        *root.glob(f"{CELLS}/*/{WEIGHTS}"),
        *root.glob(f"{CELLS}/*/{SAMPLES}/*"),
        *root.glob("*.md"),
        *root.glob("*.csv"),
    ):
        contents[_name(root, path)] = path.read_bytes()
    for path in (path for path in root.glob("report/**/*") if path.is_file()):
        contents[_name(root, path)] = path.read_bytes()
    for name in ("report/index.html", "report/leaderboard.html", "report/tables.csv"):
        contents[name] = _without_own_texts(root, contents[name].decode())
    manifest = f"report/{MANIFEST}"  # its digests are of files that have dates
    contents[manifest] = list(json.loads(contents[manifest]))
    return contents


def _name(root: Path, path: Path) -> str:
    return str(path.relative_to(root))


def _without_own_texts(root: Path, text: str) -> str:
    """The page or its table without the dates, seconds, commits and MLflow runs of cells, which differ between equal runs."""
    for path in result_files(root):
        result = json.loads(path.read_text(encoding="utf-8"))
        run = json.loads(path.with_name(MIRROR_NOTE).read_text(encoding="utf-8"))["run_id"]
        for own in (f"{result['finished_at']}, after {result['seconds']} s", result["git"]["commit"], run):
            text = text.replace(str(own), "…")
    return text


def mirrored(root: Path) -> list[str]:
    """Defects of the mirror: runs left open, cells without exactly one finished run, artifacts that do not parse."""
    client = MlflowClient(tracking_uri=f"sqlite:///{root / MLFLOW_DATABASE}")
    experiment = client.get_experiment_by_name("cincgan-benchmark")
    if experiment is None:
        return ["no experiment"]
    runs = list(_pages(client, experiment.experiment_id))
    wrong = [f"{run.info.run_name} is RUNNING" for run in runs if run.info.status == "RUNNING"]
    for cell, (_, _, date) in complete(root).items():
        identity = cell.rpartition("-")[2]
        own = [run for run in runs if run.data.tags.get("cell_id") == identity and run.info.status == "FINISHED"]
        if len(own) != 1 or own[0].data.tags["finished_at"] != date:
            wrong.append(f"{cell} has {len(own)} finished runs")
    for path in (root / MLFLOW_ARTIFACTS).rglob("*"):
        if path.is_file():
            try:
                READERS[path.suffix](path)
            except Exception as error:
                wrong.append(f"{path}: {error!r}")
    return wrong


def _pages(client: MlflowClient, experiment: str) -> Iterator[Any]:
    token: str | None = ""
    while token is not None:
        page = client.search_runs([experiment], page_token=token or None)
        yield from page
        token = page.token or None
