"""Stage 1 of DSGAN: a generator learns to degrade clean LR images; a discriminator sees their high frequencies only."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional

from baselines.dsgan.network import Discriminator, Generator
from baselines.dsgan.settings import DegradationSettings
from benchmarks.training.distributed import noise_like
from benchmarks.training.least_squares_gan import discriminator_scores
from benchmarks.training.losses import absolute, squared
from benchmarks.training.stage import Context, Stage, descend, detached, frozen, total


def tie_loss(degraded: Tensor, clean: Tensor, settings: DegradationSettings) -> Tensor:
    """Mean error of the local means of two images ``(N, 3, H, W)``; only whole windows count."""
    difference = functional.avg_pool2d(degraded - clean, settings.tie_window, settings.tie_stride)
    return (absolute if settings.tie_error == "absolute" else squared)(difference, "mean")


def cross_entropy(scores: Tensor, real: bool) -> Tensor:
    """Cross entropy of logits of any shape with the label real or fake."""
    return functional.softplus(-scores if real else scores).mean()


class DegradationStage(Stage):
    """Training of the generator on the colour loss and against the discriminator."""

    averaged = ("g",)
    discriminators = ("d",)
    guessing_loss = 2 * math.log(2)

    def __init__(self, settings: DegradationSettings, context: Context) -> None:
        super().__init__(settings.training)
        self.settings = settings
        self.networks = {"g": Generator(settings.generator), "d": Discriminator(settings.discriminator)}
        self.learning_rates = {"g": settings.training.learning_rate, "d": settings.discriminator_learning_rate}
        self.optimizers = {name: self.adam(name, learning_rate=rate) for name, rate in self.learning_rates.items()}
        self.x = context.sampler(settings.training, context.data.x())
        self.y = context.sampler(settings.training, context.data.y())

    def step(self, index: int) -> dict[str, Tensor]:
        """Update the discriminator, then the generator."""
        settings = self.settings
        x, y = self.x.draw(), self.y.draw()
        with self.mixed_precision():
            degraded = self.networks["g"](y + settings.input_noise * noise_like(y)).float()
        real, fake = self._scores(x, degraded.detach())
        discriminator_loss = cross_entropy(real, True) + cross_entropy(fake, False)
        descend(self.optimizers["d"], discriminator_loss)
        with frozen(self.networks["d"]):
            _, fake = self._scores(x, degraded)
        terms = {
            "tie": settings.tie * tie_loss(degraded, y, settings),
            "adversarial": settings.adversarial * cross_entropy(fake, True),
        }
        descend(self.optimizers["g"], total(terms))
        self.last = y, degraded
        return {"d": discriminator_loss.detach(), **detached(terms)}

    def _scores(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        with self.mixed_precision():
            return discriminator_scores(self.networks["d"], real, fake)

    def probe(self) -> tuple[Tensor, Tensor]:
        """Last y and its degraded image."""
        return self.last
