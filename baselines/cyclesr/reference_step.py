"""Reference steps of both stages of CycleSR, for tests and speed figures."""

from __future__ import annotations

from torch import Tensor

from baselines.cyclesr.settings import TranslationSettings
from baselines.cyclesr.stage import CycleSRStage
from baselines.cyclesr.translation import TranslationStage
from benchmarks.measuring.reference_step import AdversarialReferenceStep, total
from benchmarks.training.distributed import noise_like
from benchmarks.training.losses import absolute, squared


class _CycleReferenceStep(AdversarialReferenceStep):
    """Base class with the losses of generators and discriminators."""

    def translation_terms(
        self, settings: TranslationSettings, x: Tensor, y: Tensor, noisy: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Update the discriminators. Returns their losses and the weighted losses of the generators."""
        g_yx, weight = self.networks["g_yx"], settings.adversarial
        if not settings.cycle:
            losses = {"d_x": self.update_discriminator("d_x", x, g_yx(noisy))}
            terms = {"adversarial_x": weight * self.adversarial_loss("d_x", x, g_yx(noisy), "mean")}
            return losses, terms | {"identity_x": settings.identity * absolute(g_yx(x) - x, "mean")}
        g_xy = self.networks["g_xy"]
        losses = {
            "d_y": self.update_discriminator("d_y", y, g_xy(x)),
            "d_x": self.update_discriminator("d_x", x, g_yx(noisy)),
        }
        terms = {
            "adversarial_y": weight * self.adversarial_loss("d_y", y, g_xy(x), "mean"),
            "adversarial_x": weight * self.adversarial_loss("d_x", x, g_yx(noisy), "mean"),
            "cycle_x": settings.cycle * absolute(g_yx(g_xy(x)) - x, "mean"),
            "cycle_y": settings.cycle * absolute(g_xy(g_yx(noisy)) - y, "mean"),
            "identity_x": settings.identity * absolute(g_yx(x) - x, "mean"),
            "identity_y": settings.identity * absolute(g_xy(y) - y, "mean"),
        }
        return losses, terms


class TranslationReferenceStep(_CycleReferenceStep):
    """Reference of ``TranslationStage``: D_Y and D_X, then G_XY and G_YX."""

    stage: TranslationStage

    def step(self, index: int) -> dict[str, Tensor]:
        """Do the step of ``TranslationStage``."""
        settings = self.stage.settings
        x, y = self.stage.x.draw().contiguous(), self.stage.y.draw().contiguous()
        noisy = y + settings.input_noise * noise_like(y).contiguous()
        losses, terms = self.translation_terms(settings, x, y, noisy)
        self.descend(total(terms), "generators")
        return {**losses, **terms}


class CycleSRReferenceStep(_CycleReferenceStep):
    """Reference of ``CycleSRStage``: the step of stage 1 with the collaborative term, if it is due; then SR."""

    stage: CycleSRStage

    def step(self, index: int) -> dict[str, Tensor]:
        """Do the step of ``CycleSRStage``."""
        settings, translation = self.stage.settings, self.stage.translation
        x, (y, z) = self.stage.x.draw(), self.stage.pairs.draw_pairs()
        x, y, z = x.contiguous(), y.contiguous(), z.contiguous()
        noisy = y + translation.input_noise * noise_like(y).contiguous()
        g_yx, sr = self.networks["g_yx"], self.networks["sr"]
        degraded = g_yx(noisy).detach()  # input of SR, from the generator before its update
        losses: dict[str, Tensor] = {}
        if index % settings.generator_interval == 0:
            losses, terms = self.translation_terms(translation, x, y, noisy)
            if settings.collaborative:
                terms["collaborative"] = settings.collaborative * squared(sr(g_yx(noisy)) - z, "mean")
            self.descend(total(terms), "generators")
            losses |= terms
        reconstruction = absolute(sr(degraded) - z, "mean")
        self.descend(reconstruction, "sr")
        return {**losses, "reconstruction": reconstruction}
