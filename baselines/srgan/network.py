"""Generator of SRGAN."""

from __future__ import annotations

from torch import nn

from baselines.srgan.settings import SRGANSettings
from benchmarks.training.networks.basicsr import msrresnet


def generator(settings: SRGANSettings, scale: int) -> nn.Module:
    """Generator with fresh weights: ``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``, RGB in [0, 1]."""
    return msrresnet(channels=settings.channels, blocks=settings.blocks, scale=scale)
