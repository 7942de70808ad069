"""``import benchmarks``: its names, what they cost, and names that modules have too."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

import benchmarks
from benchmarks.catalog.methods import methods
from benchmarks.core.strict import read_toml
from tests.conftest import ROOT


def test_the_import_is_light() -> None:
    ask = (
        "import sys, benchmarks; print(sorted(n for n in sys.modules if n.startswith('benchmarks') or n in ('numpy', 'msgspec')))"
    )
    done = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "['benchmarks']\n"


def test_the_catalog() -> None:
    assert benchmarks.METHODS is methods() and "cincgan" in benchmarks.METHODS
    assert "y-shave4" in benchmarks.PROTOCOLS and "lpips" in benchmarks.METRICS
    assert benchmarks.__version__ == read_toml(ROOT / "pyproject.toml")["project"]["version"]
    assert set(benchmarks.__all__) <= set(dir(benchmarks))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        benchmarks.nothing  # noqa: B018


@pytest.mark.parametrize("name", ["evaluate", "results"])
def test_a_name_of_a_module_can_be_called_before_and_after_its_import(name: str) -> None:
    """In a process of its own, for this one has imported them."""
    ask = (
        f"from benchmarks import {name} as first\nimport benchmarks.{name}, benchmarks\n"
        f"assert first is benchmarks.{name} and callable(first)\n"
        f"try: first('nowhere', 'nowhere', 'rgb') if '{name}' == 'evaluate' else first('nowhere')\n"
        "except Exception as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("nowhere: no ")
    module = importlib.import_module(f"benchmarks.{name}")
    assert (
        list(inspect.signature(module).parameters)
        == {"evaluate": ["sr", "hr", "protocol", "metrics"], "results": ["folder"]}[name]
    )


def test_types_travel() -> None:
    packaged = read_toml(ROOT / "pyproject.toml")["tool"]["setuptools"]["package-data"]
    for package in ("benchmarks", "cincgan"):
        assert (ROOT / package / "py.typed").is_file() and "py.typed" in packaged[package]
