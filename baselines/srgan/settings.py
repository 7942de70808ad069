"""Settings of SRGAN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.api.settings import Positive, Rate, Steps, TrainingSettings, Weight
from benchmarks.training.networks.vgg_layers import VGG_CARDS, VGG_LAYERS


@dataclass(frozen=True)
class SRGANSettings:
    """Sizes (published: 64 channels, 16 blocks), losses (BasicSR: pixel 1e-2, perceptual 1, adversarial 5e-3) and schedule.

    Attributes:
        training: the schedule.
        discriminator_learning_rate: learning rate of the discriminator.
        channels: channels of the generator.
        blocks: number of residual blocks of the generator.
        discriminator_channels: channels of the discriminator's first layer.
        pixel_steps: number of steps at the start on the L1 loss alone.
        pixel: weight of the L1 loss.
        perceptual: weight of the L1 distance of VGG features.
        adversarial: weight of the vanilla GAN loss.
        vgg: network of the perceptual loss; published: VGG19.
        vgg_layer: convolution with the features that are compared; published: conv5_4.
    """

    training: TrainingSettings
    discriminator_learning_rate: Rate
    channels: Positive
    blocks: Positive
    discriminator_channels: Positive
    pixel_steps: Steps
    pixel: Weight
    perceptual: Weight
    adversarial: Weight
    vgg: Literal["vgg16", "vgg19"]
    vgg_layer: str

    def __post_init__(self) -> None:
        _check_patch(self.training)
        if self.vgg_layer not in VGG_LAYERS[self.vgg]:
            raise ValueError(f"vgg_layer {self.vgg_layer}: {self.vgg} has {', '.join(VGG_LAYERS[self.vgg])}")

    @property
    def weights(self) -> tuple[str, ...]:
        """Card of the published weights that the perceptual loss uses."""
        return (VGG_CARDS[self.vgg],)


@dataclass(frozen=True)
class PairedSRGANSettings:
    """Schedule of the fine-tuning; sizes and losses are those of the stage ``srgan``.

    Attributes:
        training: the schedule.
        pixel_steps: number of steps at the start on the L1 loss alone.
    """

    training: TrainingSettings
    pixel_steps: Steps

    def __post_init__(self) -> None:
        _check_patch(self.training)


def _check_patch(training: TrainingSettings) -> None:
    if training.patch_size != 32:
        raise ValueError("patch_size must be 32: the discriminator of SRGAN takes HR patches of 128 pixels")
