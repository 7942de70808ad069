"""Fine-tuning of SRGAN on degraded pairs."""

from __future__ import annotations

from dataclasses import replace

from baselines.srgan.settings import PairedSRGANSettings
from baselines.srgan.stage import SRGANStage
from benchmarks.training.pairs import degraded_pairs
from benchmarks.training.stage import Context


class PairedSRGANStage(SRGANStage):
    """Fine-tuning of the stage ``srgan`` on degraded pairs, SRGAN+ of the CinCGAN paper's table 1. Sizes and losses stay."""

    def __init__(self, settings: PairedSRGANSettings, context: Context) -> None:
        base = context.needs["srgan"]
        merged = replace(base.settings, training=settings.training, pixel_steps=settings.pixel_steps)
        super().__init__(merged, context, degraded_pairs(context.data))
        for name, weights in base.weights.items():
            self.networks[name].load_state_dict(weights)
