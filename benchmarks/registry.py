"""What exists: methods and the training stages they are made of, as lazy strings resolved when used."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.errors import unknown

Split = Literal["x", "z", "test"]


@dataclass(frozen=True)
class StageEntry:
    """A training stage: one cell of training that methods and later stages build on.

    Attributes:
        name: also the profile's section ``[stages.<name>]``.
        target: ``module:Class``, a ``benchmarks.training.Stage``.
        settings: ``module:Class``, the frozen dataclass of its profile section.
        reads: training splits that it sees, so that its identity depends on nothing else.
        needs: stages whose weights it starts from.
    """

    name: str
    target: str
    settings: str
    reads: tuple[Split, ...]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class MethodEntry:
    """Something that turns an LR image into an HR image.

    Attributes:
        name: on the command line and in tables.
        title: how a table introduces it.
        target: ``module:Class``, a ``benchmarks.method.Method``.
        stages: trained stages it is built from; none for an untrained method.
        supervised: saw degraded LR and HR *pairs*: an upper reference, no fair rival.
    """

    name: str
    title: str
    target: str
    stages: tuple[str, ...] = ()
    supervised: bool = False


STAGES = {
    stage.name: stage
    for stage in (
        StageEntry("edsr", "baselines.edsr:EDSRStage", "baselines.settings:EDSRSettings", reads=("z",)),
        StageEntry("cincgan-inner", "cincgan.inner:InnerStage", "cincgan.settings:InnerSettings", reads=("x", "z")),
        StageEntry(
            "cincgan-joint",
            "cincgan.joint:JointStage",
            "cincgan.settings:JointSettings",
            reads=("x", "z"),
            needs=("edsr", "cincgan-inner"),
        ),
    )
}

METHODS = {
    method.name: method
    for method in (
        MethodEntry("bicubic", "bicubic interpolation, untrained", "baselines.bicubic:Bicubic"),
        MethodEntry("edsr", "EDSR, trained on clean bicubic pairs", "baselines.edsr:EDSR", stages=("edsr",)),
        MethodEntry(
            "cincgan",
            "CinCGAN, trained without pairs",
            "cincgan.method:CinCGAN",
            stages=("edsr", "cincgan-inner", "cincgan-joint"),
        ),
    )
}


def get_stage(name: str) -> StageEntry:
    """Look a stage up. Raises UsageError, with the nearest name, where there is none."""
    if name not in STAGES:
        raise unknown("training stage", name, STAGES)
    return STAGES[name]


def get_method(name: str) -> MethodEntry:
    """Look a method up. Raises UsageError, with the nearest name, where there is none."""
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name]


def resolve(target: str) -> Any:
    """Import what a lazy string ``module:Name`` names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
