"""The worked examples of CONTRIBUTING.md, copied literally into a copy of the project, checked and run there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.helpers.examples import EXAMPLES, Example
from tests.helpers.warm_process import run_module

FOLDERS = ("benchmarks", "cincgan", "baselines", "reports", "datasets", "tests", "docs")


def add_line(path: Path, name: str, line: str) -> None:
    """Put a line at the end of the tuple that a name is assigned to, alone or in a ``Registry``."""
    text = path.read_text(encoding="utf-8")
    start = text.index(f"\n{name} = ")
    registry = text[start:].startswith(f"\n{name} = Registry(")
    end = text.index("\n    ),\n" if registry else "\n)\n", start)
    indent = " " * (8 if registry else 4)
    path.write_text(f"{text[:end]}\n{indent}{line}{text[end:]}", encoding="utf-8")


def add(example: Example, project: Path) -> None:
    for path, content in example.files.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(content, encoding="utf-8")
    for path, name, line in example.lines:
        add_line(project / path, name, line)


def python(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, *arguments], cwd=project, capture_output=True, text=True, timeout=600, check=False)
    return succeeded(done)


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return succeeded(run_module("benchmarks.run", arguments, project, os.environ))


def succeeded(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done


IDS = """
import json
import os
from benchmarks.catalog.profiles import load_profile
from benchmarks.planning.plan import make_plan
plans = {name: make_plan(load_profile(name)) for name in ("paper", "demo", "smoke")}
print(json.dumps({name: [cell.id for cell in cells] for name, cells in plans.items()}))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with all examples, added one after the other."""
    folder = tmp_path_factory.mktemp("project")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, folder / name)
    before = python(folder, "-c", IDS).stdout
    for example in EXAMPLES:
        add(example, folder)
        assert python(folder, "-c", IDS).stdout == before, f"{example.heading}: a cell has a new id"
    return folder


def test_there_is_an_example_of_everything() -> None:
    assert [example.heading for example in EXAMPLES] == [
        "Add a method without training",
        "Add a method with training",
        "Add a degradation",
        "Add a protocol",
        "Add a metric",
        "Add a data set",
        "Add a kind of data set",
        "Add a paper",
        "Add a profile",
        "Add an executor",
    ]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.heading)
def test_an_addition_is_a_file_or_folder_of_its_own_and_one_line(example: Example) -> None:
    own = {Path(path).parts[:2] if path.startswith("baselines/") else path for path in example.files}
    assert len(own) == 1, "a file, or a folder of a method"
    declarative = example.heading in ("Add a data set", "Add a paper", "Add a profile")
    assert len(example.lines) == (0 if declarative else 1)
    assert all(path.startswith("benchmarks/catalog/") for path, *_ in example.lines)


@pytest.mark.train
def test_the_catalogs_own_checks_pass_with_all_examples(project: Path) -> None:
    names = "nearest or shallow or noise or centre or mae or two-cats or glance or apart or example2026 or unique or lazy or kind"
    done = python(project, "-m", "pytest", "tests/catalog/test_catalog.py", "-k", names, "-p", "no:cacheprovider")
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed[1]) >= 12, done.stdout
    python(project, "-m", "ruff", "check", ".")
    python(project, "-m", "ruff", "format", "--check", ".")
    python(project, "-c", "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())")


@pytest.mark.train
def test_the_tests_of_every_method_pass_with_the_added_methods(project: Path) -> None:
    files = ("tests/training/test_training.py", "tests/scoring/test_tiling.py", "tests/planning/test_identity.py")
    names = "nearest or shallow or degradations.noise"
    done = python(project, "-m", "pytest", *files, "-k", names, "-p", "no:cacheprovider")
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed[1]) >= 15, done.stdout


@pytest.mark.train
def test_the_examples_work_together(project: Path) -> None:
    line = ["--methods", "bicubic", "edsr", "nearest", "shallow", "--datasets", "two-cats", "--profile", "smoke"]
    line += ["--set", "metrics=['psnr', 'ssim', 'mae']", "--set", "protocols=['rgb', 'rgb-centre']", "--json"]
    line += ["--set", "shown=['rgb', 'rgb-centre']", "--set", "degradation=['bicubic', 'noise']"]

    def scores(output: str, *more: str) -> dict[str, dict[tuple[str, str], float]]:
        done = run(project, *line, *more, "--output", str(project / output))
        (table,) = json.loads(done.stdout)["tables"]
        return {row["method"]: {(s["protocol"], s["metric"]): s["mean"] for s in row["scores"]} for row in table["rows"]}

    trained, untrained = scores("runs"), scores("untrained", "--set", "stages.shallow.training.steps=0")
    assert trained["shallow"]["rgb", "psnr"] > untrained["shallow"]["rgb", "psnr"] + 1
    assert trained["shallow"]["rgb", "mae"] < untrained["shallow"]["rgb", "mae"]
    for method in ("bicubic", "nearest"):
        assert trained[method] == untrained[method]
    assert trained["bicubic"]["rgb-centre", "psnr"] != trained["bicubic"]["rgb", "psnr"]
    (result,) = (project / "runs").glob("cells/train-shallow-*/result.json")
    history = json.loads(result.read_text(encoding="utf-8"))["history"]
    assert history[-1]["l1"] < history[0]["l1"]
    (result,) = (project / "runs").glob("cells/evaluate-nearest-*/result.json")
    data = json.loads(result.read_text(encoding="utf-8"))["data"]
    assert data["degradation"] == "bicubic + noise" and data["parameters"] == {"noise.sigma": 10.0, "noise.seed": 0}
    (table,) = (project / "runs").glob("table-smoke-two-cats-*.md")
    assert "MAE ↓ rgb-centre" in table.read_text(encoding="utf-8")
    pages = (project / "runs" / "report").rglob("*")
    assert any("example2026" in path.name for path in pages), "the second paper has tables of its own"


@pytest.mark.train
def test_the_new_executor_and_profile_give_the_serial_runs_results(project: Path, tmp_path: Path) -> None:
    outputs = {}
    for name in ("serial", "apart"):
        line = ["--all", "--profile", "glance", "--executor", name, "--set", "metrics=['psnr', 'ssim']"]
        done = run(project, *line, "--json", "--output", str(tmp_path / name))
        outputs[name] = [row["scores"] for row in json.loads(done.stdout)["tables"][0]["rows"]]
    assert outputs["serial"] == outputs["apart"] and len(outputs["serial"]) == 2


@pytest.mark.train
def test_a_data_set_of_the_new_kind_is_scored(project: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.linear_gradient("L").resize((192, 192)).convert("RGB").save(tmp_path / "ramp.png")
    head = 'title = "one ramp"\nscale = 4\nlicence = "CC0"\ncitation = "none"\nnotes = ""\n'
    card = f'name = "ramp"\nkind = "file-list"\n{head}test = ["{tmp_path / "ramp.png"}"]\n'
    (project / "datasets" / "ramp.toml").write_text(card, encoding="utf-8")
    try:
        line = ["--methods", "bicubic", "--datasets", "ramp", "--profile", "smoke", "--json", "--set", "metrics=['psnr', 'ssim']"]
        done = run(project, *line, "--output", str(tmp_path / "runs"))
    finally:
        (project / "datasets" / "ramp.toml").unlink()
    (row,) = json.loads(done.stdout)["tables"][0]["rows"]
    assert row["images"] == 1 and all(score["mean"] > 20 for score in row["scores"] if score["metric"] == "psnr")
