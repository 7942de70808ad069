"""Modules of the project with a changed source, as identities see them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from benchmarks.core import code_digest
from tests.conftest import ROOT

PACKAGES = ("benchmarks", "cincgan", "baselines", "reports")


def every_module() -> list[str]:
    """Dotted names of all modules of the project, packages included."""
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return sorted(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths)


def with_statement(source: str) -> str:
    """The source with a new statement in its first function; at its end where there is no function."""
    tree = ast.parse(source)
    statement = ast.parse("_new_statement = 1").body[0]
    function = next((node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)), None)
    body = function.body if function else tree.body
    body.insert(len(body) if not function else int(ast.get_docstring(function) is not None), statement)
    return ast.unparse(ast.fix_missing_locations(tree))


@contextmanager
def changed_source(module: str, source: str | None = None) -> Iterator[None]:
    """Within, digests see another source of a module: the given one, or its own with a new statement."""
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    text = with_statement(path.read_text(encoding="utf-8")) if source is None else source
    read = Path.read_bytes

    def read_bytes(self: Path) -> bytes:
        return text.encode() if self == path else read(self)

    original, known = code_digest._module, code_digest.source_file(module.removesuffix(".__init__"))
    assert known == path, f"{module} is at {known}"

    def parsed(name: str) -> tuple[str, tuple[str, ...]]:
        return original.__wrapped__(name) if code_digest.source_file(name) == path else original(name)

    _forget()
    with mock.patch.object(Path, "read_bytes", read_bytes), mock.patch.object(code_digest, "_module", parsed):
        yield
    _forget()


def _forget() -> None:
    code_digest.code_digest.cache_clear()
    code_digest.deciding_modules.cache_clear()
