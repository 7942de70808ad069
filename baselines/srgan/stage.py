"""Training of SRGAN as BasicSR does it: MSRResNet, VGG-style discriminator, perceptual and vanilla GAN loss.

Networks and loss weights follow BasicSR's ``train_MSRGAN_x4.yml``; VGG16 may stand in for VGG19.
"""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from baselines.srgan.network import Discriminator, Generator
from baselines.srgan.settings import SRGANSettings
from benchmarks.core.device import device
from benchmarks.training.networks.vgg import VGGFeatures
from benchmarks.training.pairs import Pairs, PairStage, clean_pairs
from benchmarks.training.stage import Context, descend, detached, frozen, total


def vanilla_gan_loss(scores: Tensor, real: bool) -> Tensor:
    """Cross entropy of scores ``(N, 1)`` (logits) with the label real or fake."""
    return functional.binary_cross_entropy_with_logits(scores.float(), torch.full_like(scores, float(real)).float())


class SRGANStage(PairStage):
    """Training of the generator on the L1 loss, then against the discriminator.

    The discriminator sees real and generated images in separate passes, as published.

    Args:
        settings: sizes, losses and schedule.
        context: inputs of the stage.
        pairs: LR and HR images; clean pairs, Y -> Z, if None.
    """

    discriminators = ("d",)
    guessing_loss = 2 * math.log(2)

    def __init__(self, settings: SRGANSettings, context: Context, pairs: Pairs | None = None) -> None:
        super().__init__(settings.training, Generator(settings, context.scale), pairs or clean_pairs(context.data), context)
        self.settings = settings
        self.average_from = min(settings.pixel_steps, settings.training.steps - 1)  # the last step is averaged in any case
        self.networks["d"] = Discriminator(channels=settings.discriminator_channels)
        self.learning_rates["d"] = settings.discriminator_learning_rate
        self.optimizers["d"] = self.adam("d", learning_rate=settings.discriminator_learning_rate)

    @cached_property
    def features(self) -> VGGFeatures:
        """Features of the perceptual loss, loaded in the first step that needs them."""
        return VGGFeatures(self.settings.vgg, self.settings.vgg_layer).to(device())

    def step(self, index: int) -> dict[str, Tensor]:
        """Update the generator on the L1 loss; after ``pixel_steps`` the discriminator, then the generator on all its losses."""
        if index < self.settings.pixel_steps:
            return super().step(index)
        sr, hr = self.enlarge_batch()
        discriminator_loss = self._update_discriminator(sr.detach(), hr)
        terms = {
            "pixel": self.settings.pixel * functional.l1_loss(sr, hr),
            "perceptual": self.settings.perceptual * self._perceptual_loss(sr, hr),
            "adversarial": self.settings.adversarial * self._adversarial_loss(sr),
        }
        descend(self.optimizers["sr"], total(terms))
        return {"d": discriminator_loss, **detached(terms)}

    def _update_discriminator(self, sr: Tensor, hr: Tensor) -> Tensor:
        with self.mixed_precision():
            real, fake = self.networks["d"](hr), self.networks["d"](sr)
        loss = vanilla_gan_loss(real, True) + vanilla_gan_loss(fake, False)
        descend(self.optimizers["d"], loss)
        return loss.detach()

    def _perceptual_loss(self, sr: Tensor, hr: Tensor) -> Tensor:
        with self.mixed_precision():
            with torch.no_grad():
                target = self.features(hr)
            return functional.l1_loss(self.features(sr).float(), target.float())

    def _adversarial_loss(self, sr: Tensor) -> Tensor:
        with frozen(self.networks["d"]), self.mixed_precision():
            scores = self.networks["d"](sr)
        return vanilla_gan_loss(scores, True)
