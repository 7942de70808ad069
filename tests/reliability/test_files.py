"""Atomic files: written whole or not at all, one line if they cannot be written, and no temporaries of dead processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.core.errors import NotWritten
from benchmarks.core.files import sweep, temporary_path, write_atomically
from tests.conftest import file_size_limit

NOISE = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
WRITERS: dict[str, Callable[[IO[bytes]], object]] = {
    "bytes": lambda file: file.write(NOISE.tobytes()),
    "torch.save": lambda file: torch.save({"a": torch.from_numpy(NOISE)}, file),
    "PNG": lambda file: Image.fromarray(NOISE).save(file, format="PNG"),
    "npz": lambda file: np.savez(file, image=NOISE),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("size", [0, 50_000])
def test_a_write_that_meets_a_quota_is_one_line_and_leaves_the_old_file(writer: str, size: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with file_size_limit(size), pytest.raises(NotWritten) as caught:
        write_atomically(path, WRITERS[writer])
    assert str(caught.value) == (
        f"{path}: cannot be written (File too large): raise the limit on the size of files (ulimit -f) and run again"
    )
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("file", b"old")]
    write_atomically(path, WRITERS[writer])
    assert path.stat().st_size > 50_000


def test_an_error_of_the_writer_is_raised_unchanged(tmp_path: Path) -> None:
    def fail(file: IO[bytes]) -> None:
        raise ValueError("not the disk")

    with pytest.raises(ValueError, match="not the disk"):
        write_atomically(tmp_path / "file", fail)
    assert list(tmp_path.iterdir()) == []


def test_only_temporaries_of_dead_processes_are_swept(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as dead:
        pass
    alive, own = os.getppid(), os.getpid()
    folder = tmp_path / "cells" / "one"
    folder.mkdir(parents=True)
    swept = {f".result.json.{dead.pid}.tmp", f".a.png.{own}.tmp", f".mlflow.db.{dead.pid}.tmp-journal", f".x.{10**12}.tmp"}
    stays = {
        f".result.json.{alive}.tmp",
        "result.json",
        ".lock",
        ".notes.tmp",
        f"result.json.{dead.pid}.tmp",
        f".y.{dead.pid}.part",
    }
    for name in swept | stays:
        (folder / name).write_text("")
    sweep(tmp_path)
    assert {path.name for path in folder.iterdir()} == stays
    sweep(tmp_path / "absent")


def test_temporaries_of_another_machine_stay_for_a_day(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as dead:
        pass
    machine, process = temporary_path(tmp_path / "result.json").name.split(".")[-3:-1]
    assert process == str(os.getpid())
    other = "00000000" if machine != "00000000" else "00000001"
    names = [f".{name}.{where}.{dead.pid}.tmp" for name in ("result.json", "old.json") for where in (machine, other)]
    for name in names:
        (tmp_path / name).write_text("")
    two_days_ago = time.time() - 2 * 86400
    os.utime(tmp_path / names[3], (two_days_ago, two_days_ago))
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [names[1]]
