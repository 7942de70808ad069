"""The modules of PDM-SR, and the degradation that they make up. Images are ``(N, 3, H, W)`` RGB in [0, 1]."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.pdm.settings import DegradationSettings, ModuleSettings

CODE = 64  # random numbers per kernel, as published


class ResidualBlock(nn.Module):
    """Residual block: convolution, BatchNorm, ReLU, convolution, skip connection."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        first, second = (nn.Conv2d(channels, channels, kernel, padding=kernel // 2) for _ in range(2))
        self.layers = nn.Sequential(first, nn.BatchNorm2d(channels), nn.ReLU(), second)

    def forward(self, features: Tensor) -> Tensor:
        """``(N, channels, h, w)`` -> the same shape."""
        residual: Tensor = self.layers(features)
        return features + residual


def _layers(inputs: int, outputs: int, kernel: int, settings: ModuleSettings) -> nn.Sequential:
    """Layers of a module; the last one, a 1x1 convolution, starts at zero."""
    width = settings.channels
    last = nn.Conv2d(width, outputs, 1)
    for parameter in last.parameters():
        nn.init.zeros_(parameter)
    first = (nn.Conv2d(inputs, width, kernel, padding=kernel // 2), nn.BatchNorm2d(width), nn.ReLU())
    return nn.Sequential(*first, *(ResidualBlock(width, kernel) for _ in range(settings.blocks)), last)


def gaussian_logits(size: int, sigma: float) -> Tensor:
    """Logarithm of a Gaussian in the middle of ``size x size`` pixels, ``(size * size,)``: its softmax is the Gaussian."""
    distance = torch.arange(size) - (size - 1) / 2
    return -(distance[:, None].square() + distance.square()).flatten() / (2 * sigma**2)


class KernelModule(nn.Module):
    """Maker of blur kernels from random codes; with 64 channels, 16 blocks and kernels of 21x21 pixels 168,121 parameters.

    Kernels are point-symmetric, so that none shifts an image: no discriminator of LR images alone would notice a shift.

    Args:
        settings: width and depth.
        size: side of a kernel in pixels.
        sigma: standard deviation of the Gaussian that all kernels start as.
    """

    def __init__(self, settings: ModuleSettings, size: int, sigma: float) -> None:
        super().__init__()
        self.size = size
        self.layers = _layers(CODE, size**2, 1, settings)
        with torch.no_grad():
            self.layers[-1].bias.copy_(gaussian_logits(size, sigma))  # type: ignore[operator]

    def forward(self, code: Tensor) -> Tensor:
        """Codes ``(N, 64, 1, 1)`` -> kernels ``(N, 1, size, size)`` float32, each with the sum 1."""
        logits: Tensor = self.layers(code).float().flatten(1)
        return ((logits + logits.flip(1)) / 2).softmax(1).view(-1, 1, self.size, self.size)


class NoiseModule(nn.Module):
    """Maker of noise from a blurred LR image and white noise; with 64 channels and 16 blocks 1,187,587 parameters.

    Its 3x3 convolutions and a code for every pixel let noise vary from pixel to pixel, and depend on the image.

    Args:
        settings: width and depth.
        input_noise: strength of the white noise that the module starts as.
    """

    def __init__(self, settings: ModuleSettings, input_noise: float) -> None:
        super().__init__()
        self.input_noise = input_noise
        self.layers = _layers(6, 3, 3, settings)

    def forward(self, lr: Tensor, code: Tensor) -> Tensor:
        """Images and white noise ``(N, 3, h, w)`` each -> noise to be added to the images, in the same shape."""
        noise: Tensor = self.layers(torch.cat([lr, code], dim=1)) + self.input_noise * code
        return noise


def blurred(hr: Tensor, kernels: Tensor, scale: int) -> Tensor:
    """Blur each image by its kernel and keep every ``scale``-th pixel, in float32; borders are reflected.

    Args:
        hr: ``(N, 3, H, W)``.
        kernels: ``(N, 1, K, K)``, K more than ``scale``, both even or both odd: kernels' centres are centres of LR pixels.
        scale: HR pixels per LR pixel.

    Returns:
        ``(N, 3, H / scale, W / scale)``.
    """
    count, channels = hr.shape[:2]
    border = (kernels.shape[-1] - scale) // 2
    with torch.autocast(hr.device.type, enabled=False):
        padded = functional.pad(hr, (border,) * 4, mode="reflect").contiguous().flatten(0, 1)[None]
        weights = kernels.repeat_interleave(channels, dim=0)
        lr = functional.conv2d(padded, weights, stride=scale, groups=count * channels)
    return lr.view(count, channels, *lr.shape[2:])


def kernel_module(settings: DegradationSettings) -> KernelModule:
    """The kernel module in the size of its settings."""
    return KernelModule(settings.kernel, settings.kernel_size, settings.initial_sigma)


def noise_module(settings: DegradationSettings) -> NoiseModule:
    """The noise module in the size of its settings."""
    return NoiseModule(settings.noise, settings.input_noise)
