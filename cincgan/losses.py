"""Total variation, the loss term of CinCGAN that is not shared (shared losses: ``benchmarks.training.losses``)."""

from __future__ import annotations

from torch import Tensor

from benchmarks.api.settings import Reduction
from benchmarks.training.losses import squared


def total_variation(image: Tensor, reduction: Reduction) -> Tensor:
    """Total variation: squared horizontal plus squared vertical differences of neighbouring pixels.

    Args:
        image: ``(N, C, H, W)``.
        reduction: reduction of the horizontal and of the vertical differences, each by itself.

    Returns:
        A scalar.
    """
    return squared(image.diff(dim=-1), reduction) + squared(image.diff(dim=-2), reduction)
