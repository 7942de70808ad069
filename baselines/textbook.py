"""The steps of the baselines' stages as a textbook has them (``benchmarks.textbook``)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from baselines.pairs import PairStage
from baselines.pseudo import PseudoStage
from baselines.srgan import SRGANStage, real_or_fake
from benchmarks.parallel import noise_like
from benchmarks.textbook import Textbook, total
from cincgan.losses import absolute
from cincgan.textbook import AdversarialTextbook


class PairTextbook(Textbook):
    """SR on a pixel loss."""

    stage: PairStage

    def pixel_step(self) -> dict[str, Tensor]:
        """SR on the stage's pixel loss."""
        lr, hr = self.stage.sampler.draw_pairs()
        terms = self.stage.loss(self.networks["sr"](lr.contiguous()), hr.contiguous())
        self.descend(total(terms), "sr")
        return terms

    def step(self, index: int) -> dict[str, Tensor]:
        """As ``PairStage.step``."""
        return self.pixel_step()


class SRGANTextbook(PairTextbook):
    """SR on L1; then the discriminator, then SR on all its losses."""

    stage: SRGANStage

    def step(self, index: int) -> dict[str, Tensor]:
        """As ``SRGANStage.step``."""
        settings = self.stage.settings
        if index < settings.pixel_steps:
            return self.pixel_step()
        lr, hr = (images.contiguous() for images in self.stage.sampler.draw_pairs())
        sr, d = self.networks["sr"], self.networks["d"]
        judged = real_or_fake(d(hr), True) + real_or_fake(d(sr(lr).detach()), False)
        self.descend(judged, "d")
        terms = {
            "pixel": settings.pixel * functional.l1_loss(sr(lr), hr),
            "perceptual": settings.perceptual * self._perceptual(sr(lr), hr),
            "adversarial": settings.adversarial * real_or_fake(d(sr(lr)), True),
        }
        self.descend(total(terms), "sr")
        return {"d": judged, **terms}

    def _perceptual(self, sr: Tensor, hr: Tensor) -> Tensor:
        features = self.stage.features.to(memory_format=torch.contiguous_format)
        return functional.l1_loss(features(sr), features(hr))


class PseudoTextbook(AdversarialTextbook):
    """D_Y and D_X; then G_XY and G_YX; then SR."""

    stage: PseudoStage

    def step(self, index: int) -> dict[str, Tensor]:
        """As ``PseudoStage.step``."""
        settings = self.stage.settings
        x, (y, z) = self.stage.x.draw(), self.stage.pairs.draw_pairs()
        x, y, z = x.contiguous(), y.contiguous(), z.contiguous()
        noisy = y + settings.input_noise * noise_like(y).contiguous()
        g_xy, g_yx, sr = (self.networks[name] for name in ("g_xy", "g_yx", "sr"))
        judged = {
            "d_y": self.update_discriminator("d_y", y, g_xy(x)),
            "d_x": self.update_discriminator("d_x", x, g_yx(noisy)),
        }
        pseudo = g_xy(g_yx(noisy)).detach()  # SR's input, from before the update of what makes it
        terms = {
            "adversarial_y": settings.adversarial * self.fool("d_y", y, g_xy(x), "mean"),
            "adversarial_x": settings.adversarial * self.fool("d_x", x, g_yx(noisy), "mean"),
            "cycle": settings.cycle * absolute(g_xy(g_yx(noisy)) - y, "mean"),
            "identity": settings.identity * absolute(g_xy(y) - y, "mean"),
        }
        self.descend(total(terms), "generators")
        reconstruction = absolute(sr(pseudo) - z, "mean")
        self.descend(reconstruction, "sr")
        return {**judged, **terms, "reconstruction": reconstruction}
