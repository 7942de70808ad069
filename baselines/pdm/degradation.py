"""Stage 1 of PDM-SR: a kernel module and a noise module learn to degrade HR images as the camera of X does."""

from __future__ import annotations

from torch import Tensor

from baselines.pdm.network import CODE, blurred, kernel_module, noise_module
from baselines.pdm.settings import DegradationSettings
from benchmarks.core.errors import UsageError
from benchmarks.training.distributed import noise_like
from benchmarks.training.least_squares_gan import adversarial_loss, update_discriminator
from benchmarks.training.losses import squared
from benchmarks.training.pairs import clean_pairs
from benchmarks.training.stage import Context, Stage, descend, detached, total
from cincgan.networks.discriminator import lr_discriminator


class DegradationStage(Stage):
    """Training of the modules against a discriminator of LR images; no loss ties a degraded image to its HR image.

    Raises:
        UsageError: centres of kernels would lie between LR pixels.
    """

    averaged = ("kernel", "noise")
    discriminators = ("d",)

    def __init__(self, settings: DegradationSettings, context: Context) -> None:
        super().__init__(settings.training)
        self.settings, self.scale = settings, context.scale
        if (settings.kernel_size - self.scale) % 2:
            wrong = f"kernel_size {settings.kernel_size} would shift images by half a pixel at scale {self.scale}"
            raise UsageError(f"{wrong}: set it to {settings.kernel_size + 1}")
        self.networks = {
            "kernel": kernel_module(settings),
            "noise": noise_module(settings),
            "d": lr_discriminator(settings.discriminator),
        }
        self.learning_rates = {"modules": settings.training.learning_rate, "d": settings.discriminator_learning_rate}
        self.optimizers = {
            "modules": self.adam("kernel", "noise", learning_rate=self.learning_rates["modules"]),
            "d": self.adam("d", learning_rate=self.learning_rates["d"]),
        }
        self.x = context.sampler(settings.training, context.data.x())
        self.pairs = context.sampler(settings.training, *clean_pairs(context.data))

    def step(self, index: int) -> dict[str, Tensor]:
        """Update the discriminator, then both modules."""
        settings = self.settings
        x, (y, z) = self.x.draw(), self.pairs.draw_pairs()
        code = noise_like(y.new_empty(len(y), CODE, 1, 1)) * settings.random_kernels
        with self.mixed_precision():
            lr = blurred(z, self.networks["kernel"](code), self.scale)
            noise = self.networks["noise"](lr.detach(), noise_like(y)).float()
        degraded = lr + noise
        losses = {"d": update_discriminator(self, "d", x, degraded)}
        terms = {
            "adversarial": settings.adversarial * adversarial_loss(self, "d", x, degraded, "mean"),
            "noise_strength": settings.noise_strength * squared(noise, "mean"),
        }
        descend(self.optimizers["modules"], total(terms))
        self.last = y, degraded
        return {**losses, **detached(terms)}

    def probe(self) -> tuple[Tensor, Tensor]:
        """Last y and the degraded image of the same scene."""
        return self.last
