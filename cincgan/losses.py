"""Loss terms of CinCGAN beside those that other methods share (``benchmarks.training.losses``)."""

from __future__ import annotations

from torch import Tensor

from benchmarks.api.settings import Reduction
from benchmarks.training.losses import squared


def total_variation(image: Tensor, reduction: Reduction) -> Tensor:
    """Squared horizontal plus squared vertical differences of neighbouring pixels, each reduced by itself.

    Args:
        image: ``(N, C, H, W)``.
        reduction: of both sums.

    Returns:
        A scalar.
    """
    return squared(image.diff(dim=-1), reduction) + squared(image.diff(dim=-2), reduction)
