"""Generator of SRGAN."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from baselines.srgan.settings import SRGANSettings
from benchmarks.training.networks.basicsr import msrresnet
from benchmarks.training.networks.resampling import resample


class Generator(nn.Module):
    """BasicSR's MSRResNet, with MATLAB's bicubic enlargement as its skip connection in place of a bilinear one.

    Under autocast the skip connection is added in float32, where BasicSR rounds the sum to bfloat16.

    Args:
        settings: sizes.
        scale: HR pixels per LR pixel.
    """

    def __init__(self, settings: SRGANSettings, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.net: Any = msrresnet(channels=settings.channels, blocks=settings.blocks, scale=scale)

    def forward(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``, RGB in [0, 1]."""
        net = self.net
        features = net.body(net.lrelu(net.conv_first(lr)))
        for enlarge in (net.upconv1, net.upconv2) if self.scale == 4 else (net.upconv1,):
            features = net.lrelu(net.pixel_shuffle(enlarge(features)))
        residual: Tensor = net.conv_last(net.lrelu(net.conv_hr(features)))
        return residual + resample(lr, self.scale)
