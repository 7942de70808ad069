"""The commit of a result is this project's, never that of another repository in which its files lie."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

ASK = (
    "import json; from dataclasses import asdict; from benchmarks.results.provenance import git; print(json.dumps(asdict(git())))"
)


def copied(folder: Path) -> Path:
    shutil.copytree(ROOT / "benchmarks", folder / "benchmarks", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run_git(folder: Path, *arguments: str) -> str:
    program = shutil.which("git")
    assert program
    return subprocess.run([program, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path) -> str:
    run_git(folder, "init", "-q")
    run_git(folder, "add", ".")
    run_git(folder, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "all")
    return run_git(folder, "rev-parse", "HEAD")


def asked(folder: Path) -> dict[str, object]:
    done = subprocess.run([sys.executable, "-c", ASK], cwd=folder, capture_output=True, text=True, check=True)
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_the_commit_of_a_checkout_and_whether_files_have_changed(tmp_path: Path) -> None:
    project = copied(tmp_path)
    head = commit(project)
    assert asked(project) == {"commit": head, "dirty": False}
    (project / "benchmarks" / "run.py").write_text("changed", encoding="utf-8")
    assert asked(project) == {"commit": head, "dirty": True}


@pytest.mark.parametrize("place", ["vendored", "venv/lib/python3/site-packages"])
def test_another_repository_around_the_package_is_not_asked(place: str, tmp_path: Path) -> None:
    (tmp_path / "readme").write_text("of another project", encoding="utf-8")
    project = copied(tmp_path / place)
    commit(tmp_path)
    assert asked(project) == {"commit": None, "dirty": None}


def test_without_a_repository_nothing_is_known(tmp_path: Path) -> None:
    assert asked(copied(tmp_path)) == {"commit": None, "dirty": None}
