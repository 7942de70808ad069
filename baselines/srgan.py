"""SRGAN (Ledig et al., CVPR 2017) as BasicSR trains it: MSRResNet, VGG-style discriminator, perceptual and vanilla GAN loss.

Networks and loss weights follow BasicSR's ``train_MSRGAN_x4.yml``; VGG16 may stand in for VGG19.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.pairs import NetworkMethod, Pairs, PairStage, clean_pairs, degraded_pairs
from baselines.settings import PairedSRGANSettings, SRGANSettings
from baselines.vgg import VGGFeatures
from benchmarks.basicsr_adapter import msrresnet, vgg_discriminator
from benchmarks.device import device
from benchmarks.training import Context, TrainedStage, descend, detached, frozen, total


def real_or_fake(scores: Tensor, real: bool) -> Tensor:
    """The vanilla GAN loss of scores ``(N, 1)`` (logits): cross entropy against all real or all fake."""
    return functional.binary_cross_entropy_with_logits(scores.float(), torch.full_like(scores, float(real)).float())


class SRGANStage(PairStage):
    """The generator on the L1 loss, then against the discriminator; pairs are clean, Y -> Z.

    Reals and fakes are judged in separate passes, as published.
    """

    discriminators = ("d",)
    guessing = 2 * math.log(2)

    def __init__(self, settings: SRGANSettings, context: Context, pairs: Pairs | None = None) -> None:
        super().__init__(settings.training, generator(settings, context.scale), pairs or clean_pairs(context.data), context)
        self.settings = settings
        self.average_from = min(settings.pixel_steps, settings.training.steps - 1)  # the last step at the latest
        self.networks["d"] = vgg_discriminator(channels=settings.discriminator_channels)
        self.learning_rates["d"] = settings.discriminator_learning_rate
        self.optimizers["d"] = self.adam("d", learning_rate=settings.discriminator_learning_rate)

    @cached_property
    def features(self) -> VGGFeatures:
        """Loaded with the first step that needs it."""
        return VGGFeatures(self.settings.vgg, self.settings.vgg_layer).to(device())

    def step(self, index: int) -> dict[str, Tensor]:
        """The generator's L1 loss alone for ``pixel_steps``; then the discriminator, then the generator on all its losses."""
        if index < self.settings.pixel_steps:
            return super().step(index)
        sr, hr = self.enlarge_batch()
        judged = self._update_discriminator(sr.detach(), hr)
        terms = {
            "pixel": self.settings.pixel * functional.l1_loss(sr, hr),
            "perceptual": self.settings.perceptual * self._perceptual(sr, hr),
            "adversarial": self.settings.adversarial * self._fool(sr),
        }
        descend(self.optimizers["sr"], total(terms))
        return {"d": judged, **detached(terms)}

    def _update_discriminator(self, sr: Tensor, hr: Tensor) -> Tensor:
        with self.mixed_precision():
            real, fake = self.networks["d"](hr), self.networks["d"](sr)
        loss = real_or_fake(real, True) + real_or_fake(fake, False)
        descend(self.optimizers["d"], loss)
        return loss.detach()

    def _perceptual(self, sr: Tensor, hr: Tensor) -> Tensor:
        with self.mixed_precision():
            with torch.no_grad():
                target = self.features(hr)
            return functional.l1_loss(self.features(sr).float(), target.float())

    def _fool(self, sr: Tensor) -> Tensor:
        with frozen(self.networks["d"]), self.mixed_precision():
            scores = self.networks["d"](sr)
        return real_or_fake(scores, True)


class PairedSRGANStage(SRGANStage):
    """Fine-tuning of the stage ``srgan`` on degraded pairs: SRGAN+ of the paper's table 1. Sizes and losses stay."""

    def __init__(self, settings: PairedSRGANSettings, context: Context) -> None:
        base = context.needs["srgan"]
        merged = replace(base.settings, training=settings.training, pixel_steps=settings.pixel_steps)
        super().__init__(merged, context, degraded_pairs(context.data))
        for name, weights in base.weights.items():
            self.networks[name].load_state_dict(weights)


class SRGAN(NetworkMethod):
    """A trained SRGAN generator."""

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> SRGAN:
        """The generator of the last stage given, with the size that ``srgan`` has."""
        network = generator(stages["srgan"].settings, scale)
        network.load_state_dict(stages.get("srgan-paired", stages["srgan"]).weights["sr"])
        return cls(network, scale)


def generator(settings: SRGANSettings, scale: int) -> nn.Module:
    """A fresh generator."""
    return msrresnet(channels=settings.channels, blocks=settings.blocks, scale=scale)
