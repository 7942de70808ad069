"""Settings of the rival methods, without torch. Profiles fill them in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from benchmarks.settings import Positive, TrainingSettings
from cincgan.settings import DiscriminatorSettings, GeneratorSettings


@dataclass(frozen=True)
class EDSRSettings:
    """Size and schedule (published: 32 blocks x 256 channels, res_scale 0.1, or 16 x 64, res_scale 1)."""

    training: TrainingSettings
    channels: Positive
    blocks: Positive
    res_scale: Annotated[float, Meta(gt=0)]
    global_skip: bool  # deviation for small budgets: add the bicubic upscale, start with a zero last layer


@dataclass(frozen=True)
class FSRCNNSettings:
    """FSRCNN(features, shrunk, mappings) and its schedule (published: 56, 12, 4)."""

    training: TrainingSettings
    features: Positive
    shrunk: Positive
    mappings: Positive


@dataclass(frozen=True)
class SRGANSettings:
    """Sizes (published: 64 channels, 16 blocks), losses (BasicSR: pixel 1e-2, perceptual 1, adversarial 5e-3) and schedule."""

    training: TrainingSettings
    discriminator_learning_rate: Annotated[float, Meta(gt=0)]
    channels: Positive
    blocks: Positive
    discriminator_channels: Positive
    pixel_steps: Annotated[int, Meta(ge=0)]  # at first, on the L1 loss alone
    pixel: Annotated[float, Meta(ge=0)]
    perceptual: Annotated[float, Meta(ge=0)]
    adversarial: Annotated[float, Meta(ge=0)]
    vgg_layer: Literal["conv2_2", "conv3_3", "conv4_3", "conv5_3"]

    def __post_init__(self) -> None:
        _check_patch(self.training)


@dataclass(frozen=True)
class PairedSRGANSettings:
    """Of the fine-tuning; sizes and losses are those of the stage ``srgan``."""

    training: TrainingSettings
    pixel_steps: Annotated[int, Meta(ge=0)]

    def __post_init__(self) -> None:
        _check_patch(self.training)


def _check_patch(training: TrainingSettings) -> None:
    if training.patch_size != 32:
        raise ValueError("patch_size must be 32: the discriminator of SRGAN judges HR patches of 128 pixels")


@dataclass(frozen=True)
class PseudoSettings:
    """Correction networks, losses and schedule of pseudo-supervision; SR starts from the stage ``edsr``."""

    training: TrainingSettings
    discriminator_learning_rate: Annotated[float, Meta(gt=0)]
    sr_learning_rate: Annotated[float, Meta(gt=0)]
    input_noise: Annotated[float, Meta(ge=0, le=1)]  # std in [0, 1] of what G_YX gets beside Y, so that it can make noise
    generator: GeneratorSettings
    discriminator: DiscriminatorSettings
    adversarial: Annotated[float, Meta(ge=0)]
    cycle: Annotated[float, Meta(ge=0)]
    identity: Annotated[float, Meta(ge=0)]
