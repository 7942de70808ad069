"""Archives by ``python -m benchmarks.prepare``: several processes and data sets at once, verification, room."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import prepare as command
from benchmarks.data import inventory
from benchmarks.data.acquisition import store
from benchmarks.data.acquisition.items import ArchiveItem
from benchmarks.data.cache import TAIL, stack
from tests.conftest import ROOT
from tests.helpers.flaky_server import FlakyServer, answer, drip, wait_for
from tests.helpers.stand_ins import PACKAGES
from tests.helpers.tiny_archives import (
    CLOSED,
    NAMES,
    ZIP,
    empty_root,  # noqa: F401
    left,
    serve_by_name,
    tiny,
    zip_server,  # noqa: F401
)

CARD = """\
name = "{name}"
title = "Made up"
kind = "image-folders"
scale = 4
licence = "none"
citation = "none"
notes = ""

[test_hr]
archive = "{name}"
pattern = "{{}}.png"
first = 1
last = 4

[[archives]]
name = "{name}"
urls = ["{url}"]
inside = "{inside}"
"""


@dataclass
class Project:
    """A copy of the project with data sets of its own."""

    folder: Path
    cache: Path

    def add(self, name: str, url: str, inside: str = "") -> None:
        card = CARD.format(name=name, url=url, inside=inside)
        (self.folder / "datasets" / f"{name}.toml").write_text(card, encoding="utf-8")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "benchmarks.prepare", *arguments]
        return subprocess.Popen(line, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        with self.start(*arguments) as running:
            output, errors = running.communicate(timeout=60)
        assert "Traceback" not in errors
        return running.returncode, output, errors


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / "project" / package, ignore=shutil.ignore_patterns("__pycache__"))
    return Project(tmp_path / "project", tmp_path / "cache")


def test_two_processes_at_once_download_once(server: FlakyServer, project: Project, root: Path) -> None:
    project.add("tiny", server.url, "tiny")
    server.tricks = [drip(len(ZIP) // 20, 0.1)]
    with project.start("tiny") as first:
        wait_for(lambda: server.seen)
        with project.start("tiny") as second:
            outcomes = [running.communicate(timeout=60) for running in (first, second)]
    assert [first.returncode, second.returncode, len(server.seen)] == [0, 0, 1]
    assert [output for output, _ in outcomes] == [f"tiny: ready, {root / 'tiny'}\n"] * 2
    assert "tiny: wait for another process" in outcomes[1][1] and "wait" not in outcomes[0][1]
    assert left(root) == ["pins.json", "tiny"]


def test_a_failing_data_set_does_not_stop_the_others(server: FlakyServer, project: Project, root: Path) -> None:
    project.add("alive", server.url, "tiny")
    project.add("dead", f"{CLOSED}/dead.zip")
    project.add("hostile", server.url.replace("file", "other"), "elsewhere")
    code, output, errors = project("dead", "alive")
    assert (code, output) == (2, f"alive: ready, {root / 'alive'}\n")
    assert errors.startswith("error: dead: no mirror gave the file") and errors.count("error:") == 1
    code, output, errors = project("hostile", "alive")
    assert (code, output) == (1, f"alive: ready, {root / 'alive'}\n") and "no files under 'elsewhere'" in errors
    assert project("hostile", "dead", "alive")[0] == 2


def test_a_corrupt_manifest_does_not_hide_the_rest(server: FlakyServer, project: Project, root: Path) -> None:
    project.add("broken", server.url, "tiny")
    project.add("other", server.url, "tiny")
    assert project("broken")[0] == 0
    path = root / "broken" / ".manifest.json"
    path.write_text("{")
    code, output, _ = project("--list")
    assert code == 0 and "broken" in output and "other" in output
    code, output, errors = project("broken", "other")
    assert (code, output) == (2, f"other: ready, {root / 'other'}\n") and errors.startswith(f"error: {path}: corrupt manifest")
    code, output, errors = project("--verify")
    assert (code, errors.count("\n")) == (1, 1) and errors.startswith(f"{path}: corrupt manifest")
    assert "1 problem: remove what has changed, then prepare it again" in output
    path.unlink()
    assert project("broken")[0] == 0 and project("--verify")[0] == 0


def test_a_data_set_of_single_files_is_resumed_by_the_command(server: FlakyServer, project: Project, root: Path) -> None:
    project.add("singles", server.url.replace("file.zip", "{}"))
    server.always = serve_by_name
    server.tricks = [serve_by_name, serve_by_name, answer(404)]
    dry = project("singles", "--dry-run")
    origin = f"{server.url.removesuffix('/file.zip')} (4 single files)"
    assert dry[:2] == (0, f"singles: missing, ? MB from {origin}\n") and server.seen == []
    code, output, errors = project("singles")
    assert (code, output) == (2, "") and errors.splitlines()[-1].startswith("error: 3.png: no mirror gave the file")
    code, output, _ = project("singles")
    assert (code, output) == (0, f"singles: ready, {root / 'singles'}\n")
    assert [request[":path"] for request in server.seen] == [f"/{number}.png" for number in (1, 2, 3, 3, 4)]
    assert project("singles", "--verify")[:2] == (0, "1 verified, 0 problems\n")
    (root / "singles" / "1.png").write_bytes(b"changed")
    code, _, errors = project("singles", "--verify")
    assert (code, errors) == (1, f"{root / 'singles' / '1.png'}: changed\n")


def test_verify_finds_a_flipped_byte_among_decoded_images(project: Project) -> None:
    stack("00", lambda: [np.full((4, 4, 3), 7, np.uint8)])
    assert project("--verify")[0] == 0
    path = project.cache / "pixels" / "00.pixels"
    path.write_bytes(b"\x06" + path.read_bytes()[1:])
    code, output, errors = project("--verify")
    assert (code, errors) == (1, f"{path}: changed: remove it, and it is made anew\n") and "1 problem" in output
    path.unlink()
    assert project("--verify")[0] == 0


def test_decoded_images_of_another_version_are_no_problem(project: Project) -> None:
    index = json.dumps({"sizes": [[1, 1]], "sha256": "00"}).encode()
    path = project.cache / "pixels" / "00.pixels"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x01\x02\x03" + index + TAIL.pack(len(index), hashlib.sha256(index).digest()))
    line = "1 file of decoded images of another version, not looked at: nothing uses them, the folder may be deleted"
    assert project("--verify") == (0, f"{path.parent}: {line}\n1 verified, 0 problems\n", "")


def test_room_is_counted_for_all_archives_together(
    server: FlakyServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archives = [replace(tiny(server.url), name=name, bytes=400) for name in ("one", "two")]
    items = [ArchiveItem(a.name, {}, "none", a.bytes, server.url, store.folder(a), a, NAMES) for a in archives]
    monkeypatch.setattr(inventory, "items", lambda names: items)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(0, 0, 1_100))
    assert command.main(["one", "two"]) == 2
    assert "GB are needed and" in capsys.readouterr().err and server.seen == []
    store.data_root().mkdir(parents=True)
    (store.data_root() / ".one.download").write_bytes(b"x" * 400)
    (store.data_root() / ".two.download").write_bytes(b"x" * 400)
    assert command.main(["one", "two"]) == 2
    assert "GB are needed" not in capsys.readouterr().err, "what is here already needs no room; then nothing came of it"
