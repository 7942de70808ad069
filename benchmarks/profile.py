"""Profiles: sizes and schedules of a whole run, from ``benchmarks/profiles/<name>.toml``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from benchmarks.data.degradation import Track2Like
from benchmarks.data.images import DegradationName
from benchmarks.errors import UsageError, unknown
from benchmarks.protocols import get_protocol
from benchmarks.registry import get_method, get_metric, get_stage, resolve
from benchmarks.strict import build, parse_toml, read_toml

FOLDER = Path(__file__).parent / "profiles"

Seed = Annotated[int, Meta(ge=0, le=2**31 - 1)]


@dataclass(frozen=True)
class CellEstimate:
    """What a cell costs on the profile's ``machine``."""

    seconds: Annotated[float, Meta(ge=0, le=1e12)]
    megabytes: Annotated[float, Meta(ge=0, le=1e12)]


@dataclass(frozen=True)
class Resources:
    """What an executor sets aside for one cell; no part of the cell's identity.

    Attributes:
        gpus: more than one: the cell is trained on as many processes.
        cpus: cores; 0 for as many as the profile's threads.
        memory_gb: of main memory.
        hours: after which a scheduler may end it; it then goes on from its checkpoint.
    """

    gpus: Annotated[int, Meta(ge=0, le=1024)]
    cpus: Annotated[int, Meta(ge=0, le=1024)]
    memory_gb: Annotated[float, Meta(gt=0, le=1e6)]
    hours: Annotated[float, Meta(gt=0, le=1e5)]


@dataclass(frozen=True)
class Profile:
    """Everything that a run can be told, besides where to put its results.

    ``protocols`` and ``metrics`` are computed, ``shown`` are the protocols that tables show; ``tile`` is LR pixels a side, 0
    for whole images. ``stages`` maps each training stage to its settings dataclass; ``estimates`` maps a stage, or
    ``evaluate``, to its cost on ``machine``, for ``--dry-run``; ``resources`` says what a cell gets from an executor, under the
    stage's name, or else ``train`` or ``evaluate``; ``changes`` are those made to the file's values.
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
    degradation: DegradationName
    track2_like: Track2Like
    machine: str
    estimates: dict[str, CellEstimate]
    resources: dict[str, Resources]
    stages: dict[str, Any]
    changes: tuple[str, ...] = ()


def resources_for(profile: Profile, kind: str, label: str) -> Resources:
    """What a cell of the kind ``train`` or ``evaluate`` gets, with ``cpus`` settled."""
    found = profile.resources.get(label) if kind == "train" else None
    found = found or profile.resources[kind]
    return replace(found, cpus=found.cpus or profile.threads)


def profile_names() -> list[str]:
    """The profiles that exist."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_profile(name: str, changes: Sequence[str] = ()) -> Profile:
    """Load a profile and apply ``key=value`` changes, for example ``stages.edsr.training.steps=100``; ``*`` is every key.

    Raises:
        UsageError: unknown profile, key, method or protocol; a value of the wrong type or out of range.
    """
    if name not in profile_names():
        raise unknown("profile", name, profile_names())
    data = read_toml(FOLDER / f"{name}.toml")
    where = f"profile '{name}'"
    for change in changes:
        _apply(data, change)
        where = f"profile '{name}' with --set {' --set '.join(changes)}"
    profile = build(Profile, data, where)
    if profile.name != name:  # files are called by it
        raise UsageError(f"{where}: name is {profile.name!a}: it must be the file's, '{name}'")
    stages = {
        stage: build(resolve(get_stage(stage).settings), section, f"{where}: stages.{stage}")
        for stage, section in profile.stages.items()
    }
    for method in profile.methods:
        get_method(method)
    for protocol in profile.protocols:
        get_protocol(protocol)
    if not set(profile.shown) & set(profile.protocols):
        raise UsageError(f"{where}: shown: {', '.join(profile.shown)}: none of them is among the protocols: add one to shown")
    for name in profile.resources.keys() - {"train", "evaluate"}:
        get_stage(name)
    for kind in {"train", "evaluate"} - profile.resources.keys():
        raise UsageError(f"{where}: [resources] lacks {kind}: add what a cell gets, as the profile 'demo' does")
    for metric in profile.metrics:
        get_metric(metric)
    values = {field.name: getattr(profile, field.name) for field in fields(Profile)}
    return Profile(**(values | {"stages": stages, "changes": tuple(changes)}))


def changed(profile: Profile, changes: Sequence[str]) -> Profile:
    """The profile with further changes on top of its own. Raises UsageError as ``load_profile`` does."""
    return load_profile(profile.name, (*profile.changes, *changes)) if changes else profile


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
