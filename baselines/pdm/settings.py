"""Settings of PDM-SR's degradation; the stage of SR has a schedule only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from benchmarks.api.settings import Positive, Rate, TrainingSettings, Weight
from cincgan.networks.settings import DiscriminatorSettings


@dataclass(frozen=True)
class ModuleSettings:
    """Size of the kernel module or of the noise module (published: 64 channels, 16 blocks).

    Attributes:
        channels: channels of all convolutions.
        blocks: number of residual blocks.
    """

    channels: Positive
    blocks: Positive


@dataclass(frozen=True)
class DegradationSettings:
    """Settings of stage 1, in which both modules learn to degrade HR images.

    Attributes:
        training: the schedule.
        discriminator_learning_rate: learning rate of the discriminator.
        kernel: size of the kernel module.
        noise: size of the noise module.
        discriminator: size of the discriminator of LR images.
        kernel_size: side of a kernel in HR pixels; even or odd as the scale is: its centre is the centre of an LR pixel.
        initial_sigma: standard deviation, in HR pixels, of the Gaussian that all kernels start as.
        random_kernels: whether each image gets a kernel of its own.
        input_noise: standard deviation, for images in [0, 1], of the white noise that the noise module starts as; 0 as published.
        adversarial: weight of the least-squares GAN loss.
        noise_strength: weight of the mean squared noise.
    """

    training: TrainingSettings
    discriminator_learning_rate: Rate
    kernel: ModuleSettings
    noise: ModuleSettings
    discriminator: DiscriminatorSettings
    kernel_size: Annotated[int, Meta(ge=8, le=64)]
    initial_sigma: Annotated[float, Meta(gt=0, le=16)]
    random_kernels: bool
    input_noise: Annotated[float, Meta(ge=0, le=1)]
    adversarial: Weight
    noise_strength: Weight

    def __post_init__(self) -> None:
        if self.training.batch_size < 2:
            raise ValueError("batch_size must be 2 or more: BatchNorm of the kernel module sees one value an image")
