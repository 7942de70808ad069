"""The commit of a result is this project's, never that of another repository; where git does not tell, results say why."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from benchmarks.catalog.profiles import load_profile
from benchmarks.check import _unknown_commits
from benchmarks.execution import outcome
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.plan import make_plan
from benchmarks.results import provenance
from benchmarks.results.provenance import differences, environment, git
from benchmarks.results.record import Git
from benchmarks.tracking.entry import cell_tags
from reports.page.origin import commit as commit_text
from tests.conftest import ROOT
from tests.helpers.mlflow_cells import make_result

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


def asked(folder: Path, **environment: str) -> dict[str, object]:
    line, env = [sys.executable, "-c", ASK], {**os.environ, **environment}
    done = subprocess.run(line, cwd=folder, env=env, capture_output=True, text=True, check=True)
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_the_commit_of_a_checkout_and_whether_files_have_changed(tmp_path: Path) -> None:
    project = copied(tmp_path)
    head = commit(project)
    assert asked(project) == {"commit": head, "dirty": False, "unknown": ""}
    (project / "benchmarks" / "run.py").write_text("changed", encoding="utf-8")
    assert asked(project) == {"commit": head, "dirty": True, "unknown": ""}


@pytest.mark.parametrize("place", ["vendored", "venv/lib/python3/site-packages"])
def test_another_repository_around_the_package_is_not_asked(place: str, tmp_path: Path) -> None:
    (tmp_path / "readme").write_text("of another project", encoding="utf-8")
    project = copied(tmp_path / place)
    commit(tmp_path)
    reason = f"the code is no checkout of its own: the repository is {tmp_path}"
    assert asked(project) == {"commit": None, "dirty": None, "unknown": reason}


def test_a_repository_that_a_hook_names_is_not_asked(tmp_path: Path) -> None:
    project, other = copied(tmp_path / "project"), tmp_path / "other"
    other.mkdir()
    (other / "file").touch()
    head, _ = commit(project), commit(other)
    hook = {"GIT_DIR": str(other / ".git"), "GIT_WORK_TREE": str(project), "GIT_INDEX_FILE": str(other / ".git/index")}
    assert asked(project, **hook) == {"commit": head, "dirty": False, "unknown": ""}


def test_without_a_repository(tmp_path: Path) -> None:
    answer = asked(copied(tmp_path))
    assert str(answer.pop("unknown")).startswith("not a git repository")
    assert answer == {"commit": None, "dirty": None}


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    run_git(copied(tmp_path), "init", "-q")
    assert "HEAD" in str(asked(tmp_path)["unknown"])


def test_a_repository_of_another_user(tmp_path: Path) -> None:
    project = copied(tmp_path)
    commit(project)
    answer = asked(project, GIT_TEST_ASSUME_DIFFERENT_OWNER="1", GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_SYSTEM=os.devnull)
    if os.geteuid() == 0:
        shutil.chown(project, 12345)
        answer = asked(project)
    if answer["unknown"] == "":
        pytest.skip("this git does not mind the owner")
    assert str(answer["unknown"]).startswith(f"detected dubious ownership in repository at '{project}'")
    assert f"git config --global --add safe.directory {project}" in str(answer["unknown"]), "git's own remedy"
    assert "\n" not in str(answer["unknown"]) and answer["commit"] is None


SCRIPTS = {
    "git rev-parse gave no answer in 1 s": "exec sleep 9",
    "error: your disk is lazy": "echo error: your disk is lazy >&2; exit 3",
    "git rev-parse ended with 7": "exit 7",
}


@pytest.mark.parametrize("reason", SCRIPTS)
def test_a_git_that_gives_no_answer(reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer_of(f"#!/bin/sh\n{SCRIPTS[reason]}\n", tmp_path, monkeypatch) == Git(unknown=reason)


def test_a_git_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer_of("", tmp_path, monkeypatch) == Git(unknown="git is not installed")


def test_a_work_tree_that_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = f'#!/bin/sh\ncase "$*" in *status*) exec sleep 9;; *--show-toplevel) echo {ROOT};; *) echo c0ffee;; esac\n'
    assert answer_of(script, tmp_path, monkeypatch) == Git("c0ffee", None, "git status gave no answer in 1 s")


def answer_of(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """The answer of ``git()`` where git is this script; none at all if it is empty."""
    if script:
        (folder / "git").write_text(script, encoding="utf-8")
        (folder / "git").chmod(0o755)
    run = subprocess.run
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin" if script else str(folder))
    monkeypatch.setattr(subprocess, "run", lambda line, **options: run(line, **{**options, "timeout": 1}))
    answer = git.__wrapped__()
    monkeypatch.undo()
    return answer


def test_tables_and_the_mirror_say_why(tmp_path: Path) -> None:
    unknown = {"commit": None, "dirty": None, "unknown": "detected dubious ownership"}
    lazy = {"commit": "c0ffee" * 4, "dirty": None, "unknown": "git status gave no answer in 10 s"}
    assert commit_text(Git(**unknown)) == "unknown: detected dubious ownership"  # type: ignore[arg-type]
    assert commit_text(Git(**lazy)).endswith(", uncommitted changes unknown: git status gave no answer in 10 s")  # type: ignore[arg-type]
    assert commit_text(Git("c0ffee", True)) == "c0ffee with uncommitted changes"
    assert commit_text(Git()) == "unknown: no checkout", "of old results"
    assert cell_tags(make_result(git=unknown))["git_unknown"] == "detected dubious ownership"
    assert "git_unknown" not in cell_tags(make_result())
    measured = {("a", "b", seed): make_result(git=git) for seed, git in enumerate((unknown, unknown, lazy))}
    assert _unknown_commits(measured) == [  # type: ignore[arg-type]
        "the measured commit, or whether files differ from it, is unknown: detected dubious ownership",
        "the measured commit, or whether files differ from it, is unknown: git status gave no answer in 10 s",
    ]


def test_a_run_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    cells = make_plan(load_profile("smoke"), ["bicubic"])
    monkeypatch.setattr(outcome, "git", lambda: Git(unknown="git is not installed"))
    outcome.Outcome(cells, [], Workspace(tmp_path)).say_before_computing()
    said = capsys.readouterr().err
    assert (
        said
        == "the commit of this code, or whether files differ from it, is unknown (git is not installed): results will say so\n"
    )
    outcome.Outcome([], [], Workspace(tmp_path)).say_before_computing()
    assert not capsys.readouterr().err, "nothing is computed"


def test_an_unreadable_version_is_not_told_as_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(name: str) -> object:
        if name == "torch":
            return None  # of metadata without a version
        if name == "numpy":
            raise PermissionError("metadata")
        raise PackageNotFoundError(name)

    monkeypatch.setattr(provenance, "version", answer)
    here = environment.__wrapped__()
    assert here.versions.pop("cincgan-benchmark") == provenance.own_version()
    assert here.versions == {"torch": "unknown", "numpy": "unknown"}
    old = replace(
        here, processor="", versions={"torch": "unknown", "scipy": "1.0", "basicsr": "1.4.2"}
    )  # BasicSR decides no number now
    assert differences(old, replace(here, processor="cpu")) == ["processor cpu (was: unknown)", "scipy not installed (was: 1.0)"]


def test_a_processor_is_recorded_by_its_flags_and_what_limits_them(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "model name\t: Some Processor\nflags\t\t: fpu sse avx avx2 fma avx512f amx_bf16 avx512_bf16 ht\n"
    monkeypatch.setattr(Path, "read_text", lambda self, encoding: lines)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    for name in provenance.KERNEL_LIMITS:
        monkeypatch.delenv(name, raising=False)
    assert environment.__wrapped__().processor == "x86_64 avx avx2 fma avx512f avx512_bf16 amx_bf16"
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx2")
    assert environment.__wrapped__().processor.endswith(" amx_bf16 ATEN_CPU_CAPABILITY=avx2")
    assert provenance.processor_name() == "Some Processor"
