"""EDSR and EDSR+ as methods."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.api.method import TrainedStage
from benchmarks.scoring.network_method import NetworkMethod
from benchmarks.training.networks.edsr import trained_edsr


class EDSR(NetworkMethod):
    """Trained EDSR, or EDSR+."""

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> EDSR:
        """Build the method in the size of the stage ``edsr``, with the weights of ``edsr-paired`` if it is among the stages."""
        return cls(trained_edsr(stages["edsr"], stages.get("edsr-paired", stages["edsr"]).weights["sr"]), scale)
