"""FSRCNN as a method."""

from __future__ import annotations

from collections.abc import Mapping

from baselines.fsrcnn.network import FSRCNNNetwork
from benchmarks.api.method import TrainedStage
from benchmarks.scoring.network_method import NetworkMethod


class FSRCNN(NetworkMethod):
    """Trained FSRCNN."""

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> FSRCNN:
        """Build the method with the network of the stage ``fsrcnn``."""
        network = FSRCNNNetwork(stages["fsrcnn"].settings, scale)
        network.load_state_dict(stages["fsrcnn"].weights["sr"])
        return cls(network, scale)
