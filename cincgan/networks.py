"""The networks of CinCGAN (paper, figure 3). Inputs and outputs are ``(N, 3, H, W)`` RGB in [0, 1]."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from cincgan.settings import DiscriminatorSettings, GeneratorSettings, InnerSettings, JointSettings

SLOPE = 0.2


class ScoreConv(nn.Conv2d):
    """A square convolution of stride 1 with one output, as a matrix product: every pixel's share in each score, then their sum.

    The same numbers up to rounding as ``nn.Conv2d``'s, in a quarter of the time: convolutions are made for many outputs.
    """

    def __init__(self, inputs: int, kernel: int, padding: int) -> None:
        super().__init__(inputs, 1, kernel, padding=padding)

    def forward(self, image: Tensor) -> Tensor:
        """``(N, C, H, W)`` -> ``(N, 1, h, w)``, float32."""
        kernel, padding = self.kernel_size[0], int(self.padding[0])
        taps = self.weight.flip(2, 3).flatten(2).squeeze(0).T  # a pixel above left of a score counts as the kernel's corner
        shares = functional.linear(image.permute(0, 2, 3, 1), taps).float().flatten(1, 2).transpose(1, 2)
        size = tuple(side + 2 * padding - kernel + 1 for side in image.shape[2:])
        scores = functional.fold(shares, size, kernel, padding=kernel - 1 - padding)
        return scores + self.bias  # type: ignore[operator]


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2)


class HighPass(nn.Module):
    """``(N, C, H, W)`` less its mean over ``window x window`` (odd) neighbours; the border is reflected."""

    def __init__(self, window: int) -> None:
        super().__init__()
        self.border = (window // 2,) * 4
        self.mean = nn.AvgPool2d(window, 1)

    def forward(self, image: Tensor) -> Tensor:
        """``(N, C, H, W)`` -> the same shape."""
        mean: Tensor = self.mean(functional.pad(image, self.border, mode="reflect"))
        return image - mean


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, LeakyReLU after each, and a skip connection; no normalisation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels, 3)
        self.second = _conv(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, channels, H, W)`` -> the same shape."""
        inner = functional.leaky_relu(self.first(x), SLOPE, inplace=True)
        return x + functional.leaky_relu(self.second(inner), SLOPE, inplace=True)


class Generator(nn.Module):
    """G1 and G2 (LR to LR, ``scale=1``) and G3 (HR to LR, ``scale=4``), layer by layer as figure 3a draws them.

    With 64 channels and 6 blocks: 609,731 parameters at scale 1, 667,075 at scale 4.

    Args:
        settings: width, depth and the named deviations for small budgets.
        scale: 1, or 4 for the two stride-2 convolutions of G3.
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
            out = out + (image if self.scale == 1 else functional.avg_pool2d(image, self.scale))
        return out


class Discriminator(nn.Module):
    """D1 (``strides`` all 1, receptive field 16) and D2 (three of 2, receptive field 70), figure 3b.

    With 64 channels: 2,766,529 parameters. The output is a map of patch scores, not a probability.

    Args:
        settings: width, padding, input high-pass; ``instance_noise`` is for whoever trains it.
        strides: of the first three convolutions.
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
        """``(N, 3, H, W)`` -> ``(N, 1, h, w)`` scores; real is 1, fake is 0."""
        if self.high_pass:
            image = 4 * self.high_pass(image)
        scores: Tensor = self.layers(image)
        return scores


def lr_discriminator(settings: DiscriminatorSettings) -> Discriminator:
    """D1: judges clean LR images; all strides 1."""
    return Discriminator(settings, (1, 1, 1))


def hr_discriminator(settings: DiscriminatorSettings) -> Discriminator:
    """D2: judges HR images; the first three strides are 2."""
    return Discriminator(settings, (2, 2, 2))


def inner_networks(settings: InnerSettings) -> dict[str, nn.Module]:
    """Fresh G1, G2 and D1."""
    return {
        "g1": Generator(settings.generator),
        "g2": Generator(settings.generator),
        "d1": lr_discriminator(settings.discriminator),
    }


def outer_networks(settings: JointSettings, scale: int) -> dict[str, nn.Module]:
    """Fresh G3 and D2."""
    return {"g3": Generator(settings.g3, scale), "d2": hr_discriminator(settings.d2)}
