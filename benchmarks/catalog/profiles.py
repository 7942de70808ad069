"""Profiles: sizes and schedules of a whole run.

A profile is the file ``benchmarks/catalog/profiles/<name>.toml``, with the tables under its name in the files ``profiles.toml``
of methods' folders. A profile that ``extends`` another says only what it changes. Estimates of costs, which are of one machine,
are not inherited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from benchmarks.catalog.composites import expanded
from benchmarks.catalog.degradations import DEGRADATIONS, degradation_class, make_degradation
from benchmarks.catalog.methods import added_profile_files, get_method, get_stage, inference_class, profile_files, settings_class
from benchmarks.catalog.metrics import get_metric
from benchmarks.catalog.protocols import PROTOCOLS
from benchmarks.core.errors import UsageError, unknown
from benchmarks.core.plugins import leave_out, reason
from benchmarks.core.strict import build, parse_toml, read_toml
from benchmarks.core.threads import physical_cores
from benchmarks.core.values import set_values, with_defaults

if TYPE_CHECKING:
    from benchmarks.api.entries import MethodEntry
    from benchmarks.degradations.operator import Degradation

FOLDER = Path(__file__).parent / "profiles"
NOT_INHERITED = ("name", "description", "estimates", "other_machines")
TABLES = ("degradations", "stages", "inference")  # of settings, by name
AUTO = "auto"  # as many threads as this process has physical cores

Seed = Annotated[int, Meta(ge=0, le=2**31 - 1)]


@dataclass(frozen=True)
class CellEstimate:
    """Cost of a cell on the profile's ``machine``.

    Attributes:
        seconds: duration.
        megabytes: size of its files.
        memory_gb: peak memory of a step on a CPU in the stage's precision, whatever the machine; None where it was not measured.
    """

    seconds: Annotated[float, Meta(ge=0, le=1e12)]
    megabytes: Annotated[float, Meta(ge=0, le=1e12)]
    memory_gb: Annotated[float, Meta(gt=0, le=1e6)] | None = None


@dataclass(frozen=True)
class Resources:
    """Cores, GPUs, memory and time reserved for one cell by an executor; they do not change its id.

    Attributes:
        gpus: number of GPUs; with more than one, a training runs on as many processes. Below 1, a share of one GPU: cells whose
            shares come to 1 run on it side by side.
        cpus: number of cores; 0 for as many as the profile's threads.
        memory_gb: main memory in GB.
        hours: time limit of a job; a job that reaches it is resumed from its checkpoint.
    """

    gpus: Annotated[float, Meta(ge=0, le=1024)]
    cpus: Annotated[int, Meta(ge=0, le=1024)]
    memory_gb: Annotated[float, Meta(gt=0, le=1e6)]
    hours: Annotated[float, Meta(gt=0, le=1e5)]

    @property
    def processes(self) -> int:
        """Number of processes that train a cell together."""
        return max(1, int(self.gpus))


@dataclass(frozen=True, kw_only=True)
class ProfileFile:
    """Top-level keys of a profile's TOML file, but for ``degradation``, ``degradations``, ``stages`` and ``inference``.

    Attributes:
        name: the file's name without its ending.
        description: a line for lists.
        methods: names of the methods that ``--all`` runs.
        datasets: names of the data sets to test on; those with training images are also trained on.
        train_on: name of the data set that methods are trained on where the tested one has no training images; empty for the
            first of ``datasets``.
        seeds: training seeds.
        protocols: names of the protocols to score under.
        shown: names of the protocols that get columns in tables.
        metrics: names of the metrics to compute.
        tile: LR pixels a side of a tile in evaluations; 0 for whole images.
        threads: number of torch threads on a CPU; in files also ``"auto"``, which is replaced by the number of physical cores.
        machine: the machine of the estimates.
        other_machines: how many times as long trainings take on other machines, by their descriptions; for ``--dry-run``.
        estimates: cost of a training cell under its stage's name, of an evaluation cell under ``evaluate``, or under the name of
            a method that trains inside its call; for ``--dry-run``.
        resources: for cells of the kinds ``train`` and ``evaluate``, or under a stage's name.
    """

    name: str
    description: str
    methods: Annotated[tuple[str, ...], Meta(min_length=1)]
    datasets: Annotated[tuple[str, ...], Meta(min_length=1)]
    seeds: Annotated[tuple[Seed, ...], Meta(min_length=1)]
    protocols: Annotated[tuple[str, ...], Meta(min_length=1)]
    shown: Annotated[tuple[str, ...], Meta(min_length=1)]
    metrics: Annotated[tuple[str, ...], Meta(min_length=1)]
    tile: Annotated[int, Meta(ge=0, le=10**9)]
    threads: Annotated[int, Meta(ge=1, le=1024)]
    machine: str
    resources: dict[str, Resources]
    estimates: dict[str, CellEstimate] = field(default_factory=dict)
    train_on: str = ""
    other_machines: dict[str, Annotated[float, Meta(gt=0, le=1e6)]] = field(default_factory=dict)

    @property
    def training_dataset(self) -> str:
        """Name of the data set that methods are trained on where the tested one has no training images."""
        return self.train_on or self.datasets[0]


@dataclass(frozen=True, kw_only=True)
class Profile(ProfileFile):
    """A profile, parsed and checked.

    Attributes:
        degradation: makes LR images where a data set has none.
        stages: settings of each training stage, instances of their dataclasses.
        inference: settings of each method that trains inside its call, instances of their dataclasses.
        changes: made to the files' values, as ``key=value``.
    """

    degradation: Degradation
    stages: Mapping[str, Any]
    inference: Mapping[str, Any]
    changes: tuple[str, ...] = ()

    def stage(self, name: str) -> Any:
        """Settings of a stage. Raises UsageError where the profile has none."""
        if name not in self.stages:
            raise UsageError(f"profile '{self.name}' has no settings [stages.{name}], which training it needs: add them")
        return self.stages[name]

    def has_settings_of(self, method: MethodEntry) -> bool:
        """True if the profile has the settings of all stages of a method, and of the method itself if it has any."""
        return set(method.stages) <= self.stages.keys() and (not method.inference or method.base in self.inference)

    def inference_values(self, method: MethodEntry) -> dict[str, Any]:
        """Settings of a method that trains inside its call, without those that have their default; none for other methods.

        Raises:
            UsageError: the profile has no settings of such a method.
        """
        if not method.inference:
            return {}
        if method.base not in self.inference:
            raise UsageError(f"profile '{self.name}' has no settings [inference.{method.base}], which the method needs: add them")
        return set_values(self.inference[method.base])

    def estimate_for(self, kind: str, label: str) -> CellEstimate | None:
        """Estimated cost of a cell of the kind ``train`` or ``evaluate``; None where the profile has none."""
        base = label.partition("/")[0]
        name = label if kind == "train" else base if base in self.inference else "evaluate"
        return self.estimates.get(name)

    def resources_for(self, kind: str, label: str) -> Resources:
        """Resources of a cell of the kind ``train`` or ``evaluate``, with ``cpus`` settled."""
        own = self.resources.get(label) if kind == "train" else None
        resources = own or self.resources[kind]
        return replace(resources, cpus=resources.cpus or self.threads)


def profile_names() -> list[str]:
    """Names of all profiles."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_profile(name: str, changes: Sequence[str] = ()) -> Profile:
    """Load a profile and apply ``key=value`` changes, for example ``stages.edsr.training.steps=100``; ``*`` is every key.

    Raises:
        UsageError: unknown profile, key, method or protocol; a value of the wrong type or out of range.
    """
    data = deepcopy(_merged(name))
    where = f"profile '{name}'"
    for change in changes:
        _apply(data, change)
        where = f"profile '{name}' with --set {' --set '.join(changes)}"
    if data.get("threads") == AUTO:
        data["threads"] = physical_cores()
    _check_tables(data, where)
    degradation = _degradation(data.pop("degradation", None), data.pop("degradations"), where)
    sections, inference = data.pop("stages"), data.pop("inference")
    profile = build(ProfileFile, data, where)
    if profile.name != name:  # files are called by it
        raise UsageError(f"{where}: name is {profile.name!a}: it must be the file's, '{name}'")
    stages = {stage: build(settings_class(stage), section, where, f"stages.{stage}") for stage, section in sections.items()}
    own = {name: build(inference_class(name), section, where, f"inference.{name}") for name, section in inference.items()}
    _check_names(profile, where)
    values = {part.name: getattr(profile, part.name) for part in fields(ProfileFile)}
    values["metrics"] = tuple(expanded(profile.metrics))
    return Profile(**values, degradation=degradation, stages=stages, inference=own, changes=tuple(changes))


def changed(profile: Profile, changes: Sequence[str]) -> Profile:
    """The profile with further changes on top of its own. Raises UsageError as ``load_profile`` does."""
    return load_profile(profile.name, (*profile.changes, *changes)) if changes else profile


def _check_names(profile: ProfileFile, where: str) -> None:
    """Raise UsageError for unknown methods, protocols, metrics and stages, and for tables without columns or resources."""
    for method in profile.methods:
        get_method(method)
    for protocol in profile.protocols:
        PROTOCOLS.look_up(protocol)
    for metric in expanded(profile.metrics):
        get_metric(metric)
    if not set(profile.shown) & set(profile.protocols):
        raise UsageError(f"{where}: shown: {', '.join(profile.shown)}: none of them is among the protocols: add one to shown")
    for stage in profile.resources.keys() - {"train", "evaluate"}:
        get_stage(stage)
    for kind in {"train", "evaluate"} - profile.resources.keys():
        raise UsageError(f"{where}: [resources] lacks {kind}: add what a cell gets, as the profile 'demo' does")
    for name, resources in profile.resources.items():
        if resources.gpus > 1 and resources.gpus % 1:
            gpus = f"resources.{name}.gpus = {resources.gpus:g}"
            raise UsageError(f"{where}: {gpus}: give a whole number of GPUs, or a share of one, below 1")


def _degradation(names: Any, settings: Any, where: str) -> Degradation:
    if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
        names = tuple(names)
    if not isinstance(names, str | tuple) or not isinstance(settings, dict):
        raise UsageError(
            f"{where}: degradation is {names!a}: give a name or a list of names, for example --set degradation=bicubic; "
            "settings go into [degradations.NAME]"
        )
    for name in settings:
        DEGRADATIONS.look_up(name)
    return make_degradation(names, settings, where)


@cache
def _merged(name: str) -> dict[str, Any]:
    """A profile's data, with those of the profiles that it extends, and with the defaults of settings."""
    data: dict[str, Any] = {}
    for part in _chain(name):
        data = {key: value for key, value in data.items() if key not in NOT_INHERITED}
        for tables in _tables(part):
            _merge(data, tables)
    degradations, stages, inference = (data.setdefault(key, {}) for key in TABLES)
    _check_tables(data, f"profile '{name}'")
    for plugin, (path, names) in added_profile_files().items():
        try:
            _merge(data, _added_tables(name, path, names))
        except Exception as error:  # of settings that others wrote
            leave_out(plugin, reason(error))
    for degradation in DEGRADATIONS:
        degradations[degradation] = with_defaults(degradation_class(degradation), degradations.get(degradation, {}))
    for stage, settings in stages.items():
        stages[stage] = with_defaults(settings_class(stage), settings)
    for method, settings in inference.items():
        inference[method] = with_defaults(inference_class(method), settings)
    return data


def _added_tables(name: str, path: Path, own: Sequence[str]) -> dict[str, Any]:
    """Settings and estimates of a plug-in's training stages and methods in a profile.

    Args:
        name: of the profile.
        path: the plug-in's ``profiles.toml``.
        own: ``stages.NAME`` and ``inference.NAME`` of the plug-in. The file may have settings of no others.

    Raises:
        UsageError: the file is missing or invalid, or settings do not fit their stage.
    """
    tables = read_toml(path)
    for other, table in tables.items():
        if other not in profile_names() or not isinstance(table, dict):
            raise UsageError(f"{path}: {unknown('profile', other, profile_names())}")
    data: dict[str, Any] = {"stages": {}, "inference": {}, "estimates": {}}
    allowed = {*own, *(f"estimates.{key.partition('.')[2]}" for key in own)}
    for part in _chain(name):
        table = {key: value for key, value in tables.get(part, {}).items() if part == name or key not in NOT_INHERITED}
        for key, value in table.items():
            if key not in data or not isinstance(value, dict) or not {f"{key}.{label}" for label in value} <= allowed:
                known = ", ".join(f"[{part}.{settings}]" for settings in own)
                raise UsageError(f"{path}: [{part}] has {key}: only {known} and estimates of these are read: take it out")
        _merge(data, table)
    for key, class_of in (("stages", settings_class), ("inference", inference_class)):
        for label, settings in data[key].items():
            build(class_of(label), with_defaults(class_of(label), settings), str(path), f"{name}.{key}.{label}")
    for stage, estimate in data["estimates"].items():
        build(CellEstimate, estimate, str(path), f"{name}.estimates.{stage}")
    return data


def _check_tables(data: Mapping[str, Any], where: str) -> None:
    """Raise UsageError if settings of degradations, stages or methods are no tables."""
    for key in TABLES:
        if not isinstance(data.get(key), dict):
            raise UsageError(f"{where}: [{key}] is not a table: write [{key}.NAME] with settings")


def _chain(name: str) -> list[str]:
    """Names of a profile and of its ancestors (``extends``), the root first. Raises UsageError for unknown names and circles."""
    chain = [name]
    while True:
        if chain[0] not in profile_names():
            raise unknown("profile", chain[0], profile_names())
        base = read_toml(FOLDER / f"{chain[0]}.toml").get("extends")
        if base is None:
            return chain
        if not isinstance(base, str):
            raise UsageError(f"{FOLDER / chain[0]}.toml: extends {base}: the name of a profile is needed")
        if base in chain:
            raise UsageError(
                f"profile '{name}': its 'extends' lead back to '{base}' (through {', '.join(chain)}): extend another profile"
            )
        chain.insert(0, base)


def _tables(name: str) -> Iterator[dict[str, Any]]:
    """A profile's own file, and its tables in the folders of methods. Raises UsageError where these name no profile."""
    yield {key: value for key, value in read_toml(FOLDER / f"{name}.toml").items() if key != "extends"}
    for path in profile_files():
        tables = read_toml(path)
        for other in tables:
            if other not in profile_names():
                raise UsageError(f"{path}: {unknown('profile', other, profile_names())}")
        yield tables.get(name, {})


def _merge(data: dict[str, Any], tables: Mapping[str, Any]) -> None:
    """Put tables over data: tables within tables are merged, other values are replaced."""
    for key, value in tables.items():
        if isinstance(value, dict) and isinstance(data.get(key), dict):
            _merge(data[key], value)
        else:
            data[key] = deepcopy(value)


def _apply(data: dict[str, Any], change: str) -> None:
    if any("\ud800" <= character <= "\udfff" for character in change):  # what the command line makes of other bytes
        raise UsageError(f"--set {change!a}: no valid UTF-8")
    key, equals, text = change.partition("=")
    if not equals:
        raise UsageError(f"--set {change}: write key=value, for example --set stages.edsr.training.steps=100")
    _assign(data, key.strip().split("."), _value(text.strip(), change), change)


def _assign(section: Any, path: Sequence[str], value: Any, change: str) -> None:
    """Set the value at the path, where ``*`` stands for every key that leads on to it."""
    name, *rest = path
    if not isinstance(section, dict) or not section or (name != "*" and name not in section):
        raise UsageError(f"--set {change}: {unknown('key', name, section if isinstance(section, dict) else ())}")
    for key in section if name == "*" else [name]:
        if rest:
            _assign(section[key], rest, value, change)
        else:
            section[key] = value


def _value(text: str, change: str) -> Any:
    try:
        found = parse_toml(f"value = {text}")
        if len(found) > 1:
            raise ValueError
        return found["value"]
    except ValueError:
        if any(mark in text for mark in "\"'[]{}=\n"):
            raise UsageError(f"--set {change}: the value is not valid TOML") from None
        return text
