"""Generators G1, G2 and G3 (paper, figure 3a). Images are ``(N, 3, H, W)`` RGB in [0, 1]."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from benchmarks.training.networks.resampling import resample
from cincgan.networks.high_pass import HighPass
from cincgan.networks.settings import GeneratorSettings

SLOPE = 0.2


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2)


class ResidualBlock(nn.Module):
    """Residual block: two 3x3 convolutions, LeakyReLU after each, and a skip connection; no normalisation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels, 3)
        self.second = _conv(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, channels, H, W)`` -> the same shape."""
        inner = functional.leaky_relu(self.first(x), SLOPE, inplace=True)
        return x + functional.leaky_relu(self.second(inner), SLOPE, inplace=True)


class Generator(nn.Module):
    """Generators G1 and G2 (LR to LR, ``scale=1``) and G3 (HR to LR, ``scale=4``), layer by layer as in figure 3a.

    With 64 channels and 6 blocks: 609,731 parameters at scale 1, 667,075 at scale 4.

    Args:
        settings: width, depth, and deviations for small budgets.
        scale: 1, or 4 for G3, whose second and third convolution have stride 2.
    """

    def __init__(self, settings: GeneratorSettings, scale: int = 1) -> None:
        super().__init__()
        width = settings.channels
        self.scale = scale
        self.global_skip = settings.global_skip
        self.high_pass = HighPass(settings.residual_window) if settings.residual_window else nn.Identity()
        middle = [_conv(width, width, 4, 2) if scale == 4 else _conv(width, width, 3) for _ in range(2)]
        last = _conv(width, 3, 7)
        if settings.global_skip:
            for parameter in last.parameters():
                nn.init.zeros_(parameter)
        act = nn.LeakyReLU(SLOPE, inplace=True)
        self.layers = nn.Sequential(
            _conv(3, width, 7),
            act,
            *(layer for conv in middle for layer in (conv, act)),
            *(ResidualBlock(width) for _ in range(settings.blocks)),
            *(layer for _ in range(2) for layer in (_conv(width, width, 3), act)),
            last,
        )

    def forward(self, image: Tensor) -> Tensor:
        """``(N, 3, H, W)`` -> ``(N, 3, H / scale, W / scale)``; H and W multiples of ``scale``."""
        out: Tensor = self.high_pass(self.layers(image))
        if self.global_skip:
            out = out + (image if self.scale == 1 else resample(image, 1 / self.scale))
        return out
