"""Discriminators D1 and D2 (paper, figure 3b). Images are ``(N, 3, H, W)`` RGB in [0, 1]."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from cincgan.networks.high_pass import HighPass
from cincgan.networks.settings import DiscriminatorSettings

SLOPE = 0.2


class ScoreConv(nn.Conv2d):
    """Square convolution of stride 1 with a single output channel, as a matrix product.

    The product gives the share of each pixel in each score that it reaches; the scores are the sums of their shares. Numbers are
    those of ``nn.Conv2d`` up to rounding, in a quarter of the time: torch's kernels are made for many output channels.
    """

    def __init__(self, inputs: int, kernel: int, padding: int) -> None:
        super().__init__(inputs, 1, kernel, padding=padding)

    def forward(self, image: Tensor) -> Tensor:
        """``(N, C, H, W)`` -> ``(N, 1, h, w)``, float32."""
        kernel, padding = self.kernel_size[0], int(self.padding[0])
        taps = self.weight.flip(2, 3).flatten(2).squeeze(0).T  # a score lies to the lower right of its first tap's pixel
        shares = functional.linear(image.permute(0, 2, 3, 1), taps).float().flatten(1, 2).transpose(1, 2)
        size = tuple(side + 2 * padding - kernel + 1 for side in image.shape[2:])
        scores = functional.fold(shares, size, kernel, padding=kernel - 1 - padding)
        return scores + self.bias  # type: ignore[operator]


class Discriminator(nn.Module):
    """Discriminators D1 (all strides 1, receptive field 16) and D2 (three strides of 2, receptive field 70), figure 3b.

    With 64 channels: 2,766,529 parameters. The output is a map of patch scores, not a probability.

    Args:
        settings: width, padding, input high-pass; ``instance_noise`` is for ``benchmarks.training.least_squares_gan``.
        strides: strides of the first three convolutions.
    """

    def __init__(self, settings: DiscriminatorSettings, strides: tuple[int, int, int]) -> None:
        super().__init__()
        w, pad = settings.channels, settings.padding
        self.instance_noise = settings.instance_noise
        self.high_pass = HighPass(settings.highpass_window) if settings.highpass_window else None
        layers: list[nn.Module] = [nn.Conv2d(3, w, 4, strides[0], pad), nn.LeakyReLU(SLOPE, inplace=True)]
        for inputs, outputs, stride in ((w, 2 * w, strides[1]), (2 * w, 4 * w, strides[2]), (4 * w, 8 * w, 1)):
            layers += [nn.Conv2d(inputs, outputs, 4, stride, pad), nn.BatchNorm2d(outputs), nn.LeakyReLU(SLOPE, inplace=True)]
        self.layers = nn.Sequential(*layers, ScoreConv(8 * w, 4, pad))

    def forward(self, image: Tensor) -> Tensor:
        """Patch scores ``(N, 1, h, w)`` of ``(N, 3, H, W)`` images, trained towards 1 for real and 0 for generated images."""
        if self.high_pass:
            image = 4 * self.high_pass(image)
        scores: Tensor = self.layers(image)
        return scores


def lr_discriminator(settings: DiscriminatorSettings) -> Discriminator:
    """D1, the discriminator of clean LR images: all strides are 1."""
    return Discriminator(settings, (1, 1, 1))


def hr_discriminator(settings: DiscriminatorSettings) -> Discriminator:
    """D2, the discriminator of HR images: the first three strides are 2."""
    return Discriminator(settings, (2, 2, 2))
