"""RRDBNet, the generator of ESRGAN (Wang et al., ECCVW 2018), with parameters named as in BasicSR 1.4.2."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.training.networks.residual import convolution, start_small

FEATURES, GROWTH = 64, 32
SLOPE = 0.2  # slope of every LeakyReLU
RESIDUAL = 0.2  # weight of every residual
DENSE = 5  # number of convolutions of a dense block


class DenseBlock(nn.Module):
    """Residual dense block (figure 4): each convolution sees the outputs of all before it."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = [f"conv{number}" for number in range(1, DENSE + 1)]
        layers = [convolution(FEATURES + number * GROWTH, GROWTH if number < DENSE - 1 else FEATURES) for number in range(DENSE)]
        for name, layer in zip(self.convolutions, layers, strict=True):
            self.add_module(name, layer)
        self.lrelu = nn.LeakyReLU(SLOPE, inplace=True)
        start_small(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """``(N, 64, h, w)`` -> the same shape."""
        outputs = [features]
        for name in self.convolutions[:-1]:
            outputs.append(self.lrelu(self.get_submodule(name)(torch.cat(outputs, 1))))
        residual: Tensor = self.get_submodule(self.convolutions[-1])(torch.cat(outputs, 1))
        return residual * RESIDUAL + features


class ResidualInResidual(nn.Module):
    """Three dense blocks with a residual connection around them (RRDB, figure 4)."""

    def __init__(self) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = DenseBlock(), DenseBlock(), DenseBlock()

    def forward(self, features: Tensor) -> Tensor:
        """``(N, 64, h, w)`` -> the same shape."""
        residual: Tensor = self.rdb3(self.rdb2(self.rdb1(features)))
        return residual * RESIDUAL + features


class RRDBNet(nn.Module):
    """RRDBNet x4 with 64 features and growth 32; with 23 blocks 16,697,987 parameters.

    Args:
        blocks: number of blocks of three dense blocks.
    """

    def __init__(self, *, blocks: int) -> None:
        super().__init__()
        self.conv_first = convolution(3, FEATURES)
        self.body = nn.Sequential(*(ResidualInResidual() for _ in range(blocks)))
        self.conv_body = convolution(FEATURES, FEATURES)
        self.conv_up1 = convolution(FEATURES, FEATURES)
        self.conv_up2 = convolution(FEATURES, FEATURES)
        self.conv_hr = convolution(FEATURES, FEATURES)
        self.conv_last = convolution(FEATURES, 3)
        self.lrelu = nn.LeakyReLU(SLOPE, inplace=True)

    def forward(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` -> ``(N, 3, 4 * h, 4 * w)``, RGB in [0, 1]."""
        features = self.conv_first(lr)
        features = features + self.conv_body(self.body(features))
        for layer in (self.conv_up1, self.conv_up2):
            features = self.lrelu(layer(functional.interpolate(features, scale_factor=2, mode="nearest")))
        sr: Tensor = self.conv_last(self.lrelu(self.conv_hr(features)))
        return sr
