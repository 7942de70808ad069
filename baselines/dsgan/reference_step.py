"""Reference step of DSGAN's degradation, for tests and speed figures."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, unfold

from baselines.dsgan.degradation import DegradationStage
from benchmarks.measuring.reference_step import AdversarialReferenceStep, total
from benchmarks.training.distributed import noise_like


def cross_entropy(scores: Tensor, label: float) -> Tensor:
    """Mean cross entropy of logits with a label."""
    return binary_cross_entropy_with_logits(scores, torch.full_like(scores, label))


class DegradationReferenceStep(AdversarialReferenceStep):
    """Reference of ``DegradationStage``: the discriminator, then the generator."""

    stage: DegradationStage

    def step(self, index: int) -> dict[str, Tensor]:
        """Do the step of ``DegradationStage``."""
        settings = self.stage.settings
        x, y = self.stage.x.draw().contiguous(), self.stage.y.draw().contiguous()
        noisy = y + settings.input_noise * noise_like(y).contiguous()
        real, fake = self.discriminator_scores("d", x, self.networks["g"](noisy).detach())
        discriminator_loss = cross_entropy(real, 1.0) + cross_entropy(fake, 0.0)
        self.descend(discriminator_loss, "d")
        degraded = self.networks["g"](noisy)
        _, fake = self.discriminator_scores("d", x, degraded)
        squares = unfold((degraded - y).flatten(0, 1)[:, None], settings.tie_window, stride=settings.tie_stride)
        means = squares.mean(dim=1)
        terms = {
            "tie": settings.tie * (means.abs() if settings.tie_error == "absolute" else means.square()).mean(),
            "adversarial": settings.adversarial * cross_entropy(fake, 1.0),
        }
        self.descend(total(terms), "g")
        return {"d": discriminator_loss, **terms}
