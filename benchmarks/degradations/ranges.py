"""Ranges from which degradation models draw their strengths."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

if TYPE_CHECKING:
    import numpy as np

Share = Annotated[float, Meta(ge=0, le=1)]  # probability
Strength = Annotated[float, Meta(ge=0, le=255)]
Width = Annotated[float, Meta(gt=0, le=64)]  # pixels
Factor = Annotated[float, Meta(gt=0, le=8)]  # of a resize
Quality = Annotated[int, Meta(ge=1, le=100)]  # of JPEG
KernelSize = Annotated[int, Meta(ge=1, le=99)]  # pixels


def check_ranges(operator: Any) -> None:
    """Raise ValueError if a field of an operator is a range whose first number is larger than its second."""
    for field in fields(operator):
        value = getattr(operator, field.name)
        if isinstance(value, tuple) and value[0] > value[1]:
            raise ValueError(f"{field.name}: {value[0]} is larger than {value[1]}")


def odd_size(bounds: tuple[int, int], generator: np.random.Generator) -> int:
    """An odd whole number within bounds, each as likely; the lower bound, made odd, if there is none."""
    smallest = bounds[0] | 1
    return smallest + 2 * int(generator.integers(max(0, bounds[1] - smallest) // 2 + 1))


def quality(bounds: tuple[int, int], generator: np.random.Generator) -> int:
    """A JPEG quality within bounds, each as likely."""
    return int(generator.integers(bounds[0], bounds[1] + 1))
