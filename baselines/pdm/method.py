"""PDM-SR as a method."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.api.method import TrainedStage
from benchmarks.scoring.network_method import NetworkMethod
from benchmarks.training.networks.edsr import trained_edsr


class PDM(NetworkMethod):
    """PDM-SR, SR(x): SR alone, which has learned to enlarge degraded images."""

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> PDM:
        """Build the method with the weights of the stage ``pdm``; SR has the size of the stage ``edsr``."""
        return cls(trained_edsr(stages["edsr"], stages["pdm"].weights["sr"]), scale)
