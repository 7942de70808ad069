"""EDSR (Lim et al., CVPRW 2017), with parameters named as in BasicSR. CinCGAN and others fine-tune its trained weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from benchmarks.api.method import TrainedStage
from benchmarks.core.errors import UsageError
from benchmarks.training.networks.edsr_published import published_edsr
from benchmarks.training.networks.resampling import resample
from benchmarks.training.networks.residual import ResidualBlock, convolution, enlarging_factors
from benchmarks.training.networks.settings import EDSRSettings

RGB_MEAN = (0.4488, 0.4371, 0.4040)  # mean colour of DIV2K
RANGE = 255.0  # inside the network, values run from 0 to 255, as published
PUBLISHED_SCALE = 4


class EDSR(nn.Module):
    """EDSR as published (figure 3): with 32 blocks x 256 channels 43,089,923 parameters at x4, with 16 x 64 1,517,571.

    Args:
        channels: channels of all convolutions but the enlarging ones.
        blocks: number of residual blocks.
        res_scale: factor of each residual.
        scale: HR pixels per LR pixel: 3 or a power of 2.
    """

    mean: Tensor

    def __init__(self, *, channels: int, blocks: int, res_scale: float, scale: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(RGB_MEAN).view(1, 3, 1, 1), persistent=False)
        self.conv_first = convolution(3, channels)
        self.body = nn.Sequential(*(ResidualBlock(channels, res_scale) for _ in range(blocks)))
        self.conv_after_body = convolution(channels, channels)
        self.upsample = nn.Sequential()
        for factor in enlarging_factors(scale):
            self.upsample.append(convolution(channels, factor**2 * channels)).append(nn.PixelShuffle(factor))
        self.conv_last = convolution(channels, 3)

    def forward(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``, RGB in [0, 1]."""
        mean = self.mean.to(lr)
        features = self.conv_first((lr - mean) * RANGE)
        features = features + self.conv_after_body(self.body(features))
        residual: Tensor = self.conv_last(self.upsample(features))
        return residual / RANGE + mean


class EDSRNetwork(nn.Module):
    """EDSR in the size of its settings, with a bicubic skip connection if they ask for one."""

    def __init__(self, settings: EDSRSettings, scale: int) -> None:
        super().__init__()
        self.scale, self.global_skip = scale, settings.global_skip
        self.net = EDSR(channels=settings.channels, blocks=settings.blocks, res_scale=settings.res_scale, scale=scale)
        if settings.global_skip:
            for parameter in self.net.conv_last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``, RGB in [0, 1]."""
        out: Tensor = self.net(lr)
        if self.global_skip:
            out = out - self.net.mean.to(out) + resample(lr, self.scale)
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
