"""Forbidden constructs in the syntax tree of the source: foreign pickles, evaluation of text, names in a shell."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

FILES = sorted(path for room in ("benchmarks", "cincgan", "baselines", "reports") for path in (ROOT / room).rglob("*.py"))
RUNS = {"eval", "exec", "compile", "__import__", "execfile", "breakpoint"}
CALLS = {
    *("os.system", "os.popen", "os.execv", "os.execvp", "os.spawnv", "os.startfile", "pty.spawn", "commands.getoutput"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "asyncio.create_subprocess_shell"),
    *("pickle.load", "pickle.loads", "marshal.load", "marshal.loads", "shelve.open", "dill.load", "joblib.load"),
    *("cloudpickle.load", "cloudpickle.loads", "pandas.read_pickle", "pd.read_pickle", "numpy.loads", "np.fromregex"),
    *("yaml.load", "yaml.unsafe_load", "yaml.full_load", "jsonpickle.decode", "torch.hub.load", "torch.package.PackageImporter"),
    *("tempfile.mktemp", "shutil.unpack_archive"),
}
METHODS = {"extractall", "extract_all"}  # of archives, whose members could lead anywhere
PROCESSES = {"run", "call", "check_call", "check_output", "Popen"}
# This class allows arrays of numpy and nothing else: tests/scoring/test_perceptual.py.
UNPICKLERS = {("benchmarks/scoring/trunks.py", "_ArraysOnly")}


def dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ".".join(["", *reversed(parts)])


def keyword(call: ast.Call, name: str) -> object:
    """Constant value of a keyword argument; None without one."""
    values = (argument.value for argument in call.keywords if argument.arg == name)
    return next((value.value for value in values if isinstance(value, ast.Constant)), None)


def imported(tree: ast.AST) -> dict[str, str]:
    """Full names by local name: ``from os import system as s`` makes ``s`` ``os.system``."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
    return names


def violations(source: str, name: str = "file.py") -> Iterator[str]:
    tree = ast.parse(source)
    names = imported(tree)
    for node in ast.walk(tree):
        is_unpickler = isinstance(node, ast.ClassDef) and any(dotted(base).endswith("Unpickler") for base in node.bases)
        if is_unpickler and (name, node.name) not in UNPICKLERS:
            yield f"{node.lineno}: an unpickler of its own"
        if not isinstance(node, ast.Call):
            continue
        plain = dotted(node.func)
        first, _, rest = plain.partition(".")
        full = ".".join(filter(None, (names.get(first, first), rest)))
        if plain in RUNS or full in CALLS or plain.rpartition(".")[2] in METHODS or full.endswith(".Unpickler"):
            yield f"{node.lineno}: {full}"
        if full == "torch.load" and keyword(node, "weights_only") is not True:
            yield f"{node.lineno}: torch.load without weights_only=True"
        if full.startswith(("numpy.load", "np.load")) and keyword(node, "allow_pickle") not in (None, False):
            yield f"{node.lineno}: numpy.load with allow_pickle"
        if any(argument.arg == "shell" for argument in node.keywords):
            yield f"{node.lineno}: shell="
        if full.startswith("subprocess.") and rest in PROCESSES and (not node.args or isinstance(node.args[0], ast.JoinedStr)):
            yield f"{node.lineno}: a process from one text"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_has_forbidden_constructs(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    assert list(violations(path.read_text(encoding="utf-8"), name)) == []


@pytest.mark.parametrize(
    "source",
    [
        *("eval(x)", "exec(x)", "compile(x, '', 'exec')", "__import__(x)", "import os; os.system(x)"),
        *("from os import system as s; s(x)", "import pickle; pickle.load(f)", "from pickle import loads; loads(x)"),
        *("import pickle as p; p.Unpickler(f).load()", "class A(pickle.Unpickler): pass", "import yaml; yaml.load(x)"),
        *("import torch; torch.load(f)", "import torch; torch.load(f, weights_only=False)", "from torch import load; load(f)"),
        *("import torch as t; t.load(f, weights_only=x)", "import numpy as np; np.load(f, allow_pickle=True)"),
        *("import subprocess; subprocess.run(x, shell=True)", "import subprocess; subprocess.run(f'ls {x}')"),
        *("z.extractall(x)", "import tempfile; tempfile.mktemp()", "import shutil; shutil.unpack_archive(x)"),
    ],
)
def test_forbidden_constructs_are_found(source: str) -> None:
    assert list(violations(source))


def test_safe_constructs_are_allowed() -> None:
    sound = "import torch, re, subprocess, numpy as np\nre.compile(x)\ntorch.load(f, weights_only=True)\nnp.load(f)\n"
    assert list(violations(sound + "subprocess.run([a, b])\nmodel.eval()\n")) == []


READERS_OF_ARCHIVES = {"benchmarks/data/acquisition/members.py", "benchmarks/training/checkpoints.py"}  # checkpoints are zips


def test_archives_have_one_reader() -> None:
    readers = set()
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names = {*plain, *imported(tree).values()} - {"zipfile.BadZipFile"}
        if {"zipfile", "tarfile"} & {name.partition(".")[0] for name in names}:
            readers.add(path.relative_to(ROOT).as_posix())
    assert readers == READERS_OF_ARCHIVES
