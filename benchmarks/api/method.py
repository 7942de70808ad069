"""Interface of methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class TrainedStage:
    """A finished training stage.

    Attributes:
        settings: instance of the stage's settings dataclass.
        weights: tensors by network and parameter.
        scale: HR pixels per LR pixel.
    """

    settings: Any
    weights: Mapping[str, Mapping[str, Tensor]]
    scale: int


@dataclass(frozen=True)
class Descriptor:
    """Size needs of a method, for tiled inference.

    Attributes:
        scale: HR pixels per LR pixel.
        receptive_field: side, in LR pixels, of the square that an output pixel depends on at most; None if it depends on the
            whole image, or on so much of it that tiles would not pay.
        multiple: divisor of both sides that the method needs; LR images are padded by reflection to multiples of it.
        tiles: False if the method's authors advise against tiles: images are then cut into tiles only where a user asks for it.
    """

    scale: int
    receptive_field: int | None
    multiple: int = 1
    tiles: bool = True


class Method(Protocol):
    """An operator that turns LR images into HR images. ``benchmarks.api.contract`` checks what it returns.

    Random numbers come from the global generators of torch, NumPy and Python, which the harness seeds for every image: with a
    generator of its own a method would draw other numbers for an image in another order of images.
    """

    @property
    def descriptor(self) -> Descriptor:
        """Scale, receptive field and size needs of the method."""
        ...

    def __call__(self, lr: Tensor) -> Tensor:
        """Enlarge ``(N, 3, h, w)`` float32 RGB in [0, 1] to ``(N, 3, scale * h, scale * w)`` float32, not clipped."""
        ...

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> Method:
        """Build the method.

        Args:
            stages: trained stages that the method's entry names; none for an untrained method. A method that trains inside its
                call gets its settings under its own name, as a stage without weights.
            scale: HR pixels per LR pixel.
        """
        ...
