"""Pseudo-supervision as a method."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from benchmarks.api.method import TrainedStage
from benchmarks.scoring.network_method import NetworkMethod
from benchmarks.training.networks.edsr import trained_edsr
from cincgan.networks.generator import Generator


class PseudoSupervision(NetworkMethod):
    """Pseudo-supervision, SR(G_XY(x)): clean the LR image, then enlarge it."""

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> PseudoSupervision:
        """Build the method with the weights of the stage ``pseudo-supervision``; SR has the size of the stage ``edsr``."""
        stage = stages["pseudo-supervision"]
        g_xy = Generator(stage.settings.generator)
        g_xy.load_state_dict(stage.weights["g_xy"])
        return cls(nn.Sequential(g_xy, trained_edsr(stages["edsr"], stage.weights["sr"])), scale)
