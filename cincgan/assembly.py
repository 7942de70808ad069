"""Fresh networks of both stages."""

from __future__ import annotations

from torch import nn

from cincgan.networks.discriminator import hr_discriminator, lr_discriminator
from cincgan.networks.generator import Generator
from cincgan.settings import InnerSettings, JointSettings


def inner_networks(settings: InnerSettings) -> dict[str, nn.Module]:
    """G1, G2 and D1 with fresh weights, by name."""
    return {
        "g1": Generator(settings.generator),
        "g2": Generator(settings.generator),
        "d1": lr_discriminator(settings.discriminator),
    }


def outer_networks(settings: JointSettings, scale: int) -> dict[str, nn.Module]:
    """G3 and D2 with fresh weights, by name."""
    return {"g3": Generator(settings.g3, scale), "d2": hr_discriminator(settings.d2)}
