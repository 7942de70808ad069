"""Adversarial training with least squares (Mao et al., ICCV 2017), as CinCGAN and pseudo-supervision have it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.api.settings import Reduction
from benchmarks.training.distributed import noise_like
from benchmarks.training.losses import least_squares_discriminator_loss, least_squares_generator_loss
from benchmarks.training.stage import Stage, descend, frozen


def discriminator_scores(discriminator: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Patch scores of real and fake images ``(N, 3, H, W)``, from one pass over both.

    One pass, because BatchNorm that sees them apart normalises away what tells them apart. Instance noise, where the
    discriminator has the attribute ``instance_noise``, keeps it from winning by details that no generator could learn from.
    """
    images = torch.cat([real, fake])
    if instance_noise := getattr(discriminator, "instance_noise", 0.0):
        images = images + instance_noise * noise_like(images, parts=2)
    scores: Tensor = discriminator(images).float()
    return scores[: len(real)], scores[len(real) :]


def update_discriminator(stage: Stage, name: str, real: Tensor, fake: Tensor) -> Tensor:
    """One step of the stage's discriminator ``name``, with the optimiser of that name, on detached images.

    Returns:
        The discriminator's loss.
    """
    with stage.mixed_precision():
        scores = discriminator_scores(stage.networks[name], real, fake.detach())
    loss = least_squares_discriminator_loss(*scores)
    descend(stage.optimizers[name], loss)
    return loss.detach()


def adversarial_loss(stage: Stage, name: str, real: Tensor, fake: Tensor, reduction: Reduction) -> Tensor:
    """The generator's loss under the stage's discriminator ``name``, whose own weights get no gradient."""
    discriminator = stage.networks[name]
    with frozen(discriminator), stage.mixed_precision():
        _, scores = discriminator_scores(discriminator, real, fake)
    return least_squares_generator_loss(scores, reduction)
