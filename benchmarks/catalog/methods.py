"""Methods and training stages. A method is declared in the ``__init__`` of its own folder; ``FOLDERS`` has a line for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, get_args

from msgspec import Meta

from benchmarks.api.entries import Family, MethodEntry, StageEntry
from benchmarks.api.method import TrainedStage
from benchmarks.catalog.plugins import package_folder
from benchmarks.core.errors import UsageError, unknown
from benchmarks.core.lazy import check, load_module, resolve
from benchmarks.core.plugins import Plugin, additions
from benchmarks.core.registry import Registry
from benchmarks.core.strict import build, read_toml

FOLDERS = (  # packages with a tuple METHODS, in the order of tables
    "baselines.bicubic",
    "baselines.classical",
    "baselines.fsrcnn",
    "baselines.edsr",
    "baselines.bm3d_edsr",
    "baselines.srgan",
    "baselines.pseudo_supervision",
    "baselines.blind_synthetic",
    "cincgan",
    "baselines.cyclesr",
    "baselines.dsgan",
    "baselines.pdm",
    "baselines.noise_injection",
    "baselines.simusr",
    "baselines.zssr",
    "baselines.rrdbnet",
)
TRAINING_SPLITS = ("x", "z", "pairs")
CHECKPOINT = "spandrel:"  # begins the name of a method that consists of a file: spandrel:FILE
PLACE = "FOLDERS of benchmarks/catalog/methods.py"  # for errors


@cache
def methods() -> Registry[MethodEntry]:
    """All methods, without their variants. Raises UsageError where two have one name, or one's declaration is broken."""
    own = _own()
    return Registry("method", own, lambda names: chain.from_iterable(_added(own).values()))


@cache
def stages() -> Registry[StageEntry]:
    """All training stages, of plug-ins too. Raises UsageError where two have one name."""
    own = _own()
    return Registry("training stage", _trained(own), lambda names: _trained(chain.from_iterable(_added(own).values())))


def get_stage(name: str) -> StageEntry:
    """The stage of a name. Raises UsageError, with the nearest name, where there is none."""
    return stages().look_up(name)


def settings_class(stage: str) -> Any:
    """The dataclass of a stage's settings. Raises UsageError where there is none."""
    return resolve(get_stage(stage).settings, f"settings of training stage '{stage}'", ("__dataclass_fields__",))


def stage_class(stage: str) -> Any:
    """The class of a training stage. Raises UsageError where there is none."""
    return resolve(get_stage(stage).target, f"training stage '{stage}'", ("step", "probe"))


def method_class(name: str) -> Any:
    """The class of a method, or what stands in its place for a checkpoint. Raises UsageError where there is none."""
    entry = get_method(name)
    cls = resolve(entry.target, f"method '{name}'", ("from_stages",))
    return cls(Path(entry.file)) if entry.file else cls


def inference_class(name: str) -> Any:
    """The dataclass of the settings of a method that trains inside its call. Raises UsageError for other methods."""
    target = get_method(name).inference
    if not target:
        raise UsageError(f"method '{name}' has no settings of its own: take [inference.{name}] out")
    return resolve(target, f"settings of method '{name}'", ("__dataclass_fields__",))


def inference_stage(method: MethodEntry, values: Mapping[str, Any], scale: int) -> dict[str, TrainedStage]:
    """Settings of a method that trains inside its call, as a stage without weights under its name; none for other methods.

    Args:
        method: a method or a variant.
        values: the settings as plain data.
        scale: HR pixels per LR pixel.

    Raises:
        UsageError: the values are no settings of the method.
    """
    if not method.inference:
        return {}
    settings = build(inference_class(method.name), dict(values), f"method '{method.name}'", "inference")
    return {method.base: TrainedStage(settings, {}, scale)}


def get_method(name: str) -> MethodEntry:
    """The method or variant of a name. Raises UsageError, with the nearest name, where there is none."""
    if name.startswith(CHECKPOINT):
        return _checkpoint(name.removeprefix(CHECKPOINT))
    base, slash, _ = name.partition("/")
    if base not in methods():
        raise unknown("method", name, methods())
    return varied_forms_of(base).look_up(name) if slash else methods()[base]


def is_method(name: str) -> bool:
    """True if the catalog has a method or variant of the name, or if it is that of a checkpoint."""
    base, slash, _ = name.partition("/")
    return name.startswith(CHECKPOINT) or (base in methods() and (not slash or name in varied_forms_of(base)))


def _checkpoint(file: str) -> MethodEntry:
    """Method of a checkpoint, whose name in tables and results has the file's name and not its folder."""
    if not Path(file).name:
        raise UsageError(f"{CHECKPOINT}{file}: names no file: write {CHECKPOINT}FILE")
    name = CHECKPOINT + re.sub(r"[^\w.+-]", "_", Path(file).name, flags=re.ASCII)[-100:]
    target = "baselines.spandrel_file.method:Checkpoint"
    title = "a checkpoint in a network that spandrel recognises"
    return MethodEntry(name, title, target, "released", weights=(name,), file=file, packages=("spandrel",))


@cache
def variants_of(name: str) -> Registry[MethodEntry]:
    """The declared variants of a method, in the order of their file. Raises UsageError where the file is invalid."""
    return Registry("variant", _variants(methods()[name]))


@cache
def configurations_of(name: str) -> Registry[MethodEntry]:
    """Configurations of a method's designed study, in the order of its file. Raises UsageError where the file is invalid."""
    return Registry("configuration", _configurations(methods()[name]))


def varied_forms_of(name: str) -> Registry[MethodEntry]:
    """Variants of a method and configurations of its study. Raises UsageError where a file is invalid, or two have one name."""
    return Registry("variant", [*variants_of(name).values(), *configurations_of(name).values()])


def _variants(method: MethodEntry) -> list[MethodEntry]:
    if not method.variants:
        return []
    path = _declaring_file(method.variants, f"variants of method '{method.name}'")
    variants = {key: build(Variant, data, str(path), key) for key, data in read_toml(path).items()}
    return [
        replace(
            method,
            name=f"{method.name}/{key}",
            title=variant.title,
            changes=variant.changes,
            without=variant.without,
            steps_to=variant.steps_to,
            variants="",
            study="",
        )
        for key, variant in variants.items()
    ]


def _configurations(method: MethodEntry) -> list[MethodEntry]:
    """The method or one of its variants, with the changes of each configuration."""
    if not method.study:
        return []
    path, data = read_study(method)
    tables = data.get("configurations")
    named = tables.items() if isinstance(tables, dict) else ()  # load_study refuses anything else
    declared = {key: build(Configuration, table, str(path), f"configurations.{key}") for key, table in named}
    variants, unvaried = Registry("variant", _variants(method)), replace(method, variants="", study="")
    entries = []
    for key, own in declared.items():
        varied = variants.look_up(f"{method.name}/{own.of}") if own.of else unvaried
        entries.append(replace(varied, name=f"{method.name}/{key}", title=own.title, changes=(*varied.changes, *own.changes)))
    return entries


def read_study(method: MethodEntry) -> tuple[Path, dict[str, Any]]:
    """File of a method's designed study, and its content. Raises UsageError if it cannot be read."""
    path = _declaring_file(method.study, f"study of method '{method.name}'")
    return path, read_toml(path)


def _declaring_file(declared: str, where: str) -> Path:
    """The file of ``package/file.toml``. Raises UsageError if there is no such package."""
    package, _, file = declared.partition("/")
    return package_folder(package, where) / file


@dataclass(frozen=True)
class Variant:
    """A variant of a method as its file declares it; fields as in ``MethodEntry``."""

    title: str
    changes: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    steps_to: str = ""


@dataclass(frozen=True)
class Configuration:
    """A configuration of a designed study.

    Attributes:
        title: a line for lists.
        changes: settings, in the form of ``--set``.
        of: the variant that is changed, without the method's name; empty for the method itself.
    """

    title: str
    changes: Annotated[tuple[str, ...], Meta(min_length=1)]
    of: str = ""


def every_method() -> list[MethodEntry]:
    """All methods, each followed by its variants."""
    return [entry for name, method in methods().items() for entry in (method, *variants_of(name).values())]


def _own() -> tuple[MethodEntry, ...]:
    return tuple(method for folder in FOLDERS for method in _declared(folder, PLACE))


@cache
def _added(own: tuple[MethodEntry, ...]) -> Mapping[Plugin, Sequence[MethodEntry]]:
    """Methods of plug-ins, given the project's own."""

    def load(plugin: Plugin) -> list[MethodEntry]:
        declared = list(_declared(plugin.target, str(plugin)))
        for method in declared:
            build(MethodEntry, asdict(method), f"method '{method.name}'")
            of_stages = (target for stage in method.trains for target in (stage.target, stage.settings))
            for target in filter(None, (method.target, method.inference, *of_stages)):
                check(target, f"method '{method.name}'")
            _variants(method)
            _configurations(method)
        return declared

    return additions("methods", load, _called, {name for method in own for name in _called(method)})


def _trained(entries: Iterable[MethodEntry]) -> list[StageEntry]:
    return [stage for method in entries for stage in method.trains]


def _called(method: MethodEntry) -> list[str]:
    return [f"method '{method.name}'", *(f"training stage '{stage.name}'" for stage in method.trains)]


def added_profile_files() -> dict[Plugin, tuple[Path, list[str]]]:
    """File ``profiles.toml`` of each plug-in that has settings, and their tables: ``stages.NAME``, ``inference.NAME``."""
    tables = {
        plugin: [
            *(f"stages.{stage.name}" for method in added for stage in method.trains),
            *(f"inference.{method.name}" for method in added if method.inference),
        ]
        for plugin, added in _added(_own()).items()
    }
    return {
        plugin: (package_folder(plugin.target, str(plugin)) / "profiles.toml", names) for plugin, names in tables.items() if names
    }


def _declared(folder: str, place: str) -> Iterator[MethodEntry]:
    declared = getattr(load_module(folder, place), "METHODS", None)
    if not isinstance(declared, tuple) or not all(isinstance(entry, MethodEntry) for entry in declared):
        raise UsageError(f"{place}: {folder} has no tuple METHODS of MethodEntry: add it to its __init__.py")
    for method in declared:
        if method.family not in get_args(Family):
            raise unknown(f"family of method '{method.name}'", str(method.family), get_args(Family))
        for stage in method.trains:
            _check_reads(stage, method)
    yield from declared


def _check_reads(stage: StageEntry, method: MethodEntry) -> None:
    """Raise UsageError if ``reads`` of a stage names no training splits, or pairs in a method that is not supervised."""
    where, reads = f"training stage '{stage.name}'", stage.reads
    if not isinstance(reads, tuple):
        raise UsageError(f'{where}: reads is {reads!a:.40}, no tuple of splits: write reads=("x",), a single name with a comma')
    for split in reads:
        if split not in TRAINING_SPLITS:
            splits = ", ".join(f'"{name}"' for name in TRAINING_SPLITS)
            of_z = 'Y is made of Z, so data.y() needs "z"'
            raise UsageError(f"{where}: reads has {split!a:.40}: the splits are {splits}; {of_z}")
    if "pairs" in reads and method.family != "supervised":
        mend = 'write family="supervised" in its MethodEntry, or read x and z'
        raise UsageError(f"{where} reads \"pairs\", and method '{method.name}' is of the family '{method.family}': {mend}")


def profile_files() -> list[Path]:
    """Files ``profiles.toml`` in the folders of methods: settings of their stages, by profile."""
    paths = (package_folder(folder, PLACE) / "profiles.toml" for folder in FOLDERS)
    return [path for path in paths if path.is_file()]
