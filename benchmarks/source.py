"""What code decides an outcome: a digest of a module's source and of all that it imports from this project."""

from __future__ import annotations

import ast
import hashlib
import json
from functools import cache
from pathlib import Path

from benchmarks.registry import ROOT

PLUMBING = frozenset(
    f"benchmarks.{name}"
    for name in (
        *("data.archives", "data.download", "data.package_index", "data.store", "data.weights"),
        *("errors", "files", "interruption", "offline", "registry", "results", "source", "stored", "strict"),
    )
)  # decides no number
PACKAGES = ("benchmarks", "cincgan", "baselines", "reports")


class _Bare(ast.NodeTransformer):
    """Takes away what cannot decide an outcome: docstrings, and imports that only a type checker sees."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return None
        return self.generic_visit(node)


@cache
def code_digest(*modules: str) -> str:
    """Digest of the source of the modules and of all they import from this project; comments and docstrings aside."""
    waiting, seen = list(modules), dict[str, str]()
    while waiting:
        name = waiting.pop()
        if name in seen or name in PLUMBING:
            continue
        seen[name], imported = _module(name)
        waiting += imported
    return hashlib.sha256(json.dumps(sorted(seen.items())).encode()).hexdigest()[:16]


@cache
def _module(name: str) -> tuple[str, tuple[str, ...]]:
    """Digest of a module's own source, and what it imports of this project."""
    tree = _Bare().visit(ast.parse(_source(name).read_bytes()))
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest(), tuple(_project_imports(tree))


def _source(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _project_imports(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found += [name for name in names if name.split(".")[0] in PACKAGES and _source(name).is_file()]
    return found
