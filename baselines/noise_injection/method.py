"""Noise injection as a method."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.api.method import TrainedStage
from benchmarks.scoring.network_method import NetworkMethod
from benchmarks.training.networks.edsr import trained_edsr


class NoiseInjection(NetworkMethod):
    """EDSR, fine-tuned on noisy LR images: it takes the degraded LR image as it is."""

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> NoiseInjection:
        """Build the method in the size of the stage ``edsr``, with the weights of the stage ``noise-injection``."""
        return cls(trained_edsr(stages["edsr"], stages["noise-injection"].weights["sr"]), scale)
