"""Settings of the rival methods, without torch. Profiles fill them in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from benchmarks.settings import Positive, Rate, Steps, TrainingSettings, Weight
from cincgan.settings import DiscriminatorSettings, GeneratorSettings


@dataclass(frozen=True)
class EDSRSettings:
    """Size and schedule (published: 32 blocks x 256 channels, res_scale 0.1, or 16 x 64, res_scale 1)."""

    training: TrainingSettings
    channels: Positive
    blocks: Positive
    res_scale: Annotated[float, Meta(gt=0, le=1e3)]
    global_skip: bool  # deviation for small budgets: add the bicubic upscale, start with a zero last layer


@dataclass(frozen=True)
class FSRCNNSettings:
    """FSRCNN(features, shrunk, mappings) and its schedule (published: 56, 12, 4)."""

    training: TrainingSettings
    features: Positive
    shrunk: Positive
    mappings: Positive


# Convolutions whose features a perceptual loss may compare, by network: their places in torchvision's ``features``.
VGG_LAYERS = {
    "vgg16": {"conv2_2": 7, "conv3_3": 14, "conv4_3": 21, "conv5_3": 28},
    "vgg19": {"conv2_2": 7, "conv3_4": 16, "conv4_4": 25, "conv5_4": 34},
}
VGG_CARDS = {"vgg16": "lpips-vgg", "vgg19": "vgg19"}  # the first has torchvision's VGG16 as its trunk


@dataclass(frozen=True)
class SRGANSettings:
    """Sizes (published: 64 channels, 16 blocks), losses (BasicSR: pixel 1e-2, perceptual 1, adversarial 5e-3) and schedule."""

    training: TrainingSettings
    discriminator_learning_rate: Rate
    channels: Positive
    blocks: Positive
    discriminator_channels: Positive
    pixel_steps: Steps  # at first, on the L1 loss alone
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
        """The card of the published weights that its loss uses."""
        return (VGG_CARDS[self.vgg],)


@dataclass(frozen=True)
class PairedSRGANSettings:
    """Of the fine-tuning; sizes and losses are those of the stage ``srgan``."""

    training: TrainingSettings
    pixel_steps: Steps

    def __post_init__(self) -> None:
        _check_patch(self.training)


def _check_patch(training: TrainingSettings) -> None:
    if training.patch_size != 32:
        raise ValueError("patch_size must be 32: the discriminator of SRGAN judges HR patches of 128 pixels")


@dataclass(frozen=True)
class PseudoSettings:
    """Correction networks, losses and schedule of pseudo-supervision; SR starts from the stage ``edsr``."""

    training: TrainingSettings
    discriminator_learning_rate: Rate
    sr_learning_rate: Rate
    input_noise: Annotated[float, Meta(ge=0, le=1)]  # std in [0, 1] of what G_YX gets beside Y, so that it can make noise
    generator: GeneratorSettings
    discriminator: DiscriminatorSettings
    adversarial: Weight
    cycle: Weight
    identity: Weight
