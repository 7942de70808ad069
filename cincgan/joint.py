"""Stage 2, the outer cycle (paper, section 3.2): all networks are trained together. SR starts from EDSR, D2 and G3 untrained."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.training.least_squares_gan import adversarial_loss, update_discriminator
from benchmarks.training.losses import squared
from benchmarks.training.networks.edsr import trained_edsr
from benchmarks.training.pairs import clean_pairs
from benchmarks.training.stage import Context, Stage, descend, detached, total
from cincgan.assembly import inner_networks, outer_networks
from cincgan.inner import lr_terms
from cincgan.losses import total_variation
from cincgan.settings import JointSettings


class JointStage(Stage):
    """Training of G1, G2, D1 on the total LR loss and of G1, SR, G3, D2 on the total HR loss, in the paper's order.

    Without the inner stage (structure 1 of the ablation) G1 is the identity, and a step has its HR half only.
    """

    discriminators = ("d1", "d2")

    def __init__(self, settings: JointSettings, context: Context) -> None:
        super().__init__(settings.training)
        self.settings = settings
        self.average_from = settings.warmup_steps
        self.inner = context.needs.get("cincgan-inner")
        self.networks = {
            **(inner_networks(self.inner.settings) if self.inner else {"g1": nn.Identity()}),
            **outer_networks(settings, context.scale),
            "sr": trained_edsr(context.needs["edsr"]),
        }
        for name, weights in (self.inner.weights if self.inner else {}).items():
            self.networks[name].load_state_dict(weights)
        self.averaged = ("g1", "g2", "sr", "g3") if self.inner else ("sr", "g3")
        rate, rate_d = settings.training.learning_rate, settings.discriminator_learning_rate
        self.learning_rates = {"lr": rate, "hr": rate, "g3": settings.g3_learning_rate, "d1": rate_d, "d2": rate_d}
        self.optimizers = {
            "hr": self.adam("g1", "sr", learning_rate=rate),
            "g3": self.adam("g3", learning_rate=settings.g3_learning_rate),
            "d2": self.adam("d2", learning_rate=rate_d),
        }
        if self.inner:
            self.optimizers |= {
                "lr": self.adam("g1", "g2", learning_rate=rate),
                "d1": self.adam("d1", learning_rate=rate_d),
            }
        self.x = context.sampler(settings.training, context.data.x())
        self.pairs = context.sampler(settings.training, *clean_pairs(context.data))

    def step(self, index: int) -> dict[str, Tensor]:
        """Update D1, then G1 and G2, then D2, then G1, SR and G3. During the warm-up only D2 and G3 learn."""
        x, (y, z) = self.x.draw(), self.pairs.draw_pairs()
        if index < self.settings.warmup_steps:
            return self._warm_up(x, z)
        losses: dict[str, Tensor] = {}
        if self.inner:
            _, losses, terms = lr_terms(self, x, y, self.settings.lr_losses)
            descend(self.optimizers["lr"], total(terms))
            losses |= detached(terms)
        return {**losses, **self._hr_step(x, y, z)}

    def _enlarge(self, x: Tensor) -> Tensor:
        """Clean and enlarge x, SR(G1(x)): ``(N, 3, P, P)`` -> ``(N, 3, scale * P, scale * P)``."""
        with self.mixed_precision():
            sr: Tensor = self.networks["sr"](self.networks["g1"](x)).float()
        self.last = x, sr
        return sr

    def _hr_cycle(self, sr: Tensor, x: Tensor) -> Tensor:
        losses = self.settings.hr_losses
        with self.mixed_precision():
            back = self.networks["g3"](sr).float()
        return losses.cycle * squared(back - x, losses.cycle_reduction)

    def _warm_up(self, x: Tensor, z: Tensor) -> dict[str, Tensor]:
        """Update D2 and G3 on SR images of the other networks, which stay as they are."""
        settings, losses = self.settings.hr_losses, dict[str, Tensor]()
        with torch.no_grad():
            sr = self._enlarge(x)
        if settings.adversarial:
            losses["d2"] = update_discriminator(self, "d2", z, sr)
        if settings.cycle:
            cycle = self._hr_cycle(sr, x)
            descend(self.optimizers["g3"], cycle)
            losses["hr_cycle"] = cycle.detach()
        return losses

    def _hr_step(self, x: Tensor, y: Tensor, z: Tensor) -> dict[str, Tensor]:
        """Update D2, then G1, SR and G3 on the total HR loss. Terms of weight 0 are left out, as in the LR half.

        Args:
            x: degraded LR images ``(N, 3, P, P)``.
            y: clean LR images ``(N, 3, P, P)``.
            z: HR images of y, ``(N, 3, scale * P, scale * P)``.

        Returns:
            Losses by name, detached.
        """
        losses = self.settings.hr_losses
        discriminator_losses, terms = dict[str, Tensor](), dict[str, Tensor]()
        sr = self._enlarge(x)
        if losses.adversarial:
            discriminator_losses["d2"] = update_discriminator(self, "d2", z, sr)
            terms["hr_adversarial"] = losses.adversarial * adversarial_loss(self, "d2", z, sr, losses.adversarial_reduction)
        if losses.cycle:
            terms["hr_cycle"] = self._hr_cycle(sr, x)
        if losses.identity:
            with self.mixed_precision():
                same = self.networks["sr"](y).float()
            terms["hr_identity"] = losses.identity * squared(same - z, losses.identity_reduction)
        if losses.tv:
            terms["hr_tv"] = losses.tv * total_variation(sr, losses.tv_reduction)
        self._descend_hr(total(terms))
        return {**discriminator_losses, **detached(terms)}

    def _descend_hr(self, loss: Tensor) -> None:
        """Step the optimisers of G1 and SR, and of G3 with its own rate, down the gradient of the same loss."""
        for name in ("hr", "g3"):
            self.optimizers[name].zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for name in ("hr", "g3"):
            self.optimizers[name].step()

    def probe(self) -> tuple[Tensor, Tensor]:
        """Last x and SR(G1(x))."""
        return self.last
