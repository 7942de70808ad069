"""Stage 2 of CycleSR: SR learns from HR images z and the degraded G_YX(y) of their clean LR images, and tells G_YX its error.

The path is indirect: SR never sees an image of X in training, and at test time it enlarges x without cleaning.
"""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.cyclesr.settings import CycleSRSettings
from baselines.cyclesr.translation import translation_networks, translation_terms, with_noise
from benchmarks.training.losses import absolute, squared
from benchmarks.training.networks.edsr import trained_edsr
from benchmarks.training.pairs import clean_pairs
from benchmarks.training.stage import Context, Stage, descend, detached, frozen, total


class CycleSRStage(Stage):
    """Training of SR on pairs of G_YX; every ``generator_interval`` steps the networks of stage 1 learn, too."""

    averaged = ("sr", "g_yx")
    discriminators = ("d_x", "d_y")

    def __init__(self, settings: CycleSRSettings, context: Context) -> None:
        super().__init__(settings.training)
        self.settings = settings
        translation = context.needs["cyclesr-translation"]
        self.translation = translation.settings
        self.networks = {**translation_networks(self.translation), "sr": trained_edsr(context.needs["edsr"])}
        for name, weights in translation.weights.items():
            self.networks[name].load_state_dict(weights)
        rate_d = settings.discriminator_learning_rate
        self.learning_rates = {"generators": settings.generator_learning_rate, "sr": settings.training.learning_rate}
        self.learning_rates |= {name: rate_d for name in self.networks if name.startswith("d_")}
        generators = [name for name in self.networks if name.startswith("g_")]
        self.optimizers = {
            name: self.adam(*(generators if name == "generators" else [name]), learning_rate=rate)
            for name, rate in self.learning_rates.items()
        }
        self.x = context.sampler(settings.training, context.data.x())
        self.pairs = context.sampler(settings.training, *clean_pairs(context.data))

    def step(self, index: int) -> dict[str, Tensor]:
        """Update discriminators and generators, if it is their turn; then SR, on images of the generator before its update."""
        x, (y, z) = self.x.draw(), self.pairs.draw_pairs()
        losses: dict[str, Tensor] = {}
        if index % self.settings.generator_interval:
            with torch.no_grad(), self.mixed_precision():
                degraded = self.networks["g_yx"](with_noise(y, self.translation)).float()
        else:
            degraded, losses = self._translate(x, y, z)
        with self.mixed_precision():
            sr = self.networks["sr"](degraded.detach()).float()
        reconstruction = absolute(sr - z, "mean")
        descend(self.optimizers["sr"], reconstruction)
        self.last = degraded, sr
        return {**losses, "reconstruction": reconstruction.detach()}

    def _translate(self, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Update the discriminators, then the generators; the collaborative term passes through SR and leaves it as it is.

        Returns:
            G_YX(y) of before the update, and all losses by name, detached.
        """
        degraded, losses, terms = translation_terms(self, self.translation, x, y)
        if self.settings.collaborative:
            with frozen(self.networks["sr"]), self.mixed_precision():
                sr = self.networks["sr"](degraded).float()
            terms["collaborative"] = self.settings.collaborative * squared(sr - z, "mean")
        descend(self.optimizers["generators"], total(terms))
        return degraded, {**losses, **detached(terms)}

    def probe(self) -> tuple[Tensor, Tensor]:
        """Last G_YX(y) and SR(G_YX(y))."""
        return self.last
