"""The worked examples of CONTRIBUTING.md, run as written in a copy of the project."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import pytest

from tests.conftest import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def blocks(heading: str) -> list[str]:
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", TEXT, re.S | re.M)
    assert section, heading
    return re.findall(r"^```(?:python|toml)\n(.*?)^```", section.group(1), re.S | re.M)


def insert(path: Path, before: str, text: str) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.count(before) == 1, before
    path.write_text(source.replace(before, text + before), encoding="utf-8")


@pytest.mark.train
def test_the_examples_work_together(tmp_path: Path) -> None:
    for name in ("benchmarks", "cincgan", "baselines", "reports", "datasets"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    method, entry, block = blocks("Add a method")
    (tmp_path / "baselines" / "shallow.py").write_text(method)
    registry = tmp_path / "benchmarks" / "registry.py"
    insert(registry, '        MethodEntry(\n            "edsr",', indent(f"{entry.strip()},\n", " " * 8))
    with (tmp_path / "benchmarks" / "profiles" / "smoke.toml").open("a", encoding="utf-8") as profile:
        profile.write(f"\n{block}")
    (card,) = blocks("Add a data set")
    (tmp_path / "datasets" / "two-cats.toml").write_text(card)
    metric, entry = blocks("Add a metric")
    (tmp_path / "benchmarks" / "mean_error.py").write_text(metric)
    insert(registry, '        MetricEntry("psnr", ', f"        {entry.strip()},\n")
    line = [sys.executable, "-m", "benchmarks.run", "--methods", "bicubic", "shallow", "--datasets", "two-cats"]
    line += ["--profile", "smoke", "--set", "metrics=['psnr', 'ssim', 'mae']", "--json"]

    def run(output: str, *more: str) -> dict[str, dict[tuple[str, str], float]]:
        done = subprocess.run([*line, *more, "--output", str(tmp_path / output)], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        (table,) = json.loads(done.stdout)["tables"]
        return {row["method"]: {(s["protocol"], s["metric"]): s["mean"] for s in row["scores"]} for row in table["rows"]}

    trained, untrained = run("runs"), run("untrained", "--set", "stages.shallow.training.steps=0")
    assert trained["shallow"]["rgb", "psnr"] > untrained["shallow"]["rgb", "psnr"] + 1
    assert trained["shallow"]["rgb", "mae"] < untrained["shallow"]["rgb", "mae"]
    assert trained["bicubic"] == untrained["bicubic"]
    markdown = (tmp_path / "runs" / "table-smoke.md").read_text(encoding="utf-8")
    assert "| shallow " in markdown
    assert "MAE ↓ rgb" in markdown
    (result,) = (tmp_path / "runs").glob("cells/train-shallow-*/result.json")
    history = json.loads(result.read_text(encoding="utf-8"))["history"]
    assert history[-1]["l1"] < history[0]["l1"]
