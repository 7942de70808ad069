"""Reference step of pseudo-supervision, for tests and speed figures."""

from __future__ import annotations

from torch import Tensor

from baselines.pseudo_supervision.stage import PseudoStage
from benchmarks.measuring.reference_step import AdversarialReferenceStep, total
from benchmarks.training.distributed import noise_like
from benchmarks.training.losses import absolute


class PseudoReferenceStep(AdversarialReferenceStep):
    """Reference of ``PseudoStage``: D_Y and D_X; then G_XY and G_YX; then SR."""

    stage: PseudoStage

    def step(self, index: int) -> dict[str, Tensor]:
        """Do the step of ``PseudoStage``."""
        settings = self.stage.settings
        x, (y, z) = self.stage.x.draw(), self.stage.pairs.draw_pairs()
        x, y, z = x.contiguous(), y.contiguous(), z.contiguous()
        noisy = y + settings.input_noise * noise_like(y).contiguous()
        g_xy, g_yx, sr = (self.networks[name] for name in ("g_xy", "g_yx", "sr"))
        discriminator_losses = {
            "d_y": self.update_discriminator("d_y", y, g_xy(x)),
            "d_x": self.update_discriminator("d_x", x, g_yx(noisy)),
        }
        pseudo = g_xy(g_yx(noisy)).detach()  # input of SR, from the generators before their update
        terms = {
            "adversarial_y": settings.adversarial * self.adversarial_loss("d_y", y, g_xy(x), "mean"),
            "adversarial_x": settings.adversarial * self.adversarial_loss("d_x", x, g_yx(noisy), "mean"),
            "cycle": settings.cycle * absolute(g_xy(g_yx(noisy)) - y, "mean"),
            "identity": settings.identity * absolute(g_xy(y) - y, "mean"),
        }
        self.descend(total(terms), "generators")
        reconstruction = absolute(sr(pseudo) - z, "mean")
        self.descend(reconstruction, "sr")
        return {**discriminator_losses, **terms, "reconstruction": reconstruction}
