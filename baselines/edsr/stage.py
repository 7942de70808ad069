"""Training of EDSR on clean bicubic pairs. CinCGAN's SR network starts from its weights."""

from __future__ import annotations

from benchmarks.training.networks.edsr import initial_edsr
from benchmarks.training.networks.settings import EDSRSettings
from benchmarks.training.pairs import PairStage, clean_pairs
from benchmarks.training.stage import Context


class EDSRStage(PairStage):
    """Training of EDSR on Y -> Z with the L1 loss, as published."""

    def __init__(self, settings: EDSRSettings, context: Context) -> None:
        super().__init__(settings.training, initial_edsr(settings, context.scale), clean_pairs(context.data), context)
