"""SRGAN and SRGAN+ as methods."""

from __future__ import annotations

from collections.abc import Mapping

from baselines.srgan.network import generator
from benchmarks.api.method import TrainedStage
from benchmarks.scoring.network_method import NetworkMethod


class SRGAN(NetworkMethod):
    """A trained SRGAN generator."""

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> SRGAN:
        """The generator of the last stage given, with the size that ``srgan`` has."""
        network = generator(stages["srgan"].settings, scale)
        network.load_state_dict(stages.get("srgan-paired", stages["srgan"]).weights["sr"])
        return cls(network, scale)
