"""Fine-tuning of EDSR on degraded pairs."""

from __future__ import annotations

from benchmarks.api.settings import PlainSettings
from benchmarks.training.networks.edsr import trained_edsr
from benchmarks.training.pairs import PairStage, degraded_pairs
from benchmarks.training.stage import Context


class PairedEDSRStage(PairStage):
    """Fine-tuning of the stage ``edsr`` on degraded pairs, EDSR+ of the CinCGAN paper's table 1."""

    def __init__(self, settings: PlainSettings, context: Context) -> None:
        super().__init__(settings.training, trained_edsr(context.needs["edsr"]), degraded_pairs(context.data), context)
