"""Methods and training stages. A method is declared in the ``__init__`` of its own folder; ``FOLDERS`` has a line for it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from benchmarks.api.entries import MethodEntry, StageEntry
from benchmarks.core.errors import unknown
from benchmarks.core.registry import Registry
from benchmarks.core.strict import build, read_toml

FOLDERS = (  # packages with a tuple METHODS, in the order of tables
    "baselines.bicubic",
    "baselines.fsrcnn",
    "baselines.edsr",
    "baselines.bm3d_edsr",
    "baselines.srgan",
    "baselines.pseudo_supervision",
    "cincgan",
    "baselines.rrdbnet",
)


@cache
def methods() -> Registry[MethodEntry]:
    """All methods, without their variants. Raises ValueError where two have one name."""
    return Registry("method", (method for folder in FOLDERS for method in _declared(folder)))


@cache
def stages() -> Registry[StageEntry]:
    """All training stages. Raises ValueError where two have one name."""
    return Registry("training stage", (stage for method in methods().values() for stage in method.trains))


def get_stage(name: str) -> StageEntry:
    """The stage of a name. Raises UsageError, with the nearest name, where there is none."""
    return stages().look_up(name)


def get_method(name: str) -> MethodEntry:
    """The method or variant of a name. Raises UsageError, with the nearest name, where there is none."""
    base, slash, _ = name.partition("/")
    if base not in methods():
        raise unknown("method", name, methods())
    return variants_of(base).look_up(name) if slash else methods()[base]


@cache
def variants_of(name: str) -> Registry[MethodEntry]:
    """The declared variants of a method, in the order of their file. Raises UsageError where the file is invalid."""
    method = methods()[name]
    if not method.variants:
        return Registry("variant", ())
    package, _, file = method.variants.partition("/")
    path = Path(str(files(package).joinpath(file)))
    variants = {key: build(Variant, data, f"{path}: {key}") for key, data in read_toml(path).items()}
    return Registry(
        "variant",
        (
            replace(
                method,
                name=f"{name}/{key}",
                title=variant.title,
                changes=variant.changes,
                without=variant.without,
                variants="",
            )
            for key, variant in variants.items()
        ),
    )


@dataclass(frozen=True)
class Variant:
    """A variant of a method as its file declares it: changed settings, and stages that are left out."""

    title: str
    changes: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


def every_method() -> list[MethodEntry]:
    """All methods, each followed by its variants."""
    return [entry for name, method in methods().items() for entry in (method, *variants_of(name).values())]


def _declared(folder: str) -> Iterator[MethodEntry]:
    yield from importlib.import_module(folder).METHODS


def profile_files() -> list[Path]:
    """Files ``profiles.toml`` in the folders of methods: settings of their stages, by profile."""
    paths = (Path(str(files(folder).joinpath("profiles.toml"))) for folder in FOLDERS)
    return [path for path in paths if path.is_file()]
