"""CycleSR as a method."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.api.method import TrainedStage
from benchmarks.scoring.network_method import NetworkMethod
from benchmarks.training.networks.edsr import trained_edsr


class CycleSR(NetworkMethod):
    """CycleSR, SR(x): SR alone, which has learned to enlarge degraded images."""

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> CycleSR:
        """Build the method with the weights of the stage ``cyclesr``; SR has the size of the stage ``edsr``."""
        return cls(trained_edsr(stages["edsr"], stages["cyclesr"].weights["sr"]), scale)
