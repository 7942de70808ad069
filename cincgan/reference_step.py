"""Reference steps of both stages of CinCGAN, for tests and speed figures."""

from __future__ import annotations

from torch import Tensor

from benchmarks.measuring.reference_step import AdversarialReferenceStep, total
from benchmarks.training.losses import absolute, squared
from cincgan.inner import InnerStage
from cincgan.joint import JointStage
from cincgan.losses import total_variation
from cincgan.settings import LossSettings


class CycleReferenceStep(AdversarialReferenceStep):
    """Base class of both reference steps, with the LR half of a step."""

    def lr_step(self, x: Tensor, y: Tensor, losses: LossSettings, optimizer: str) -> dict[str, Tensor]:
        """Update D1, then G1 and G2 on the total LR loss.

        Args:
            x: degraded LR images ``(N, 3, P, P)``.
            y: clean LR images of the same shape.
            losses: weights and reductions of the terms.
            optimizer: name of the optimiser of G1 and G2.

        Returns:
            Losses by name.
        """
        g1, g2 = self.networks["g1"], self.networks["g2"]
        discriminator_losses, terms = dict[str, Tensor](), dict[str, Tensor]()
        if losses.adversarial:
            discriminator_losses["d1"] = self.update_discriminator("d1", y, g1(x))
            loss = self.adversarial_loss("d1", y, g1(x), losses.adversarial_reduction)
            terms["lr_adversarial"] = losses.adversarial * loss
        if losses.cycle:
            terms["lr_cycle"] = losses.cycle * squared(g2(g1(x)) - x, losses.cycle_reduction)
        if losses.identity:
            terms["lr_identity"] = losses.identity * absolute(g1(y) - y, losses.identity_reduction)
        if losses.tv:
            terms["lr_tv"] = losses.tv * total_variation(g1(x), losses.tv_reduction)
        self.descend(total(terms), optimizer)
        return {**discriminator_losses, **terms}


class InnerReferenceStep(CycleReferenceStep):
    """Reference of ``InnerStage``: D1; G1 and G2."""

    stage: InnerStage

    def step(self, index: int) -> dict[str, Tensor]:
        """Do the step of ``InnerStage``."""
        x, y = self.stage.x.draw().contiguous(), self.stage.y.draw().contiguous()
        return self.lr_step(x, y, self.stage.losses, "generators")


class JointReferenceStep(CycleReferenceStep):
    """Reference of ``JointStage``: D1; G1 and G2; D2; G1, SR and G3. Steps of the warm-up have no reference."""

    stage: JointStage

    def step(self, index: int) -> dict[str, Tensor]:
        """Do the step of ``JointStage`` after the warm-up."""
        x, (y, z) = self.stage.x.draw(), self.stage.pairs.draw_pairs()
        x, y, z = x.contiguous(), y.contiguous(), z.contiguous()
        losses = self.lr_step(x, y, self.stage.settings.lr_losses, "lr") if self.stage.inner else {}
        return {**losses, **self._hr_step(x, y, z)}

    def _hr_step(self, x: Tensor, y: Tensor, z: Tensor) -> dict[str, Tensor]:
        g1, sr, g3 = (self.networks[name] for name in ("g1", "sr", "g3"))
        losses = self.stage.settings.hr_losses
        discriminator_losses, terms = dict[str, Tensor](), dict[str, Tensor]()
        if losses.adversarial:
            discriminator_losses["d2"] = self.update_discriminator("d2", z, sr(g1(x)))
            loss = self.adversarial_loss("d2", z, sr(g1(x)), losses.adversarial_reduction)
            terms["hr_adversarial"] = losses.adversarial * loss
        if losses.cycle:
            terms["hr_cycle"] = losses.cycle * squared(g3(sr(g1(x))) - x, losses.cycle_reduction)
        if losses.identity:
            terms["hr_identity"] = losses.identity * squared(sr(y) - z, losses.identity_reduction)
        if losses.tv:
            terms["hr_tv"] = losses.tv * total_variation(sr(g1(x)), losses.tv_reduction)
        self.descend(total(terms), "hr", "g3")
        return {**discriminator_losses, **terms}
