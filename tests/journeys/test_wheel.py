"""The wheel: built from the source distribution, installed beside strangers' packages, used in an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from benchmarks.data.cards import dataset_names
from benchmarks.results.files import read_result
from benchmarks.results.layout import result_files
from tests.conftest import ROOT
from tests.results.test_provenance import commit

pytestmark = pytest.mark.train

ROOMS = ("benchmarks", "cincgan", "baselines", "reports")
LEFT_OUT = shutil.ignore_patterns(".git", "__pycache__", ".*_cache", "*.egg-info", "runs", "build", ".tox", ".venv", "tests")


def python(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A process with the environment of a user: Python finds nothing but installed packages."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "MLFLOW_TRACKING_URI")}
    line = [sys.executable, *arguments]
    return subprocess.run(line, cwd=folder, env={**kept, **environment}, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """Source distribution of a repository, the wheel built from it outside the repository, and the commit."""
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT, folder / "project", ignore=LEFT_OUT)
    head = commit(folder / "project")
    make = f"from setuptools.build_meta import build_sdist as make; make({str(folder)!r})"
    done = python("-c", make, folder=folder / "project")
    assert done.returncode == 0, done.stderr
    (source,) = folder.glob("*.tar.gz")
    # within a stranger's repository, whose commit is not ours
    stranger = folder / "stranger"
    (stranger / "src").mkdir(parents=True)
    commit_of_stranger(stranger)
    done = python("-m", "tarfile", "-e", str(source), str(stranger / "src"), folder=folder)
    assert done.returncode == 0, done.stderr
    (unpacked,) = (stranger / "src").iterdir()
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check")
    done = python("-m", "pip", "wheel", *options, "--wheel-dir", str(folder), str(unpacked), folder=folder)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    return source, wheel, head


def commit_of_stranger(folder: Path) -> None:
    (folder / "readme").write_text("of another project", encoding="utf-8")
    commit(folder)


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an installed wheel, in the repository of a stranger and beside a stranger's packages."""
    folder = tmp_path_factory.mktemp("installed")
    commit_of_stranger(folder)
    site = folder / "site-packages"
    options = ("--no-deps", "--no-index", "--quiet", "--disable-pip-version-check", "--target", str(site))
    done = python("-m", "pip", "install", *options, str(built[1]), folder=folder)
    assert done.returncode == 0, done.stderr
    (site / "datasets").mkdir()
    (site / "datasets" / "__init__.py").write_text("NAME = 'of a stranger'", encoding="utf-8")
    return site


def test_what_travels(built: tuple[Path, Path, str]) -> None:
    source, wheel, head = built
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert json.loads(archive.read("benchmarks/packaged/commit.json")) == {"commit": head, "dirty": False}
        (entry_points,) = (archive.read(name).decode() for name in names if name.endswith("/entry_points.txt"))
    assert "cincgan-bench = benchmarks.__main__:console" in entry_points
    tops = {name.partition("/")[0] for name in names}
    assert tops == {*ROOMS, "cincgan_benchmark-0.1.0.dist-info"}
    tracked = {path.relative_to(ROOT).as_posix() for room in ROOMS for path in files(room)}
    references = {name for name in tracked if name.startswith(("reports/reference/", "reports/reference_studies/"))}
    assert references and tracked - references <= names
    cards = {f"benchmarks/packaged/{path.relative_to(ROOT).as_posix()}" for path in files("datasets")}
    assert len(cards) > 10 and cards <= names
    with tarfile.open(source) as archive:
        carried = {name.partition("/")[2] for name in archive.getnames()}
    assert {"datasets/demo-photos.toml", "docs/architecture.md", "pyproject.toml", "setup.py", "commit.json"} <= carried


def files(room: str) -> list[Path]:
    return [path for path in (ROOT / room).rglob("*") if path.is_file() and path.suffix != ".pyc"]


@pytest.mark.long  # called by tox -e wheel
def test_commands_of_an_installed_wheel(installed: Path, built: tuple[Path, Path, str], tmp_path: Path) -> None:
    def command(*arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        done = python("-m", *arguments, folder=tmp_path, PYTHONPATH=str(installed))
        assert done.returncode in codes, done.stderr
        return done.stdout + done.stderr

    listed = command("benchmarks.run", "--list")
    assert all(f" {name} " in listed for name in dataset_names())
    line = ("benchmarks.run", "--profile", "smoke", "--methods", "bicubic", "fsrcnn", "--set", "metrics=['psnr']", "--json")
    assert json.loads(command(*line).partition("\n}")[0] + "\n}")
    results = [read_result(path) for path in result_files(tmp_path / "runs")]
    assert len(results) == 3
    for result in results:
        assert (result.git.commit, result.git.dirty, result.git.unknown) == (built[2], False, "")
        assert result.environment.versions["cincgan-benchmark"] == "0.1.0"
    assert {result.cell.id for result in results} == planned_here()
    assert "<html" in (tmp_path / "runs" / "report" / "index.html").read_text(encoding="utf-8")
    command("reports.build", "--results", "runs", "--output", "again")
    assert (tmp_path / "again" / "index.html").is_file()
    assert "not yours" in command("benchmarks.check", "--update", "--reason", "none", codes=(2,))
    compared = command("benchmarks.check", "--results", "runs", codes=(1, 2))  # most methods lack results
    assert str(installed / "benchmarks" / "regression" / "reference_scores" / "smoke.json") in compared.replace("\n", "")
    assert "demo-photos" in command("benchmarks.prepare", "--list")
    sr, hr = (str(next((tmp_path / "runs" / "cells").glob(f"evaluate-{name}-*/samples"))) for name in ("fsrcnn", "bicubic"))
    assert "PSNR" in command("benchmarks.evaluate", "--sr", sr, "--hr", hr, "--protocol", "rgb")


def test_packages_beside_an_installed_wheel_are_no_part_of_it(installed: Path) -> None:
    ask = (
        "import datasets; from benchmarks.core.code_digest import decides, source_file; print(datasets.NAME)\n"
        "print(source_file('datasets'), decides('cincgan.inner'), source_file('cincgan.inner'))"
    )
    done = python("-c", ask, folder=installed.parent, PYTHONPATH=str(installed))
    assert done.stdout == f"of a stranger\nNone True {installed / 'cincgan' / 'inner.py'}\n", done.stderr


def planned_here() -> set[str]:
    """Ids that the same cells have in this checkout."""
    from benchmarks.catalog.profiles import load_profile
    from benchmarks.planning.plan import make_plan

    return {cell.id for cell in make_plan(load_profile("smoke", ["metrics=['psnr']"]), ["bicubic", "fsrcnn"])}
