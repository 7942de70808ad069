"""Networks of SRGAN: MSRResNet and the VGG-style discriminator, with parameters named as in BasicSR 1.4.2."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from baselines.srgan.settings import SRGANSettings
from benchmarks.training.networks.resampling import resample
from benchmarks.training.networks.residual import ResidualBlock, convolution, enlarging_factors, start_small

PATCH = 128  # side of the images that the discriminator takes
WIDTHS = (1, 2, 4, 8, 8)  # channels of its pairs of convolutions, in multiples of the first; each pair halves the image


class MSRResNet(nn.Module):
    """SRGAN's generator (Ledig et al., CVPR 2017) without BatchNorm, with LeakyReLU and a bilinear skip connection.

    With 64 channels and 16 blocks at x4 1,517,571 parameters, the baseline of the AIM 2019 challenge on constrained
    super-resolution (Zhang et al., ICCVW 2019).

    Args:
        channels: channels of all convolutions but the enlarging ones.
        blocks: number of residual blocks.
        scale: HR pixels per LR pixel: 3 or a power of 2.
    """

    def __init__(self, *, channels: int, blocks: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.factors = enlarging_factors(scale)
        self.conv_first = convolution(3, channels)
        self.body = nn.Sequential(*(_small_block(channels) for _ in range(blocks)))
        enlarging = [convolution(channels, factor**2 * channels) for factor in self.factors]
        for number, layer in enumerate(enlarging, start=1):
            self.add_module(f"upconv{number}", layer)
        self.conv_hr = convolution(channels, channels)
        self.conv_last = convolution(channels, 3)
        self.lrelu = nn.LeakyReLU(0.1, inplace=True)
        start_small(self.conv_first, *enlarging[:1], self.conv_hr, self.conv_last, *enlarging[1:])

    def forward(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``, RGB in [0, 1]."""
        return self.residual(lr) + functional.interpolate(lr, scale_factor=self.scale, mode="bilinear", align_corners=False)

    def residual(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``: difference of the HR image from its skip connection."""
        features = self.body(self.lrelu(self.conv_first(lr)))
        for number, factor in enumerate(self.factors, start=1):
            enlarged = functional.pixel_shuffle(self.get_submodule(f"upconv{number}")(features), factor)
            features = self.lrelu(enlarged)
        residual: Tensor = self.conv_last(self.lrelu(self.conv_hr(features)))
        return residual


def _small_block(channels: int) -> ResidualBlock:
    block = ResidualBlock(channels)
    start_small(block.conv1, block.conv2)
    return block


class Generator(nn.Module):
    """MSRResNet, with MATLAB's bicubic enlargement as its skip connection in place of a bilinear one.

    Under autocast the skip connection is added in float32, where BasicSR rounds the sum to bfloat16.

    Args:
        settings: sizes.
        scale: HR pixels per LR pixel.
    """

    def __init__(self, settings: SRGANSettings, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.net = MSRResNet(channels=settings.channels, blocks=settings.blocks, scale=scale)

    def forward(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``, RGB in [0, 1]."""
        return self.net.residual(lr) + resample(lr, self.scale)


class Discriminator(nn.Module):
    """SRGAN's discriminator (Ledig et al., figure 4) in BasicSR's form; with 64 channels 14,499,401 parameters.

    Five pairs of convolutions, the second of each with kernel 4 and stride 2, then two linear layers. All convolutions but the
    first have BatchNorm and no bias.

    Args:
        channels: channels of the first pair.
    """

    def __init__(self, *, channels: int) -> None:
        super().__init__()
        self.layers = [f"{pair}_{half}" for pair in range(len(WIDTHS)) for half in range(2)]
        width = 3
        for layer, factor in zip(self.layers, (factor for factor in WIDTHS for _ in range(2)), strict=True):
            inputs, width = width, channels * factor
            kernel, stride = (4, 2) if layer.endswith("1") else (3, 1)
            self.add_module(f"conv{layer}", nn.Conv2d(inputs, width, kernel, stride, padding=1, bias=layer == "0_0"))
            if layer != "0_0":
                self.add_module(f"bn{layer}", nn.BatchNorm2d(width))
        self.linear1 = nn.Linear(width * (PATCH // 2 ** len(WIDTHS)) ** 2, 100)
        self.linear2 = nn.Linear(100, 1)
        self.lrelu = nn.LeakyReLU(0.2, inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        """``(N, 3, 128, 128)`` RGB in [0, 1] -> logits ``(N, 1)``."""
        features = self.lrelu(self.get_submodule("conv0_0")(images))
        for layer in self.layers[1:]:
            features = self.get_submodule(f"bn{layer}")(self.get_submodule(f"conv{layer}")(features))
            if layer == self.layers[-1]:
                features = features.contiguous()  # the linear layers take channels first
            features = self.lrelu(features)
        logits: Tensor = self.linear2(self.lrelu(self.linear1(features.flatten(1))))
        return logits
