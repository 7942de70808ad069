"""What a result file must look like, so that all that is made from it can rely on its fields, whoever wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(max_length=10_000)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Number = float | Literal["inf", "-inf"]  # JSON has no infinity
Seed = Annotated[int, Meta(ge=0, le=2**31 - 1)]
LARGEST_STEP = 1e12
Column = Annotated[dict[Name, Number], Meta(min_length=1)]  # one number per image


@dataclass(frozen=True)
class Cell:
    """What was computed."""

    id: Name
    kind: Literal["train", "evaluate"]
    label: Name
    dataset: Name
    seed: Seed | None
    needs: dict[Name, Name]
    code: Text = ""


@dataclass(frozen=True)
class Settings:
    """Of an evaluation; those of a training are its stage's."""

    protocols: dict[Name, int] = field(default_factory=dict)
    metrics: dict[Name, dict[str, Any]] = field(default_factory=dict)
    threads: int = 1
    tile: int = 0


@dataclass(frozen=True)
class Data:
    """The images that a cell saw."""

    digest: Text
    scale: Annotated[int, Meta(ge=1, le=64)]
    dataset: Name | None = None
    degradation: Text = ""
    parameters: dict[Name, float] | None = None
    directory: Text = ""
    trained_on: Text = ""


@dataclass(frozen=True)
class Environment:
    """Machine and versions."""

    python: Text = ""
    platform: Text = ""
    processor: Text = ""
    host: Text = ""
    versions: dict[Name, Text] = field(default_factory=dict)


@dataclass(frozen=True)
class Git:
    """The code's commit."""

    commit: Text | None = None
    dirty: bool | None = None


@dataclass(frozen=True)
class Shape:
    """A result file. What else it holds is kept as it is."""

    status: Literal["complete", "diverged"]
    cell: Cell
    settings: Settings
    data: Data
    seconds: Annotated[float, Meta(ge=0)]
    finished_at: Text
    environment: Environment
    git: Git
    profile: Name | None = None
    changes: tuple[Text, ...] = ()
    diagnosis: Text = ""
    scores: dict[Name, dict[Name, Column]] = field(default_factory=dict)
    shifts: dict[Name, dict[Name, tuple[int, int]]] = field(default_factory=dict)
    summary: dict[Name, dict[Name, dict[Name, Number]]] = field(default_factory=dict)
    missing: dict[Name, Text] = field(default_factory=dict)
    weights_digest: Text = ""
    precision: Text = ""
    device: Text = ""
    processes: Annotated[int, Meta(ge=1)] = 1
    training_seconds: Annotated[float, Meta(ge=0)] = 0.0
    history: tuple[dict[Name, Number], ...] = ()


def check_shape(result: Mapping[str, Any]) -> None:
    """Raise ValueError where a field that is read anywhere has another type, or the fields contradict each other."""
    try:
        shape = msgspec.convert(result, Shape)
    except msgspec.ValidationError as error:
        raise ValueError(str(error).replace(" - at `$.", " - at `")) from error
    cell = shape.cell
    for text in (
        *vars(cell).values(),
        shape.profile,
        shape.diagnosis,
        shape.data.dataset,
        *shape.changes,
        *shape.scores,
        *_inside(shape),
    ):
        if isinstance(text, str) and not text.isprintable():
            raise ValueError(f"{text[:40]!a} has characters that cannot be printed")
    if cell.kind == "evaluate" and not (shape.settings.protocols and "scores" in result):
        raise ValueError("an evaluation without settings.protocols or scores")
    if (shape.status == "diverged") != bool(shape.diagnosis) or (shape.diagnosis and shape.scores):
        raise ValueError("what has diverged has a diagnosis and no scores, and nothing else has")
    if len({frozenset(values) for metrics in shape.scores.values() for values in metrics.values()}) > 1:
        raise ValueError("scores of different images under different protocols or metrics")
    if any(not isinstance(step := entry.get("step"), float) or not 0 <= step <= LARGEST_STEP for entry in shape.history):
        raise ValueError("an entry of history without its step, a number")


def _inside(shape: Shape) -> set[str]:
    """Names of metrics and images."""
    metrics = {name for found in shape.scores.values() for name in found}
    return metrics | {image for found in shape.scores.values() for values in found.values() for image in values}
