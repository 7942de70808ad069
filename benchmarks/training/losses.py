"""Reductions of errors to a loss, and the least-squares GAN loss. All take ``(N, C, H, W)`` tensors and return a scalar.

The formulas of the CinCGAN paper leave the reduction open, although it decides the balance of the loss terms
(``docs/reproduction-notes.md``).
"""

from __future__ import annotations

from torch import Tensor

from benchmarks.api.settings import Reduction


def squared(difference: Tensor, reduction: Reduction) -> Tensor:
    """Squared error: the mean over all elements; or the sum or its root (the L2 norm) per image, averaged over the batch."""
    if reduction == "mean":
        return difference.square().mean()
    per_image = difference.square().flatten(1).sum(1)
    return (per_image if reduction == "sum" else (per_image + 1e-12).sqrt()).mean()


def absolute(difference: Tensor, reduction: Reduction) -> Tensor:
    """L1 error: the mean over all elements; ``sum`` and ``norm`` are both the L1 norm per image, averaged over the batch."""
    if reduction == "mean":
        return difference.abs().mean()
    return difference.abs().flatten(1).sum(1).mean()


def least_squares_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Loss of a discriminator, ``(D(real) - 1)^2 + D(fake)^2``: squared per patch score, then averaged."""
    return squared(real - 1, "mean") + squared(fake, "mean")


def least_squares_generator_loss(fake: Tensor, reduction: Reduction) -> Tensor:
    """Adversarial loss of a generator, ``(D(fake) - 1)^2``: squared per patch score, then reduced."""
    return squared(fake - 1, reduction)
