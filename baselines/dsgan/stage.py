"""Stage 2 of DSGAN: SR learns from HR images and their clean LR images, degraded by the generator of stage 1."""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.dsgan.network import Generator
from benchmarks.api.settings import PlainSettings
from benchmarks.training.networks.edsr import trained_edsr
from benchmarks.training.pair_source import BatchDraws, SourcedPairStage
from benchmarks.training.pairs import clean_pairs
from benchmarks.training.stage import Context


class DSGANStage(SourcedPairStage):
    """Fine-tuning of the stage ``edsr`` on degraded images of the generator, whose weights stay as they are."""

    def __init__(self, settings: PlainSettings, context: Context) -> None:
        network = trained_edsr(context.needs["edsr"])
        super().__init__(settings.training, network, clean_pairs(context.data), self.degrade, context)
        degradation = context.needs["dsgan-degradation"]
        self.input_noise: float = degradation.settings.input_noise
        self.generator = Generator(degradation.settings.generator)
        self.generator.load_state_dict(degradation.weights["g"])
        self.generator.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def degrade(self, lr: Tensor, hr: Tensor, draws: BatchDraws) -> tuple[Tensor, Tensor]:
        """Pairs of degraded LR images, rounded to 8 bits as a file would be, and HR images; a ``PairSource``."""
        generator = self.generator.to(lr.device)
        with self.mixed_precision():
            degraded = generator(lr + self.input_noise * draws.normal(*lr.shape[1:])).float()
        return (255 * degraded).round().clamp(0, 255) / 255, hr
