"""The networks of DSGAN. Images are ``(N, 3, H, W)`` RGB in [0, 1]."""

from __future__ import annotations

from torch import Tensor, nn

from baselines.dsgan.settings import DiscriminatorSettings, GeneratorSettings

SLOPE = 0.2


class ResidualBlock(nn.Module):
    """Residual block: 3x3 convolution, PReLU, 3x3 convolution, skip connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        conv = [nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2)]
        self.layers = nn.Sequential(conv[0], nn.PReLU(), conv[1])

    def forward(self, features: Tensor) -> Tensor:
        """``(N, channels, H, W)`` -> the same shape."""
        residual: Tensor = self.layers(features)
        return features + residual


class Generator(nn.Module):
    """Generator of degraded LR images; with 64 channels and 8 blocks 594,380 parameters."""

    def __init__(self, settings: GeneratorSettings) -> None:
        super().__init__()
        self.global_skip = settings.global_skip
        last = nn.Conv2d(settings.channels, 3, 3, padding=1)
        if settings.global_skip:
            for parameter in last.parameters():
                nn.init.zeros_(parameter)
        first = nn.Conv2d(3, settings.channels, 3, padding=1)
        self.layers = nn.Sequential(first, nn.PReLU(), *(ResidualBlock(settings.channels) for _ in range(settings.blocks)), last)

    def forward(self, image: Tensor) -> Tensor:
        """``(N, 3, H, W)`` -> the same shape, in [0, 1] by a sigmoid; with a global skip the input and a correction."""
        out: Tensor = self.layers(image)
        return image + out if self.global_skip else out.sigmoid()


class HighPass(nn.Module):
    """High-pass filter: half the difference of an image and its local means, around 0.5; means at borders are of fewer pixels.

    Args:
        window: side of the window in pixels, odd.
    """

    def __init__(self, window: int) -> None:
        super().__init__()
        self.mean = nn.AvgPool2d(window, 1, window // 2, count_include_pad=False)

    def forward(self, image: Tensor) -> Tensor:
        """``(N, C, H, W)`` -> the same shape."""
        filtered: Tensor = (image - self.mean(image)) / 2 + 0.5
        return filtered


class Discriminator(nn.Module):
    """Discriminator of patches of 13x13 pixels, 17x17 with the filter; with 64 channels 1,030,273 parameters.

    The attribute ``instance_noise`` is for ``benchmarks.training.least_squares_gan.discriminator_scores``.
    """

    def __init__(self, settings: DiscriminatorSettings) -> None:
        super().__init__()
        width = settings.channels
        self.instance_noise = settings.instance_noise
        self.filter = HighPass(settings.highpass_window) if settings.highpass_window else nn.Identity()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 5, padding=2), nn.LeakyReLU(SLOPE, inplace=True)]
        for inputs, outputs in ((width, 2 * width), (2 * width, 4 * width)):
            layers += [nn.Conv2d(inputs, outputs, 5, padding=2), nn.BatchNorm2d(outputs), nn.LeakyReLU(SLOPE, inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(4 * width, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Logits ``(N, 1, H, W)`` of ``(N, 3, H, W)`` images: high where they look real."""
        scores: Tensor = self.layers(self.filter(image))
        return scores
