"""Least-squares adversarial training (Mao et al., ICCV 2017), which CinCGAN and pseudo-supervision share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.api.settings import Reduction
from benchmarks.training.distributed import noise_like
from benchmarks.training.losses import least_squares_discriminator_loss, least_squares_generator_loss
from benchmarks.training.stage import Stage, descend, frozen


def discriminator_scores(discriminator: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Patch scores of real and fake images ``(N, 3, H, W)``, from a single pass over both.

    In separate passes BatchNorm would normalise away the difference between real and fake images. Instance noise, if the
    discriminator has the attribute ``instance_noise``, hides details that a generator cannot learn from.
    """
    images = torch.cat([real, fake])
    if instance_noise := getattr(discriminator, "instance_noise", 0.0):
        images = images + instance_noise * noise_like(images, parts=2)
    scores: Tensor = discriminator(images).float()
    return scores[: len(real)], scores[len(real) :]


def update_discriminator(stage: Stage, name: str, real: Tensor, fake: Tensor) -> Tensor:
    """Update a discriminator by a step on detached images.

    Args:
        stage: stage with a network and an optimiser called ``name``.
        name: name of the discriminator.
        real: real images ``(N, 3, H, W)``.
        fake: generated images of the same shape.

    Returns:
        Loss of the discriminator, detached.
    """
    with stage.mixed_precision():
        scores = discriminator_scores(stage.networks[name], real, fake.detach())
    loss = least_squares_discriminator_loss(*scores)
    descend(stage.optimizers[name], loss)
    return loss.detach()


def adversarial_loss(stage: Stage, name: str, real: Tensor, fake: Tensor, reduction: Reduction) -> Tensor:
    """Adversarial loss of a generator; the weights of the discriminator get no gradient.

    Args:
        stage: stage with a network called ``name``.
        name: name of the discriminator.
        real: real images ``(N, 3, H, W)``; they share BatchNorm with the generated images.
        fake: generated images of the same shape.
        reduction: reduction of the squared errors of the patch scores.
    """
    discriminator = stage.networks[name]
    with frozen(discriminator), stage.mixed_precision():
        _, scores = discriminator_scores(discriminator, real, fake)
    return least_squares_generator_loss(scores, reduction)
