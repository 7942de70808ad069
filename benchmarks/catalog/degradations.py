"""Degradations, each an operator with its settings in a file of its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.api.entries import Entry
from benchmarks.catalog.plugins import DEGRADATION, added_objects
from benchmarks.core.lazy import resolve
from benchmarks.core.registry import Registry
from benchmarks.core.strict import build

if TYPE_CHECKING:
    from benchmarks.degradations.operator import Degradation

DEGRADATIONS = Registry(
    "degradation",
    (
        Entry("bicubic", "benchmarks.degradations.bicubic:Bicubic"),
        Entry("track2-like", "benchmarks.degradations.track2_like:Track2Like"),
        Entry("track2-like-v2", "benchmarks.degradations.track2_like_v2:Track2LikeV2"),
        Entry("first-order", "benchmarks.degradations.first_order:FirstOrder"),
        Entry("real-esrgan", "benchmarks.degradations.real_esrgan:RealESRGAN"),
        Entry("bsrgan", "benchmarks.degradations.bsrgan:BSRGAN"),
    ),
    partial(added_objects, "degradations", "degradation", DEGRADATION),
)
CLEAN = "bicubic"  # makes Y, the clean LR images, of Z


def make_degradation(names: str | tuple[str, ...], settings: Mapping[str, Mapping[str, Any]], where: str) -> Degradation:
    """The degradation of a name, or the pipeline of several, one after the other.

    Args:
        names: in the catalog.
        settings: by name, the fields of each one's settings; defaults where a name is left out.
        where: the source of the settings, for errors.

    Raises:
        UsageError: an unknown name, or settings that do not fit.
    """
    operators = [_make(name, settings.get(name, {}), where) for name in ([names] if isinstance(names, str) else names)]
    if len(operators) == 1:
        return operators[0]
    pipeline: Degradation = resolve("benchmarks.degradations.operator:Pipeline")(tuple(operators))
    return pipeline


def degradation_class(name: str) -> type[Degradation]:
    """The operator of a name. Raises UsageError, with the nearest name, where there is none."""
    operator: type[Degradation] = resolve(DEGRADATIONS.look_up(name).target, f"degradation '{name}'", ("apply", "degrade"))
    return operator


def _make(name: str, settings: Mapping[str, Any], where: str) -> Degradation:
    return build(degradation_class(name), settings, where, f"degradations.{name}")
