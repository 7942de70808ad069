"""SRGAN and SRGAN+ as methods."""

from __future__ import annotations

from collections.abc import Mapping

from baselines.srgan.network import Generator
from benchmarks.api.method import TrainedStage
from benchmarks.scoring.network_method import NetworkMethod


class SRGAN(NetworkMethod):
    """Generator of a trained SRGAN, or SRGAN+."""

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> SRGAN:
        """Build the method in the size of the stage ``srgan``, with the weights of ``srgan-paired`` if it is among the stages."""
        network = Generator(stages["srgan"].settings, scale)
        network.load_state_dict(stages.get("srgan-paired", stages["srgan"]).weights["sr"])
        return cls(network, scale)
