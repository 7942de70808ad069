"""The worked examples of CONTRIBUTING.md, run as written in a copy of the project."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.slow
def test_the_examples_work_together(tmp_path: Path) -> None:
    for name in ("benchmarks", "cincgan", "baselines", "reports", "datasets"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    method, entry = blocks("Add a method")
    (tmp_path / "baselines" / "nearest.py").write_text(method)
    registry = tmp_path / "benchmarks" / "registry.py"
    insert(registry, '        MethodEntry("edsr",', f"        {entry.strip()},\n")
    (card,) = blocks("Add a data set")
    (tmp_path / "datasets" / "two-cats.toml").write_text(card)
    (metric,) = blocks("Add a metric")
    function, protocol = metric.rsplit("\n\n\n", 1)
    insert(tmp_path / "benchmarks" / "protocols.py", "PROTOCOLS = {", f"{function}\n\n\n")
    insert(tmp_path / "benchmarks" / "protocols.py", '        Protocol("rgb",', f"        {protocol.strip()},\n")
    tables = tmp_path / "reports" / "tables.py"
    for name, value in (("DIGITS", 4), ("LABELS", '"MAE"'), ("ARROWS", '"↓"')):
        source = tables.read_text(encoding="utf-8")
        tables.write_text(re.sub(rf"^{name} = {{", f'{name} = {{"mae": {value}, ', source, flags=re.M), encoding="utf-8")
    line = [
        sys.executable,
        "-m",
        "benchmarks.run",
        "--methods",
        "bicubic",
        "nearest",
        "--datasets",
        "two-cats",
        "--profile",
        "smoke",
    ]
    line += ["--set", "protocols=['rgb', 'mae']", "--set", "lpips=none", "--output", str(tmp_path / "runs"), "--json"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (table,) = json.loads(done.stdout)["tables"]
    bicubic, nearest = ({(score["protocol"], score["metric"]): score["mean"] for score in row["scores"]} for row in table["rows"])
    assert nearest["rgb", "psnr"] < bicubic["rgb", "psnr"]
    assert nearest["mae", "mae"] > bicubic["mae", "mae"] > 0
    markdown = (tmp_path / "runs" / "table-smoke.md").read_text(encoding="utf-8")
    assert "| nearest " in markdown
    assert "MAE ↓ mae" in markdown
