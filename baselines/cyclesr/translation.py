"""Stage 1 of CycleSR: a CycleGAN between clean and degraded LR images; ``translation_terms`` has its losses for both stages."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.cyclesr.settings import TranslationSettings
from benchmarks.training.distributed import noise_like
from benchmarks.training.least_squares_gan import adversarial_loss, update_discriminator
from benchmarks.training.losses import absolute
from benchmarks.training.stage import Context, Stage, descend, detached, total
from cincgan.networks.discriminator import lr_discriminator
from cincgan.networks.generator import Generator


def translation_networks(settings: TranslationSettings) -> dict[str, nn.Module]:
    """G_YX and D_X; with a cycle G_XY and D_Y, too."""
    directions = ("yx", "xy") if settings.cycle else ("yx",)
    generators = {f"g_{direction}": Generator(settings.generator) for direction in directions}
    return {**generators, **{f"d_{direction[1]}": lr_discriminator(settings.discriminator) for direction in directions}}


def with_noise(y: Tensor, settings: TranslationSettings) -> Tensor:
    """Input of G_YX: clean LR images ``(N, 3, P, P)`` with Gaussian noise."""
    return y + settings.input_noise * noise_like(y)


def translation_terms(
    stage: Stage, settings: TranslationSettings, x: Tensor, y: Tensor
) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """Updates of the discriminators, then the losses of the generators.

    In the cycle of x, G_YX gets no noise: the noise of x is to come from G_XY(x), not from chance.

    Args:
        stage: stage with the networks of ``translation_networks``, and optimisers of the discriminators by their names.
        settings: weights of the losses, strength of the input noise.
        x: degraded LR images ``(N, 3, P, P)``.
        y: clean LR images of the same shape, of other scenes.

    Returns:
        1. degraded images G_YX(y), with their graph
        2. losses of the discriminators by name
        3. weighted losses of the generators by name
    """
    noisy = with_noise(y, settings)
    if not settings.cycle:
        with stage.mixed_precision():
            degraded, same_x = stage.networks["g_yx"](torch.cat([noisy, x])).float().chunk(2)
        losses = {"d_x": update_discriminator(stage, "d_x", x, degraded)}
        adversarial = adversarial_loss(stage, "d_x", x, degraded, "mean")
        terms = {
            "adversarial_x": settings.adversarial * adversarial,
            "identity_x": settings.identity * absolute(same_x - x, "mean"),
        }
        return degraded, losses, terms
    with stage.mixed_precision():
        clean, same_y = stage.networks["g_xy"](torch.cat([x, y])).float().chunk(2)
        degraded, back_x, same_x = stage.networks["g_yx"](torch.cat([noisy, clean, x])).float().chunk(3)
        back_y = stage.networks["g_xy"](degraded).float()
    losses = {
        "d_y": update_discriminator(stage, "d_y", y, clean),
        "d_x": update_discriminator(stage, "d_x", x, degraded),
    }
    terms = {
        "adversarial_y": settings.adversarial * adversarial_loss(stage, "d_y", y, clean, "mean"),
        "adversarial_x": settings.adversarial * adversarial_loss(stage, "d_x", x, degraded, "mean"),
        "cycle_x": settings.cycle * absolute(back_x - x, "mean"),
        "cycle_y": settings.cycle * absolute(back_y - y, "mean"),
        "identity_x": settings.identity * absolute(same_x - x, "mean"),
        "identity_y": settings.identity * absolute(same_y - y, "mean"),
    }
    return degraded, losses, terms


class TranslationStage(Stage):
    """Training of the generators and their discriminators, without SR."""

    discriminators = ("d_x", "d_y")

    def __init__(self, settings: TranslationSettings, context: Context) -> None:
        super().__init__(settings.training)
        self.settings = settings
        self.networks = translation_networks(settings)
        generators = [name for name in self.networks if name.startswith("g_")]
        self.averaged = tuple(generators)
        rate, rate_d = settings.training.learning_rate, settings.discriminator_learning_rate
        self.learning_rates = {"generators": rate} | {name: rate_d for name in self.networks if name.startswith("d_")}
        self.optimizers = {
            name: self.adam(*(generators if name == "generators" else [name]), learning_rate=learning_rate)
            for name, learning_rate in self.learning_rates.items()
        }
        self.x = context.sampler(settings.training, context.data.x())
        self.y = context.sampler(settings.training, context.data.y())

    def step(self, index: int) -> dict[str, Tensor]:
        """Update the discriminators, then the generators."""
        x, y = self.x.draw(), self.y.draw()
        degraded, losses, terms = translation_terms(self, self.settings, x, y)
        descend(self.optimizers["generators"], total(terms))
        self.last = y, degraded
        return {**losses, **detached(terms)}

    def probe(self) -> tuple[Tensor, Tensor]:
        """Last y and G_YX(y)."""
        return self.last
