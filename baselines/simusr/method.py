"""SimUSR as a method: denoise the LR image as X was denoised, then enlarge it."""

from __future__ import annotations

from collections.abc import Mapping

from baselines.bm3d_edsr.method import BM3DEDSR, BM3DEDSRCorrelated
from baselines.edsr.method import EDSR
from benchmarks.api.method import Method, TrainedStage
from benchmarks.training.networks.edsr import trained_edsr

DENOISED = {"bm3d": BM3DEDSR, "bm3d-correlated": BM3DEDSRCorrelated}


class SimUSR:
    """Maker of the method, which is one of ``baselines.bm3d_edsr``, or EDSR alone if nothing is denoised."""

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> Method:
        """Build the method in the size of the stage ``edsr``, with the weights and the denoiser of the stage ``simusr``."""
        stage = stages["simusr"]
        sr = EDSR(trained_edsr(stages["edsr"], stage.weights["sr"]), scale)
        return sr if stage.settings.denoiser == "none" else DENOISED[stage.settings.denoiser](sr)
