"""Defaults of settings never change: identities leave out settings that have their default.

A new default is added here: from then on it is held. A default that would have to change becomes a new setting.
"""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_type_hints

from benchmarks.catalog.degradations import DEGRADATIONS
from benchmarks.catalog.methods import stages
from benchmarks.core.lazy import resolve

DEFAULTS = {
    "baselines.fsrcnn.settings.FSRCNNSettings.global_skip": False,
    "benchmarks.api.settings.TrainingSettings.recompute": False,
    "benchmarks.training.networks.settings.EDSRSettings.published": "",
    "benchmarks.degradations.track2_like.Track2Like.seed": 0,
    "benchmarks.degradations.track2_like_v2.Track2LikeV2.seed": 0,
}


def defaults(cls: Any) -> dict[str, Any]:
    """Defaults of a dataclass's fields, and of the dataclasses within it, by their full names."""
    values: dict[str, Any] = {}
    hints = get_type_hints(cls)
    for field in fields(cls):
        if is_dataclass(hints[field.name]):
            values |= defaults(hints[field.name])
        if field.default is not MISSING:
            values[f"{cls.__module__}.{cls.__qualname__}.{field.name}"] = field.default
        assert field.default_factory is MISSING
    return values


def test_defaults_are_what_they_were() -> None:
    classes = [resolve(stage.settings) for stage in stages().values()]
    classes += [resolve(entry.target) for entry in DEGRADATIONS.values()]
    present = {name: value for cls in classes for name, value in defaults(cls).items()}
    assert {name: present.get(name) for name in DEFAULTS} == DEFAULTS
