"""Settings of DSGAN's degradation; the stage of SR has a schedule only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from benchmarks.api.settings import Positive, Rate, TrainingSettings, Weight

NoiseLevel = Annotated[float, Meta(ge=0, le=1)]  # standard deviation for images in [0, 1]


@dataclass(frozen=True)
class GeneratorSettings:
    """Size of the generator (published: 64 channels, 8 blocks, no global skip).

    Attributes:
        channels: channels of all convolutions.
        blocks: number of residual blocks.
        global_skip: add the input in place of the sigmoid, and start with a zero last layer: a deviation for small budgets.
    """

    channels: Positive
    blocks: Positive
    global_skip: bool


@dataclass(frozen=True)
class DiscriminatorSettings:
    """Size of the discriminator (published: 64 channels, a high-pass filter of 5 pixels, no noise).

    Attributes:
        channels: channels of the first layer.
        highpass_window: window of the high-pass filter of its input, in pixels; 0 for none.
        instance_noise: standard deviation, for images in [0, 1], of noise on all input images: a deviation for small budgets.
    """

    channels: Positive
    highpass_window: Literal[0, 3, 5, 7, 9]
    instance_noise: NoiseLevel


@dataclass(frozen=True)
class DegradationSettings:
    """Settings of stage 1, in which a generator learns to degrade clean LR images.

    Attributes:
        training: the schedule.
        discriminator_learning_rate: learning rate of the discriminator.
        input_noise: standard deviation of the Gaussian noise added to the generator's input, its source of randomness.
        generator: size of the generator.
        discriminator: size of the discriminator.
        tie: weight of the colour loss, which ties local means of the degraded image to those of the clean one.
        tie_window: side of the squares of the local means, in pixels; 1 for the pixels themselves.
        tie_stride: distance of the squares.
        tie_error: error of the means.
        adversarial: weight of the adversarial loss, a cross entropy.
    """

    training: TrainingSettings
    discriminator_learning_rate: Rate
    input_noise: NoiseLevel
    generator: GeneratorSettings
    discriminator: DiscriminatorSettings
    tie: Weight
    tie_window: Positive
    tie_stride: Positive
    tie_error: Literal["absolute", "squared"]
    adversarial: Weight

    def __post_init__(self) -> None:
        if self.tie_window > self.training.patch_size:
            raise ValueError(f"tie_window {self.tie_window} is larger than patch_size {self.training.patch_size}")
