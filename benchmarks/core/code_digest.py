"""Digests of source code, which identify the code that decides a number.

Numbers are decided in the *deciding rooms* and in the folders of methods. All other code (commands, downloads, schedules, checks,
settings, names) cannot change a number and is no part of any digest. The rule is about folders and two file names; there is no
list of modules:

- a module of ``benchmarks`` counts if it lies in one of ``DECIDING_ROOMS``;
- a module of another package in the project's folder (``cincgan``, ``baselines``) counts; installed packages do not;
- a module called ``settings`` does not count, since identities have the values of settings; nor does a package's ``__init__``,
  which declares names and titles;
- every module of a package that a plug-in names counts, if code of plug-ins imports it. The project's own code imports none.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache, lru_cache
from importlib.util import resolve_name
from pathlib import Path

from benchmarks.core import plugins
from benchmarks.core.errors import UsageError
from benchmarks.core.paths import ROOT, is_own

DECIDING_ROOMS = ("benchmarks.training", "benchmarks.scoring", "benchmarks.degradations", "benchmarks.data.pixels")
HARNESS = ("benchmarks", "reports")
UNCOUNTED = ("settings.py", "__init__.py")


def decides(module: str) -> bool:
    """True if the code of a module can change a number."""
    path = source_file(module)
    if path is None or not is_own(package_of(module)):
        return path is not None
    if path.name in UNCOUNTED:
        return False
    return module.split(".")[0] not in HARNESS or module.startswith(tuple(f"{room}." for room in DECIDING_ROOMS))


@cache
def code_digest(*modules: str) -> str:
    """Digest of the source of modules and of all deciding modules that they import, directly or not.

    Comments, docstrings and imports for type checkers do not count. Imports are followed among deciding modules only: other
    modules that these use (files, errors, locks) are left out.

    Args:
        modules: dotted names; modules that decide nothing are left out.

    Returns:
        16 hexadecimal digits.
    """
    digests = list(source_digests(*modules).items())
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()[:16]


def source_digests(*modules: str) -> dict[str, str]:
    """Digests of the modules that ``code_digest`` hashes, by name. A source is read once in the life of the process."""
    return {name: _module(name)[0] for name in sorted(deciding_modules(*modules))}


def changed_files(digests: Mapping[str, str]) -> list[str]:
    """Files, relative to the project's folder, whose source is other than digests of modules say. All are read again."""
    return [f"{name.replace('.', '/')}.py" for name, digest in digests.items() if _digest_now(name) != digest]


@cache
def deciding_modules(*modules: str) -> frozenset[str]:
    """Names of the modules that ``code_digest`` hashes: deciding ones of the arguments and of their imports."""
    waiting, names = list(modules), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in names and decides(name):
            names.add(name)
            waiting += _imported(name)
    return frozenset(names)


def package_of(module: str) -> str:
    """Top-level package of a module."""
    return module.partition(".")[0]


def _imported(module: str) -> Iterator[str]:
    """Names of the modules that a module imports; of the project's own code those of the project."""
    path, is_project = source_file(module), is_own(package_of(module))
    package = module if path and path.name == "__init__.py" else module.rpartition(".")[0]
    for name in _module(module)[1]:
        if not name.startswith("."):
            if is_own(package_of(name)) or not is_project:
                yield name
        else:
            with suppress(ImportError):  # relative, and beyond the top-level package
                yield resolve_name(name, package)


class _Bare(ast.NodeTransformer):
    """Removes docstrings and blocks under ``TYPE_CHECKING``."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return None
        return self.generic_visit(node)


@cache
def _module(name: str) -> tuple[str, tuple[str, ...]]:
    """SHA-256 of a module's source without comments and docstrings, and the names of its imports."""
    path = source_file(name)
    try:
        return _bare(path.read_bytes() if path else b"")
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise UsageError(f"{path}{line}: no valid Python ({getattr(error, 'msg', error)}): mend it") from error


@lru_cache(maxsize=1024)
def _bare(source: bytes) -> tuple[str, tuple[str, ...]]:
    tree = _Bare().visit(ast.parse(source))
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest(), tuple(_imports(tree))


def _digest_now(name: str) -> str:
    """Digest of a module's source as it is now; empty if it is gone or no valid Python."""
    path = source_file(name)
    try:
        return _bare(path.read_bytes())[0] if path else ""
    except (OSError, SyntaxError, ValueError):
        return ""


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module}{'.' if node.module else ''}{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@cache
def source_file(module: str) -> Path | None:
    """Source file of a module of the project or of a plug-in; None for other modules and for names that are no module."""
    parts = module.split(".")
    places = (ROOT,) if is_own(parts[0]) else plugins.folders(parts[0])
    paths = [place.joinpath(*parts) for place in places]
    files = (file for path in paths for file in (path / "__init__.py", path.with_suffix(".py")))
    return next((file for file in files if file.is_file()), None)
