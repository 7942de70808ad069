"""Training of pseudo-supervision.

G_XY cleans LR images, G_YX degrades them. A clean LR image y = bicubic(z) that has gone through both, G_XY(G_YX(y)), has the
flaws of cleaned images and a known HR image z: a pair for a pixel loss. SR is trained on such pairs only.
"""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.pseudo_supervision.settings import PseudoSettings
from benchmarks.training.distributed import noise_like
from benchmarks.training.least_squares_gan import adversarial_loss, update_discriminator
from benchmarks.training.losses import absolute
from benchmarks.training.networks.edsr import trained_edsr
from benchmarks.training.pairs import clean_pairs
from benchmarks.training.stage import Context, Stage, descend, detached, total
from cincgan.networks.discriminator import lr_discriminator
from cincgan.networks.generator import Generator


class PseudoStage(Stage):
    """Training of G_XY, G_YX, their discriminators, and SR on pseudo-clean images; no gradient of SR reaches the generators."""

    averaged = ("g_xy", "g_yx", "sr")
    discriminators = ("d_x", "d_y")

    def __init__(self, settings: PseudoSettings, context: Context) -> None:
        super().__init__(settings.training)
        self.settings = settings
        self.networks = {
            "g_xy": Generator(settings.generator),
            "g_yx": Generator(settings.generator),
            "d_x": lr_discriminator(settings.discriminator),
            "d_y": lr_discriminator(settings.discriminator),
            "sr": trained_edsr(context.needs["edsr"]),
        }
        rate, rate_d = settings.training.learning_rate, settings.discriminator_learning_rate
        self.learning_rates = {"generators": rate, "sr": settings.sr_learning_rate, "d_x": rate_d, "d_y": rate_d}
        self.optimizers = {
            "generators": self.adam("g_xy", "g_yx", learning_rate=rate),
            **{name: self.adam(name, learning_rate=self.learning_rates[name]) for name in ("sr", "d_x", "d_y")},
        }
        self.x = context.sampler(settings.training, context.data.x())
        self.pairs = context.sampler(settings.training, *clean_pairs(context.data))

    def step(self, index: int) -> dict[str, Tensor]:
        """Update D_Y and D_X; then G_XY and G_YX; then SR."""
        settings = self.settings
        x, (y, z) = self.x.draw(), self.pairs.draw_pairs()
        with self.mixed_precision():
            degraded = self.networks["g_yx"](y + settings.input_noise * noise_like(y)).float()
            clean, pseudo, same = self.networks["g_xy"](torch.cat([x, degraded, y])).float().chunk(3)
        self.last = x, clean
        discriminator_losses = {
            "d_y": update_discriminator(self, "d_y", y, clean),
            "d_x": update_discriminator(self, "d_x", x, degraded),
        }
        terms = {
            "adversarial_y": settings.adversarial * adversarial_loss(self, "d_y", y, clean, "mean"),
            "adversarial_x": settings.adversarial * adversarial_loss(self, "d_x", x, degraded, "mean"),
            "cycle": settings.cycle * absolute(pseudo - y, "mean"),
            "identity": settings.identity * absolute(same - y, "mean"),
        }
        descend(self.optimizers["generators"], total(terms))
        with self.mixed_precision():
            sr = self.networks["sr"](pseudo.detach()).float()
        reconstruction = absolute(sr - z, "mean")
        descend(self.optimizers["sr"], reconstruction)
        return {**discriminator_losses, **detached({**terms, "reconstruction": reconstruction})}

    def probe(self) -> tuple[Tensor, Tensor]:
        """Last x and G_XY(x)."""
        return self.last
