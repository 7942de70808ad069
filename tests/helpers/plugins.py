"""Plug-ins in a folder of Python's path, as an installer leaves them there."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from benchmarks.catalog import methods, profiles
from benchmarks.catalog.degradations import DEGRADATIONS
from benchmarks.catalog.metrics import METRICS
from benchmarks.catalog.protocols import PROTOCOLS
from benchmarks.core import code_digest, plugins
from benchmarks.data import cards
from benchmarks.data.acquisition import weights

CACHED = (
    *(plugins.all_plugins, plugins.folders, plugins.leave_out),
    *(methods.variants_of, methods.configurations_of, methods._added, profiles._merged, cards._added, weights._added),
    *(code_digest.code_digest, code_digest.deciding_modules, code_digest.source_file, code_digest._module),
)


class Site:
    """A folder of installed distributions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, name: str, files: Mapping[str, str], version: str = "1.0", **entry_points: Mapping[str, str]) -> None:
        """Write a distribution: files by path, and entry points by group."""
        metadata = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"]
        groups = [
            f"[cincgan_benchmark.{group}]\n" + "".join(f"{key} = {value}\n" for key, value in points.items())
            for group, points in entry_points.items()
        ]
        contents = {**files, f"{metadata.name}/METADATA": "".join(lines), f"{metadata.name}/entry_points.txt": "\n".join(groups)}
        for path, content in contents.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(content, encoding="utf-8")
        self.look_again()

    def look_again(self) -> None:
        """Forget what was read of the folder, as a new process would."""
        importlib.invalidate_caches()
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(str(self.folder)):
                del sys.modules[name]
        forget()


def forget() -> None:
    """Forget all plug-ins, and what the catalog has of them."""
    for function in CACHED:
        function.cache_clear()
    for registry in (METRICS, DEGRADATIONS, PROTOCOLS, methods.methods(), methods.stages()):
        registry.__dict__.pop("_entries", None)


@pytest.fixture(name="site")
def empty_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty folder of Python's path."""
    site = Site(tmp_path / "site")
    site.folder.mkdir()
    monkeypatch.syspath_prepend(site.folder)
    yield site
    monkeypatch.undo()
    site.look_again()
