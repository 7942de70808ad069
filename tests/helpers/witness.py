"""What must hold of a workspace: after every kill, and at the end beside a run that nobody disturbed."""

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

TEMPORARY = re.compile(r"\..+\.[0-9]+\.tmp(-journal)?")
OWN_WORDS = {"seconds", "training_seconds", "finished_at", "git"}  # of a result: when and how fast, not what


def parse_all(root: Path, known: set[tuple[str, int, int]]) -> None:
    """Read every file of a workspace but temporaries. Raises whatever a reader of it would.

    Args:
        root: the workspace.
        known: path, inode and time of what was read before; added to.
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
    """MLflow's copies of samples are half-written while their run is RUNNING; the end is looked at by ``mirrored``."""
    return "mlartifacts" in path.parts


def _image(path: Path) -> None:
    with Image.open(path) as image:
        image.load()


def _database(path: Path) -> None:
    """In a copy, with the journal of an open transaction: to look must not mend."""
    with tempfile.TemporaryDirectory() as folder:
        for each in path.parent.glob(f"{path.name}*"):
            shutil.copy(each, folder)
        with closing(sqlite3.connect(Path(folder) / path.name)) as database:
            found = database.execute("PRAGMA integrity_check").fetchall()
            assert found == [("ok",)], found
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
    ".db-journal": lambda path: None,  # looked at with its database
    "": lambda path: None,  # locks and marks, which are empty
    ".lock": lambda path: None,
}


def look_at_the_end(root: Path, reference: Path) -> None:
    """What must hold of a workspace that has come to its end, beside one that nothing befell."""
    assert leftovers(root) == []
    assert mirrored(root) == []
    ours, theirs = outcome(root), outcome(reference)
    assert sorted(ours) == sorted(theirs)
    assert [name for name in ours if ours[name] != theirs[name]] == []


def leftovers(root: Path) -> list[str]:
    """Temporaries and checkpoints, of which a finished workspace has none."""
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        if TEMPORARY.fullmatch(path.name) or path.name in ("checkpoint.pt", "error.txt", ".unfinished", ".writable")
    )


def complete(root: Path) -> dict[str, tuple[int, int, str]]:
    """By cell the inode, time and date of results that are complete: these must never change again."""
    found = {}
    for path in root.glob("cells/*/result.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        status = path.stat()
        if not result.get("missing"):
            found[path.parent.name] = (status.st_ino, status.st_mtime_ns, result["finished_at"])
    return found


def outcome(root: Path) -> dict[str, Any]:
    """All that decides nothing but itself: results without their own words, and the bytes of everything else that is kept."""
    found: dict[str, Any] = {}
    for path in root.glob("cells/*/*"):
        if path.name == "result.json":
            result = json.loads(path.read_text(encoding="utf-8"))
            found[_name(root, path)] = {key: value for key, value in result.items() if key not in OWN_WORDS}
    for path in (*root.glob("cells/*/*.safetensors"), *root.glob("cells/*/samples/*"), *root.glob("*.md"), *root.glob("*.csv")):
        found[_name(root, path)] = path.read_bytes()
    for path in (path for path in root.glob("report/**/*") if path.is_file()):
        found[_name(root, path)] = path.read_bytes()
    for name in ("report/index.html", "report/tables.csv"):
        found[name] = _without_own_words(root, found[name].decode())
    return found


def _name(root: Path, path: Path) -> str:
    return str(path.relative_to(root))


def _without_own_words(root: Path, text: str) -> str:
    """The page and its table say of each cell when it was finished, after how many seconds, at which commit, and in which run."""
    for path in root.glob("cells/*/result.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        run = json.loads(path.with_name("mlflow.json").read_text(encoding="utf-8"))["run_id"]
        for own in (f"{result['finished_at']}, after {result['seconds']} s", result["git"]["commit"], run):
            text = text.replace(str(own), "…")
    return text


def mirrored(root: Path) -> list[str]:
    """What is wrong with the mirror: runs left open, cells without their one finished run, artifacts that do not parse."""
    client = MlflowClient(tracking_uri=f"sqlite:///{root / 'mlflow.db'}")
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
    for path in (root / "mlartifacts").rglob("*"):
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
