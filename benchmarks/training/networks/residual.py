"""Residual block of EDSR and MSRResNet, enlarging layers, and ESRGAN's initialisation.

Parameters have the names of BasicSR 1.4.2, so that its checkpoints load; with the same seed, so have the initial values.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.core.errors import UsageError


def convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """Convolution 3x3 with bias that keeps the size of images."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class ResidualBlock(nn.Module):
    """x + ``res_scale`` * conv(ReLU(conv(x))), without BatchNorm (Lim et al., CVPRW 2017, figure 2c)."""

    def __init__(self, channels: int, res_scale: float = 1.0) -> None:
        super().__init__()
        self.res_scale = res_scale
        self.conv1 = convolution(channels, channels)
        self.conv2 = convolution(channels, channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """``(N, channels, h, w)`` -> the same shape."""
        residual: Tensor = self.conv2(self.relu(self.conv1(features)))
        return features + residual * self.res_scale


def enlarging_factors(scale: int) -> list[int]:
    """Factors of the pixel shuffles that enlarge by ``scale`` together: 2 for each power of 2, or a single 3.

    Raises:
        UsageError: the scale is neither 3 nor a power of 2.
    """
    if scale == 3:
        return [3]
    if scale & (scale - 1):
        raise UsageError(f"the data set has x{scale}: EDSR and SRGAN enlarge by 3 or a power of 2: leave them out with --methods")
    return [2] * (scale.bit_length() - 1)


@torch.no_grad()
def start_small(*layers: nn.Conv2d) -> None:
    """Initialise layers as ESRGAN does (Wang et al., ECCVW 2018, section 3.1): He's normal values times 0.1, biases 0."""
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight)
        layer.weight.mul_(0.1)
        if layer.bias is not None:
            layer.bias.zero_()
