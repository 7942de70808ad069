"""SR trained on synthetic pairs as a method."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.api.method import TrainedStage
from benchmarks.scoring.network_method import NetworkMethod
from benchmarks.training.networks.edsr import trained_edsr


class BlindSynthetic(NetworkMethod):
    """SR alone on the degraded LR image: no cleaning network comes before it."""

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> BlindSynthetic:
        """Build the method in the size of the stage ``edsr``, with the weights of the stage ``blind-synthetic``."""
        return cls(trained_edsr(stages["edsr"], stages["blind-synthetic"].weights["sr"]), scale)
