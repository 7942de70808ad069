"""Reference step of SRGAN, for tests and speed figures."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from baselines.srgan.stage import SRGANStage, vanilla_gan_loss
from benchmarks.measuring.reference_step import PairReferenceStep, total


class SRGANReferenceStep(PairReferenceStep):
    """Reference of ``SRGANStage``: SR on the L1 loss; later the discriminator, then SR on all its losses."""

    stage: SRGANStage

    def step(self, index: int) -> dict[str, Tensor]:
        """Do the step of ``SRGANStage``."""
        settings = self.stage.settings
        if index < settings.pixel_steps:
            return self.pixel_step()
        lr, hr = (images.contiguous() for images in self.stage.sampler.draw_pairs())
        sr, d = self.networks["sr"], self.networks["d"]
        discriminator_loss = vanilla_gan_loss(d(hr), True) + vanilla_gan_loss(d(sr(lr).detach()), False)
        self.descend(discriminator_loss, "d")
        terms = {
            "pixel": settings.pixel * functional.l1_loss(sr(lr), hr),
            "perceptual": settings.perceptual * self._perceptual_loss(sr(lr), hr),
            "adversarial": settings.adversarial * vanilla_gan_loss(d(sr(lr)), True),
        }
        self.descend(total(terms), "sr")
        return {"d": discriminator_loss, **terms}

    def _perceptual_loss(self, sr: Tensor, hr: Tensor) -> Tensor:
        features = self.stage.features.to(memory_format=torch.contiguous_format)
        return functional.l1_loss(features(sr), features(hr))
