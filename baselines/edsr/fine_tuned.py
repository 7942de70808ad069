"""Fine-tuned EDSR as a method, for stages that start from the stage ``edsr``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from benchmarks.api.method import TrainedStage
from benchmarks.scoring.network_method import NetworkMethod
from benchmarks.training.networks.edsr import trained_edsr


class FineTunedEDSR(NetworkMethod):
    """SR alone on the degraded LR image: no cleaning network comes before it.

    Attributes:
        stage: training stage whose network ``sr`` is the method; subclasses name it.
    """

    stage: ClassVar[str]

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> FineTunedEDSR:
        """Build the method in the size of the stage ``edsr``, with the weights of its own stage."""
        return cls(trained_edsr(stages["edsr"], stages[cls.stage].weights["sr"]), scale)
