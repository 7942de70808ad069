"""What every method looks like from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from benchmarks.training import TrainedStage


class Method(Protocol):
    """Turns LR images into HR images."""

    def __call__(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` float32 RGB in [0, 1] -> ``(N, 3, scale * h, scale * w)``, not clipped."""
        ...

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> Method:
        """Build the method from the trained stages that its registry entry names (none for an untrained method)."""
        ...
