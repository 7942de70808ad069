"""The steps of both CinCGAN stages as a textbook has them (``benchmarks.textbook``)."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.parallel import noise_like
from benchmarks.textbook import Textbook, total
from benchmarks.training import Stage
from cincgan.inner import InnerStage, discriminator
from cincgan.joint import JointStage
from cincgan.losses import absolute, adversarial_loss, discriminator_loss, squared, total_variation
from cincgan.networks import ScoreConv
from cincgan.settings import LossSettings, Reduction


class AdversarialTextbook(Textbook):
    """What steps with these discriminators share."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        for module in (module for network in self.networks.values() for module in network.modules()):
            if isinstance(module, ScoreConv):
                module.forward = partial(nn.Conv2d.forward, module)  # type: ignore[method-assign]

    def judge(self, name: str, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of real and fake images ``(N, 3, H, W)``, from one pass over both."""
        judging = discriminator(self.stage, name)
        images = torch.cat([real, fake])
        if judging.instance_noise:
            images = images + judging.instance_noise * noise_like(images, parts=2).contiguous()
        scores: Tensor = judging(images)
        return scores[: len(real)], scores[len(real) :]

    def update_discriminator(self, name: str, real: Tensor, fake: Tensor) -> Tensor:
        """One step of discriminator ``name``; returns its loss."""
        loss = discriminator_loss(*self.judge(name, real, fake.detach()))
        self.descend(loss, name)
        return loss

    def fool(self, name: str, real: Tensor, fake: Tensor, reduction: Reduction) -> Tensor:
        """The generator's adversarial loss."""
        return adversarial_loss(self.judge(name, real, fake)[1], reduction)

    def lr_step(self, x: Tensor, y: Tensor, losses: LossSettings, optimizer: str) -> dict[str, Tensor]:
        """D1, then G1 and G2 on the total LR loss, by their optimiser's name."""
        g1, g2 = self.networks["g1"], self.networks["g2"]
        judged, terms = dict[str, Tensor](), dict[str, Tensor]()
        if losses.adversarial:
            judged["d1"] = self.update_discriminator("d1", y, g1(x))
            terms["lr_adversarial"] = losses.adversarial * self.fool("d1", y, g1(x), losses.adversarial_reduction)
        if losses.cycle:
            terms["lr_cycle"] = losses.cycle * squared(g2(g1(x)) - x, losses.cycle_reduction)
        if losses.identity:
            terms["lr_identity"] = losses.identity * absolute(g1(y) - y, losses.identity_reduction)
        if losses.tv:
            terms["lr_tv"] = losses.tv * total_variation(g1(x), losses.tv_reduction)
        self.descend(total(terms), optimizer)
        return {**judged, **terms}


class InnerTextbook(AdversarialTextbook):
    """D1; G1 and G2."""

    stage: InnerStage

    def step(self, index: int) -> dict[str, Tensor]:
        """As ``InnerStage.step``."""
        x, y = self.stage.x.draw().contiguous(), self.stage.y.draw().contiguous()
        return self.lr_step(x, y, self.stage.losses, "generators")


class JointTextbook(AdversarialTextbook):
    """D1; G1 and G2; D2; G1, SR and G3. It has no warm-up: steps are those after it."""

    stage: JointStage

    def step(self, index: int) -> dict[str, Tensor]:
        """As ``JointStage.step`` from ``warmup_steps`` on."""
        x, (y, z) = self.stage.x.draw(), self.stage.pairs.draw_pairs()
        x, y, z = x.contiguous(), y.contiguous(), z.contiguous()
        done = self.lr_step(x, y, self.stage.settings.lr_losses, "lr") if self.stage.inner else {}
        return {**done, **self._hr_step(x, y, z)}

    def _hr_step(self, x: Tensor, y: Tensor, z: Tensor) -> dict[str, Tensor]:
        g1, sr, g3 = (self.networks[name] for name in ("g1", "sr", "g3"))
        losses = self.stage.settings.hr_losses
        judged, terms = dict[str, Tensor](), dict[str, Tensor]()
        if losses.adversarial:
            judged["d2"] = self.update_discriminator("d2", z, sr(g1(x)))
            terms["hr_adversarial"] = losses.adversarial * self.fool("d2", z, sr(g1(x)), losses.adversarial_reduction)
        if losses.cycle:
            terms["hr_cycle"] = losses.cycle * squared(g3(sr(g1(x))) - x, losses.cycle_reduction)
        if losses.identity:
            terms["hr_identity"] = losses.identity * squared(sr(y) - z, losses.identity_reduction)
        if losses.tv:
            terms["hr_tv"] = losses.tv * total_variation(sr(g1(x)), losses.tv_reduction)
        self.descend(total(terms), "hr", "g3")
        return {**judged, **terms}
