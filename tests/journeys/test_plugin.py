"""The example of a plug-in: installed, listed, run; an edit of its code gives its own cells new ids, and no others."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import run
from benchmarks.catalog.profiles import load_profile
from benchmarks.planning.plan import make_plan
from tests.conftest import ROOT
from tests.helpers.plugins import Site, empty_site  # noqa: F401 - a fixture

EXAMPLE = ROOT / "examples" / "plugin"
PACKAGE = "cincgan_plugin_example"
METHODS = ["bicubic", "edsr", "sharpened"]
WITH_ALL = ("degradation=['bicubic', 'stripes']", "metrics=['psnr', 'worst-error']", "protocols=['rgb', 'green']")


@pytest.fixture(scope="module", name="installed")
def installed_example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as pip installs it."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(EXAMPLE, folder / "source", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check", "--no-compile")
    line = [sys.executable, "-m", "pip", "install", *options, "--target", str(folder / "site"), str(folder / "source")]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.fixture(name="example")
def example_on_the_path(installed: Path, site: Site) -> Site:
    shutil.copytree(installed, site.folder, dirs_exist_ok=True)
    site.look_again()
    return site


def cell_ids(*changes: str) -> dict[str, str]:
    """Ids of the cells of three methods on the plug-in's data set and on another."""
    cells = make_plan(load_profile("smoke", changes), METHODS, ["demo-photos", "coffee-cup"])
    return {str(cell): cell.id for cell in cells}


def test_listed(example: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--list", "--json"]) == 0
    output = capsys.readouterr()
    listed = json.loads(output.out)
    assert listed["plugins"] == {"cincgan-plugin-example": "1.0"} and not output.err
    names = {"methods": "sharpened", "datasets": "coffee-cup", "degradations": "stripes", "protocols": "green"}
    assert all(name in listed[kind] for kind, name in names.items())


def test_run(example: Site, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command of its README."""
    command = re.search(r"python -m benchmarks\.run (--methods.*?)```", (EXAMPLE / "README.md").read_text(encoding="utf-8"), re.S)
    assert command
    arguments = [word.strip('"') for word in re.findall(r'"[^"]*"|[^\s\\]+', command[1])]
    assert run.main([*arguments, "--profile", "smoke", "--output", str(output), "--json"]) == 0
    (table,) = json.loads(capsys.readouterr().out)["tables"]
    rows = {
        row["method"]: {(score["protocol"], score["metric"]): score["mean"] for score in row["scores"]} for row in table["rows"]
    }
    bicubic, sharpened = rows["bicubic"], rows["sharpened"]
    assert bicubic.keys() == sharpened.keys() == {(p, m) for p in ("rgb", "green") for m in ("psnr", "ssim", "worst-error")}
    assert bicubic["rgb", "psnr"] != sharpened["rgb", "psnr"] and sharpened["rgb", "worst-error"] > 20
    (result,) = output.glob("cells/evaluate-sharpened-*/result.json")
    record = json.loads(result.read_text(encoding="utf-8"))
    assert record["data"]["degradation"] == "bicubic + stripes"
    assert re.fullmatch(rf"{PACKAGE}\.\S+ [0-9a-f]{{16}} cincgan-plugin-example==1\.0", record["cell"]["code"])


def with_edit(example: Site, module: str, old: str, new: str, *changes: str) -> set[str]:
    """Cells with new ids after an edit of a module, which is taken back."""
    path = example.folder / PACKAGE / module
    text = path.read_text(encoding="utf-8")
    assert old in text
    before = cell_ids(*changes)
    path.write_text(text.replace(old, new), encoding="utf-8")
    example.look_again()
    after = cell_ids(*changes)
    path.write_text(text, encoding="utf-8")
    example.look_again()
    assert before.keys() == after.keys()
    return {cell for cell in before if before[cell] != after[cell]}


def evaluations(cells: dict[str, str], chosen: Callable[[str], bool] = lambda cell: True) -> set[str]:
    return {cell for cell in cells if cell.startswith("evaluate") and chosen(cell)}


def test_an_edit_gives_its_own_cells_new_ids_and_no_others(example: Site) -> None:
    plain, mixed = cell_ids(), cell_ids(*WITH_ALL)
    of_method = evaluations(plain, lambda cell: "sharpened" in cell)
    assert len(of_method) == 2 and len(plain) == 7
    assert with_edit(example, "sharpen/method.py", "AMOUNT = 0.5", "AMOUNT = 0.6") == of_method
    assert with_edit(example, "sharpen/method.py", "AMOUNT = 0.5  # weight", "AMOUNT = 0.5  # amount") == set()
    assert with_edit(example, "stripes.py", "size=(len(image), 1, 1)", "size=(1, image.shape[1], 1)") == set()
    for module, old in {"stripes.py": "len(image)", "green.py": "1:2", "worst_error.py": ".max()"}.items():
        new = with_edit(example, module, old, {"1:2": "1:2:1", ".max()": ".max(initial=0)"}.get(old, "image.shape[0]"), *WITH_ALL)
        assert new == evaluations(mixed)
    assert with_edit(example, "cards/coffee-cup.toml", "[104, 204,", "[104, 208,") == evaluations(plain, lambda c: "coffee" in c)


def test_a_new_version_gives_its_cells_new_ids_and_none_to_others(example: Site) -> None:
    before = cell_ids()
    (metadata,) = example.folder.glob("*.dist-info")
    text = (metadata / "METADATA").read_text(encoding="utf-8")
    (metadata / "METADATA").write_text(text.replace("\nVersion: 1.0\n", "\nVersion: 1.1\n"), encoding="utf-8")
    example.look_again()
    after = cell_ids()
    assert {cell for cell in before if before[cell] != after[cell]} == evaluations(before, lambda cell: "sharpened" in cell)


def test_without_it_all_other_cells_have_the_same_ids(example: Site) -> None:
    with_plugin = {str(cell): cell.id for cell in make_plan(load_profile("smoke"))}
    shutil.rmtree(example.folder)
    example.look_again()
    assert {str(cell): cell.id for cell in make_plan(load_profile("smoke"))} == with_plugin
