"""EDSR (Lim et al., CVPRW 2017). The network is BasicSR's; CinCGAN and others fine-tune its trained weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from benchmarks.api.method import TrainedStage
from benchmarks.core.errors import UsageError
from benchmarks.training.networks.basicsr import edsr_network
from benchmarks.training.networks.edsr_published import published_edsr
from benchmarks.training.networks.resampling import resample
from benchmarks.training.networks.settings import EDSRSettings

RGB_MEAN = (0.4488, 0.4371, 0.4040)  # mean colour of DIV2K, which BasicSR's network adds to its output

PUBLISHED_SCALE = 4


class EDSRNetwork(nn.Module):
    """BasicSR's EDSR, x ``scale``; with 32 blocks x 256 channels 43,089,923 parameters, with 16 x 64 1,517,571."""

    mean: Tensor

    def __init__(self, settings: EDSRSettings, scale: int) -> None:
        super().__init__()
        self.scale, self.global_skip = scale, settings.global_skip
        self.register_buffer("mean", torch.tensor(RGB_MEAN).view(1, 3, 1, 1), persistent=False)
        self.net = edsr_network(channels=settings.channels, blocks=settings.blocks, res_scale=settings.res_scale, scale=scale)
        if settings.global_skip:
            for parameter in self.net.get_submodule("conv_last").parameters():
                nn.init.zeros_(parameter)

    def forward(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``, RGB in [0, 1]."""
        out: Tensor = self.net(lr)
        if self.global_skip:
            out = out - self.mean.to(out) + resample(lr, self.scale)
        return out


def initial_edsr(settings: EDSRSettings, scale: int) -> EDSRNetwork:
    """EDSR with fresh weights, or with the published ones that the settings name.

    Raises:
        UsageError: published weights are for x4 only, or a file is broken.
        WeightsMissing: published weights are neither cached nor obtainable.
    """
    network = EDSRNetwork(settings, scale)
    if settings.published:
        if scale != PUBLISHED_SCALE:
            raise UsageError(
                f"weights '{settings.published}' are for x{PUBLISHED_SCALE}, the data set has x{scale}: set published = ''"
            )
        network.net.load_state_dict(published_edsr(settings.published, settings.blocks))
    return network


def trained_edsr(stage: TrainedStage, weights: Mapping[str, Tensor] | None = None) -> EDSRNetwork:
    """EDSR in the size of the stage ``edsr``, with trained weights.

    Args:
        stage: the trained stage ``edsr``.
        weights: weights of a later stage that fine-tuned the network; None for the weights of ``stage``.
    """
    network = EDSRNetwork(stage.settings, stage.scale)
    network.load_state_dict(stage.weights["sr"] if weights is None else weights)
    return network
