"""Lazy imports: objects by the text ``module:Name``, imported on use. Errors name the entry of the catalog that has the text."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import traceback
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from benchmarks.core import plugins
from benchmarks.core.code_digest import package_of, source_file
from benchmarks.core.errors import BenchmarkError, UsageError, missing_prerequisite, nearest
from benchmarks.core.interruption import is_foreign_exit
from benchmarks.core.paths import ROOT, is_own

IMPORTERS = ("core/lazy.py", "importlib/__init__.py")  # files that every traceback of an import goes through


def module_of(target: str) -> str:
    """The module of ``module:Name``."""
    return target.partition(":")[0]


def resolve(target: str, entry: str = "the catalog", having: Sequence[str] = ()) -> Any:
    """Import the object that ``module:Name`` names.

    Args:
        target: ``module:Name``.
        entry: the entry of the catalog, for errors: ``method 'edsr'``.
        having: attributes that the object must have.

    Raises:
        UsageError: the module or the object does not exist, is another kind of thing, or fails to import.
        ImportError: the module needs a package, or a library of the system, that is not installed.
    """
    loaded = load_module(module_of(target), entry)
    name = target.partition(":")[2]
    if not name or not hasattr(loaded, name):
        _refuse_name(target, entry, dir(loaded))
    value = getattr(loaded, name)
    if missing := [attribute for attribute in having if not hasattr(value, attribute)]:
        raise UsageError(f"{entry}: {target} has no {', '.join(missing)}: name another object in the catalog, or add it")
    return value


def load_module(module: str, entry: str) -> ModuleType:
    """Import a module. Raises as ``resolve`` does."""
    try:
        return importlib.import_module(module)
    except BaseException as error:
        if isinstance(error, BenchmarkError) or not (isinstance(error, Exception) or is_foreign_exit(error)):
            raise
        if isinstance(error, ModuleNotFoundError) and error.name is not None and f"{module}.".startswith(f"{error.name}."):
            _refuse_module(error.name, module, entry)
        if missing_prerequisite(error):
            raise
        raise UsageError(f"{entry}: {module} cannot be imported ({_reason(error)}): mend it") from error


def check(target: str, entry: str) -> None:
    """Raise UsageError if ``module:Name`` names no object of the project's source or a plug-in's. Nothing is imported.

    Objects of other installed packages, and of modules that make their names when they are imported, are not checked.
    """
    module, _, name = target.partition(":")
    if not is_own(package_of(module)) and not plugins.folders(package_of(module)):
        return
    path = source_file(module)
    if path is None:
        _refuse_module(module, module, entry)
    try:
        names = _bound_names(path)
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{entry}: {module} cannot be imported ({_reason(error)}): mend it") from error
    if "*" not in names and "__getattr__" not in names and name not in names:
        _refuse_name(target, entry, names)


@cache
def _bound_names(path: Path) -> frozenset[str]:
    """Names that a module's source binds anywhere; ``*`` where it imports all of another module."""
    names = set[str]()
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return frozenset(names)


def _refuse_name(target: str, entry: str, known: Collection[str]) -> NoReturn:
    module, _, name = target.partition(":")
    if not name:
        raise UsageError(f"{entry}: '{target}' is no 'module:Name': mend it in the catalog")
    hint = nearest(name, (other for other in known if not other.startswith("_")))
    raise UsageError(f"{entry}: {module} has no '{name}': {hint}mend '{target}' in the catalog")


def _refuse_module(missing: str, module: str, entry: str) -> NoReturn:
    """Raise UsageError for a module that does not exist, with the nearest name in its package."""
    while "." in missing and source_file(missing.rpartition(".")[0]) is None:
        missing = missing.rpartition(".")[0]
    package, _, name = missing.rpartition(".")
    folder = [str(ROOT.joinpath(*package.split(".")))] if package else [str(ROOT)]
    near = nearest(name, (found.name for found in pkgutil.iter_modules(folder)), f"{package}." if package else "")
    raise UsageError(f"{entry}: there is no module '{missing}': {near}mend '{module}' in the catalog")


def _reason(error: BaseException) -> str:
    """Class, message and place of an error."""
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    frames = [place for place in frames if not place[0].startswith("<") and not place[0].endswith(IMPORTERS)]
    own = [place for place in frames if ROOT in Path(place[0]).parents] or frames  # of a plug-in there are others only
    place = (error.filename, error.lineno) if isinstance(error, SyntaxError) else own[-1] if own else None
    text = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
    if place is None or place[0] is None:
        return text
    path = Path(place[0])
    return f"{text}, {path.relative_to(ROOT) if ROOT in path.parents else path}, line {place[1]}"
