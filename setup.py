"""Build steps beyond pyproject.toml: cards of data sets and the commit travel in the package, without a package `datasets`.

A wheel has both in `benchmarks/packaged/`, which no checkout has. The commit of a source distribution is in its `commit.json`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
COMMIT = "commit.json"


def built_from() -> dict[str, str | bool] | None:
    """Commit of this folder and whether tracked files differ from it; those of the source distribution; None if unknown."""
    recorded = ROOT / COMMIT
    if recorded.is_file():
        return json.loads(recorded.read_text(encoding="utf-8"))
    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != ROOT:  # a repository around this folder
            return None
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.CalledProcessError):
        return None


def git(*arguments: str) -> str:
    """Output of a git command in this folder."""
    line = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()


def record(folder: Path) -> None:
    """Write the commit into a folder, if it is known."""
    if commit := built_from():
        (folder / COMMIT).write_text(json.dumps(commit) + "\n", encoding="utf-8")


class BuildWithCards(build_py):
    """Copies the cards of data sets into the built package."""

    def run(self) -> None:
        """Build the packages; an editable installation reads the cards where they are."""
        super().run()
        if not self.editable_mode:
            packaged = Path(self.build_lib, "benchmarks", "packaged")
            shutil.rmtree(packaged, ignore_errors=True)
            shutil.copytree(ROOT / "datasets", packaged / "datasets", ignore=shutil.ignore_patterns("__pycache__"))
            record(packaged)


class SourceWithCommit(sdist):
    """Records the commit in the source distribution."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Copy the files, then write the commit beside them."""
        super().make_release_tree(base_dir, files)
        record(Path(base_dir))


setup(cmdclass={"build_py": BuildWithCards, "sdist": SourceWithCommit})
