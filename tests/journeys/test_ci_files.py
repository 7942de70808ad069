"""Workflows, container files and templates against the project that they are about."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.__main__ import COMMANDS
from tests.conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PYTHONS = re.findall(r"Programming Language :: Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TOX = configparser.ConfigParser(interpolation=None)
TOX.read(ROOT / "tox.ini")


def jobs(path: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    return parsed


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit_and_environments_of_tox_exist(path: Path) -> None:
    for line in re.findall(r"uses:.*", path.read_text(encoding="utf-8")):
        assert re.fullmatch(r"uses: actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line
    for job in jobs(path).values():
        assert [step for step in job["steps"] if "uses" in step]
        matrix = job.get("strategy", {}).get("matrix", {})
        named = [entry["environments"] for entry in matrix.get("include", ())]
        named += [found for step in job["steps"] for found in re.findall(r"tox -e ([\w,-]+)", step.get("run", ""))]
        for environment in ",".join(named).split(",") if named else ():
            assert f"testenv:{environment}" in TOX, environment


def test_the_workflow_has_the_scripts_of_ci_and_every_version_of_python() -> None:
    tests = jobs(ROOT / ".github" / "workflows" / "tests.yml")
    assert [step for step in tests["all"]["steps"] if step.get("run") == "bash .ci/run"]
    assert tests["fast"]["strategy"]["matrix"]["python"] == PYTHONS
    checks = {entry["environments"] for entry in tests["checks"]["strategy"]["matrix"]["include"]}
    assert {"lint,types", "docs", "wheel"} <= checks


@pytest.mark.parametrize("name", ["Dockerfile", "Apptainer.def"])
def test_containers_start_the_console_command_with_extras_that_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (extras,) = re.findall(r"^(?:ARG|) *EXTRAS=([\w,]+)$", text, re.M)
    for extra in extras.split(","):
        assert re.search(rf"^{extra} = \[", project, re.M), extra
    assert "cincgan-bench" in text
    for command in re.findall(r"^ +cincgan-bench ([a-z]+)", text, re.M):
        assert command in COMMANDS
