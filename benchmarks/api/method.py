"""The interface of a method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class TrainedStage:
    """A finished training stage: its settings (a dataclass), its weights by network name, and the scale."""

    settings: Any
    weights: Mapping[str, Mapping[str, Tensor]]
    scale: int


@dataclass(frozen=True)
class Descriptor:
    """Size needs of a method, for tiled inference.

    Attributes:
        scale: HR pixels per LR pixel.
        receptive_field: side, in LR pixels, of the square that one output pixel depends on at most; None where it depends on
            the whole image, or on so much of it that tiles would not pay.
        multiple: both sides of an LR image must be multiples of it; images are padded by reflection where they are not.
    """

    scale: int
    receptive_field: int | None
    multiple: int = 1


class Method(Protocol):
    """An operator that turns LR images into HR images."""

    @property
    def descriptor(self) -> Descriptor:
        """Scale, receptive field and size needs."""
        ...

    def __call__(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` float32 RGB in [0, 1] -> ``(N, 3, scale * h, scale * w)``, not clipped."""
        ...

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> Method:
        """Build the method from the trained stages that its entry names (none for an untrained method)."""
        ...
