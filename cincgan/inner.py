"""Stage 1, the inner cycle (paper, section 3.1): G1 cleans LR images, G2 degrades them again, D1 tells clean from cleaned images.

``lr_terms`` computes the LR losses; the joint stage uses it, too.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.training.least_squares_gan import adversarial_loss, update_discriminator
from benchmarks.training.losses import absolute, squared
from benchmarks.training.stage import Context, Stage, descend, detached, total
from cincgan.assembly import inner_networks
from cincgan.losses import total_variation
from cincgan.settings import InnerSettings, LossSettings


def lr_terms(stage: Stage, x: Tensor, y: Tensor, losses: LossSettings) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """D1's update, then the total LR loss of G1 and G2 (paper, equation of the inner cycle).

    Terms of weight 0 are left out; a network without any other term is not updated.

    Args:
        stage: stage with networks ``g1``, ``g2``, ``d1`` and an optimiser ``d1``.
        x: degraded LR images ``(N, 3, P, P)``.
        y: clean LR images of the same shape, of other scenes.
        losses: weights and reductions of the terms.

    Returns:
        1. cleaned images G1(x)
        2. loss of D1 by its name; empty if the adversarial loss has weight 0
        3. weighted terms of the total LR loss, by name
    """
    with stage.mixed_precision():
        clean, same = stage.networks["g1"](torch.cat([x, y])).float().chunk(2)
    discriminator_losses, terms = dict[str, Tensor](), dict[str, Tensor]()
    if losses.adversarial:
        discriminator_losses["d1"] = update_discriminator(stage, "d1", y, clean)
        terms["lr_adversarial"] = losses.adversarial * adversarial_loss(stage, "d1", y, clean, losses.adversarial_reduction)
    if losses.cycle:
        with stage.mixed_precision():
            back = stage.networks["g2"](clean).float()
        terms["lr_cycle"] = losses.cycle * squared(back - x, losses.cycle_reduction)
    if losses.identity:
        terms["lr_identity"] = losses.identity * absolute(same - y, losses.identity_reduction)
    if losses.tv:
        terms["lr_tv"] = losses.tv * total_variation(clean, losses.tv_reduction)
    return clean, discriminator_losses, terms


class InnerStage(Stage):
    """Training of G1, G2 and D1 on the total LR loss."""

    averaged = ("g1", "g2")
    discriminators = ("d1",)

    def __init__(self, settings: InnerSettings, context: Context) -> None:
        super().__init__(settings.training)
        self.losses = settings.losses
        self.networks = inner_networks(settings)
        self.learning_rates = {"generators": settings.training.learning_rate, "d1": settings.discriminator_learning_rate}
        self.optimizers = {
            "generators": self.adam("g1", "g2", learning_rate=self.learning_rates["generators"]),
            "d1": self.adam("d1", learning_rate=self.learning_rates["d1"]),
        }
        self.x = context.sampler(settings.training, context.data.x())
        self.y = context.sampler(settings.training, context.data.y())

    def step(self, index: int) -> dict[str, Tensor]:
        """Update D1, then G1 and G2."""
        x, y = self.x.draw(), self.y.draw()
        clean, discriminator_losses, terms = lr_terms(self, x, y, self.losses)
        descend(self.optimizers["generators"], total(terms))
        self.last = x, clean
        return {**discriminator_losses, **detached(terms)}

    def probe(self) -> tuple[Tensor, Tensor]:
        """Last x and G1(x)."""
        return self.last
