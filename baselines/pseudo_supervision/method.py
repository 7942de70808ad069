"""Pseudo-supervision as a method."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from benchmarks.api.method import TrainedStage
from benchmarks.scoring.network_method import NetworkMethod
from benchmarks.training.networks.edsr import trained_edsr
from cincgan.networks.generator import Generator


class PseudoSupervision(NetworkMethod):
    """SR after G_XY."""

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> PseudoSupervision:
        """Weights of the stage ``pseudo-supervision``; SR has the size that ``edsr`` has."""
        trained = stages["pseudo-supervision"]
        g_xy = Generator(trained.settings.generator)
        g_xy.load_state_dict(trained.weights["g_xy"])
        return cls(nn.Sequential(g_xy, trained_edsr(stages["edsr"], trained.weights["sr"])), scale)
